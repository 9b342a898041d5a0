"""What an image encoder hands to the mask decoder."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Features(NamedTuple):
    """What an image encoder makes of (B, 3, H, W).

    Attributes
    ----------
    embedding : (B, width, H / stride, W / stride)
        The image embedding that prompts attend to.
    skips : tuple of (B, C, h, w)
        Finer features, coarse to fine (strides 4 and 2); empty for a ViT.
    """

    embedding: Tensor
    skips: tuple[Tensor, ...] = ()
