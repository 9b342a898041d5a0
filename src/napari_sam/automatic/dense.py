"""What the dense head sees of an embedding at each scale: foreground, distance and boundary."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_sam.errors import ImageError
from napari_sam.predict import Embedding, Predictor
from napari_sam.predict.embedding import Level, encode_scale
from napari_sam.progress import Cancel

Maps = NDArray[np.float32]
AskedOn = tuple[Embedding, Embedding | None]
"""What prompts are answered on: an image, and the same turned by half a turn, if both answers count."""

LARGEST = 1 << 29
"""Bytes of the features of an enlarged image that are kept: those of 2,100 x 2,100 pixels. Larger images
are asked around each object, and not turned."""


class DenseView:
    """What the dense head sees of an image at each scale, each looked at once.

    Parameters
    ----------
    predictor : Predictor
        Of a model with a dense head.
    embedding : Embedding
        Of the image.

    Attributes
    ----------
    embedding : Embedding

    Raises
    ------
    ImageError
        If the model has no dense head.
    """

    def __init__(self, predictor: Predictor, embedding: Embedding) -> None:
        if predictor.model.sam.dense_head is None:
            name = predictor.model.name
            raise ImageError(f"{name} has no dense head; choose a grid of points, or cell-tiny.")
        self.embedding = embedding
        self._predictor = predictor
        self._kept: dict[float, tuple[Embedding, Embedding]] = {}
        self._maps: dict[float, Maps] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that the embedding takes and what was seen."""
        held = self.embedding.nbytes + sum(maps.nbytes for maps in self._maps.values())
        for upright, turned in self._kept.values():  # the coarser levels of the upright one are the same
            held += sum(level.nbytes for level in upright.fine) + turned.nbytes
        return held

    def asked_on(self, scale: float) -> AskedOn:
        """Return what prompts for objects that were seen at a scale are answered on, whatever else was seen.

        Enlarged objects are asked for on the features that they were seen with, which would otherwise be made
        again around each, and on those of the image turned; if these were not too large to be kept.
        """
        return self._kept.get(scale, (self.embedding, None))

    def maps(self, scale: float = 1.0, cancelled: Cancel | None = None) -> Maps:
        """Return foreground, distance and boundary at one of the embedding's scales.

        Parameters
        ----------
        scale : float
        cancelled : callable, optional
            Asked before each part of an enlarged image whether to stop.

        Returns
        -------
        (3, h, w) float32
            Of 0 to 1, at every input pixel that shows the image.

        Raises
        ------
        Cancelled
            If `cancelled` said so.
        """
        if scale not in self._maps:
            coarse = [level for level in self.embedding.levels if level.scale == scale]
            self._maps[scale] = seen(coarse[0]) if coarse else self._enlarged(scale, cancelled)
        return self._maps[scale]

    def _enlarged(self, scale: float, cancelled: Cancel | None) -> Maps:
        """See the image enlarged, upright and turned: the mean of both parts more of what touches."""
        upright, embedding = self._whole(self.embedding, scale, cancelled)
        if not any(fine.whole for fine in embedding.fine):
            return seen(upright)
        pixels = np.ascontiguousarray(embedding.fine[0].pixels[:, ::-1, ::-1])
        other = self._predictor.embed(pixels, channel_axis=0, normalization=None, cancelled=cancelled)
        turned, other = self._whole(other, scale, cancelled)
        self._kept[scale] = embedding, other
        return np.asarray((seen(upright) + seen(turned)[:, ::-1, ::-1]) / 2)

    def _whole(self, embedding: Embedding, scale: float, cancelled: Cancel | None) -> tuple[Level, Embedding]:
        """Make the features of a fine scale, and the embedding that keeps them if they are not too large."""
        fine = list(embedding.fine)
        index = [each.scale for each in fine].index(scale)
        made = encode_scale(self._predictor.model, fine[index].pixels, scale, cancelled=cancelled)
        if sum(plane.nbytes for plane in made.features.planes) <= LARGEST:
            fine[index] = replace(fine[index], tiles=OrderedDict(), whole=made.features)
        return made, replace(embedding, fine=tuple(fine))


def seen(level: Level) -> Maps:
    """Bring what the dense head sees, the last plane of one image's features, to input pixels."""
    rows, cols = level.extent
    maps: Maps = doubled(level.features.planes[-1].float()).sigmoid()[0].cpu().numpy()
    return maps[:, :rows, :cols]


def doubled(logits: Tensor) -> Tensor:
    """Enlarge (B, C, h, w) twice; what the head says at i belongs to input pixel 2 i, as in its training."""
    height, width = logits.shape[-2:]
    between = (2 * height - 1, 2 * width - 1)
    enlarged = F.interpolate(logits, between, mode="bilinear", align_corners=True)
    return F.pad(enlarged, (0, 1, 0, 1), mode="replicate")
