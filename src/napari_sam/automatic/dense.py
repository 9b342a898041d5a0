"""What the dense head sees at one scale of an embedding: foreground, distance and boundary."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_sam.errors import ImageError
from napari_sam.model import Features
from napari_sam.predict import Embedding, Predictor
from napari_sam.predict.embedding import COARSEST_STRIDE, encode_tile, tiles
from napari_sam.predict.fine import FineLevel
from napari_sam.predict.image import resize
from napari_sam.weights import LoadedModel

Maps = NDArray[np.float32]


def dense_maps(predictor: Predictor, embedding: Embedding, scale: float = 1.0) -> Maps:
    """Return the dense head's foreground, distance and boundary at one scale of an embedding.

    Parameters
    ----------
    predictor : Predictor
        Of a model with a dense head.
    embedding : Embedding
    scale : float
        One of the embedding's scales; a fine one is encoded here, whole.

    Returns
    -------
    (3, h, w) float32
        Of 0 to 1, at every input pixel that shows the image.

    Raises
    ------
    ImageError
        If the model has no dense head.
    """
    model = predictor.model
    if model.sam.dense_head is None:
        raise ImageError(f"{model.name} has no dense head; choose a grid of points, or cell-tiny.")
    for fine in embedding.fine:
        if fine.scale == scale:
            return _fine_maps(model, fine)
    level = embedding.levels[[each.scale for each in embedding.levels].index(scale)]
    rows, cols = level.extent
    return _maps(level.features)[:, :rows, :cols]


def _fine_maps(model: LoadedModel, fine: FineLevel) -> Maps:
    """Enlarge an image and see it tile by tile."""
    extent = tuple(round(side * fine.scale) for side in fine.pixels.shape[1:])
    enlarged = torch.from_numpy(resize(fine.pixels.astype(np.float32), (extent[0], extent[1])))
    margins = [-side % COARSEST_STRIDE for side in extent]
    image = F.pad(enlarged, (0, margins[1], 0, margins[0]))
    out = np.empty((3, *image.shape[1:]), np.float32)
    for core, halo in tiles((image.shape[1], image.shape[2])):
        (top, bottom), (left, right) = core
        out[:, top:bottom, left:right] = _maps(encode_tile(model, image, core, halo))
    return out[:, : extent[0], : extent[1]]


def _maps(features: Features) -> Maps:
    """Bring what the dense head sees to input pixels."""
    if features.dense is None:
        raise ImageError("This embedding was made without a dense head; embed the image again.")
    return doubled(features.dense.float()).sigmoid()[0].cpu().numpy()


def doubled(logits: Tensor) -> Tensor:
    """Enlarge (B, C, h, w) twice; what the head says at i belongs to input pixel 2 i, as in its training."""
    height, width = logits.shape[-2:]
    between = (2 * height - 1, 2 * width - 1)
    enlarged = F.interpolate(logits, between, mode="bilinear", align_corners=True)
    return F.pad(enlarged, (0, 1, 0, 1), mode="replicate")
