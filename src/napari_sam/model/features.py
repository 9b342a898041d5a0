"""What an image encoder hands to the mask decoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
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
    dense : (B, 3, h, w), optional
        The dense head's logits, at the stride of the last skip, where the head has been asked.
    """

    embedding: Tensor
    skips: tuple[Tensor, ...] = ()
    prepared: PreparedImage | None = None
    dense: Tensor | None = None

    @property
    def planes(self) -> tuple[Tensor, ...]:
        """All that lies over the image: the embedding, the skips, and the dense head's logits if any."""
        return (self.embedding, *self.skips, *(() if self.dense is None else (self.dense,)))

    @classmethod
    def of_planes(cls, planes: Sequence[Tensor], *, dense: bool) -> Features:
        """Put together what `planes` gave, the last of which are the dense head's logits or not."""
        first, *skips = planes
        return cls(first, tuple(skips[:-1] if dense else skips), None, skips[-1] if dense else None)

    @classmethod
    def joined(cls, parts: Sequence[Features]) -> Features:
        """Join the features of several images, one after another along B."""
        together = [torch.cat(planes) for planes in zip(*[part.planes for part in parts], strict=True)]
        return cls.of_planes(together, dense=parts[0].dense is not None)

    def each(self, change: Callable[[Tensor, int], Tensor]) -> Features:
        """Change every plane by a function of it and of how many octaves it is finer than the embedding."""
        finest = len(self.skips)
        changed = [change(plane, min(finer, finest)) for finer, plane in enumerate(self.planes)]
        return self.of_planes(changed, dense=self.dense is not None)
