"""What an image encoder hands to the mask decoder."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class PreparedImage(NamedTuple):
    """What the decoder can know of an image before there is a prompt; hw tokens, row by row.

    Attributes
    ----------
    image : (B, hw, width)
        The embedding with the vector for "no mask" added.
    positions : (1, hw, width)
        Position encodings.
    keys, values, queries : (B, heads, hw, C)
        Projections of `image` in the first layer, `keys` and `queries` with positions.
    """

    image: Tensor
    positions: Tensor
    keys: Tensor
    values: Tensor
    queries: Tensor


class Features(NamedTuple):
    """What an image encoder makes of (B, 3, H, W).

    Attributes
    ----------
    embedding : (B, width, H / stride, W / stride)
        The image embedding that prompts attend to.
    skips : tuple of (B, C, h, w)
        Finer features, coarse to fine (strides 4 and 2); empty for a ViT.
    prepared : PreparedImage, optional
        What serves every prompt on one frame; windows go without.
    """

    embedding: Tensor
    skips: tuple[Tensor, ...] = ()
    prepared: PreparedImage | None = None
