"""What the dense head sees of an embedding at each scale: foreground, distance and boundary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_sam.errors import ImageError
from napari_sam.predict import Embedding, Predictor
from napari_sam.predict.embedding import Level, encode_scale
from napari_sam.predict.fine import FineLevel

Maps = NDArray[np.float32]

LARGEST = 1 << 29
"""Bytes of the features of an enlarged image that are kept: those of 2,100 x 2,100 pixels."""


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
        The same, for questions about all of the image: once all of it was seen enlarged, these features
        serve for prompts, too, where they would otherwise be made again around each.

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
        self._model = predictor.model
        self._maps: dict[float, Maps] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that the embedding takes and what was seen."""
        return self.embedding.nbytes + sum(maps.nbytes for maps in self._maps.values())

    def maps(self, scale: float = 1.0) -> Maps:
        """Return foreground, distance and boundary at one of the embedding's scales.

        Returns
        -------
        (3, h, w) float32
            Of 0 to 1, at every input pixel that shows the image.
        """
        if scale not in self._maps:
            coarse = [level for level in self.embedding.levels if level.scale == scale]
            self._maps[scale] = seen(coarse[0]) if coarse else self._enlarged(scale)
        return self._maps[scale]

    def _enlarged(self, scale: float) -> Maps:
        """See the image enlarged, upright and upside down: the mean of both parts more that touch."""
        index = [fine.scale for fine in self.embedding.fine].index(scale)
        pixels = self.embedding.fine[index].pixels
        upright, turned = (encode_scale(self._model, each, scale) for each in (pixels, pixels[:, ::-1, ::-1]))
        if sum(plane.nbytes for plane in upright.features.planes) <= LARGEST:
            fine = list(self.embedding.fine)
            fine[index] = FineLevel(scale, pixels, whole=upright.features)
            self.embedding = replace(self.embedding, fine=tuple(fine))
        return np.asarray((seen(upright) + seen(turned)[:, ::-1, ::-1]) / 2)


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
