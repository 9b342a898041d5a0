"""Every object of an image at once, from the dense head: foreground, distance and boundary to labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed
from torch.nn import functional as F

from napari_sam.errors import ImageError
from napari_sam.model import Features
from napari_sam.predict import Embedding, Predictor
from napari_sam.predict.running import running

Labels = NDArray[np.int32]
Maps = NDArray[np.float32]


@dataclass(frozen=True)
class DenseSettings:
    """How maps become objects.

    Attributes
    ----------
    foreground : float
        Probability above which a pixel belongs to an object.
    seed : float
        Smoothed distance, as a share of an object's largest, above which an object's middle begins.
    smoothing : float
        Of the distance before seeds are taken, in input pixels.
    smallest : float
        Objects of a smaller diameter are left out, in input pixels.
    largest_diameter : float
        A coarser scale is taken while the median object is more input pixels across.
    """

    foreground: float = 0.5
    seed: float = 0.45
    smoothing: float = 1.0
    smallest: float = 4.0
    largest_diameter: float = 90.0


def dense_maps(predictor: Predictor, embedding: Embedding, level: int = 0) -> Maps:
    """Return the dense head's foreground, distance and boundary at one scale of an embedding.

    Parameters
    ----------
    predictor : Predictor
        Of a model with a dense head.
    embedding : Embedding
    level : int
        Which of the embedding's scales.

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
    held = embedding.levels[level]
    with running(model):
        skips = tuple(skip.to(model.dtype) for skip in held.features.skips)
        logits = model.sam.predict_dense(Features(held.features.embedding, skips)).float()
        maps = F.interpolate(logits, scale_factor=2, mode="bilinear").sigmoid()[0]
    rows, cols = held.extent
    out: Maps = maps[:, :rows, :cols].cpu().numpy()
    return out


def watershed_instances(maps: Maps, settings: DenseSettings | None = None) -> Labels:
    """Cut the foreground into objects, one around every peak of the distance.

    Parameters
    ----------
    maps : (3, h, w) float32
        Foreground, distance, boundary, of 0 to 1.
    settings : DenseSettings, optional

    Returns
    -------
    (h, w) int32
        0 background, 1 to N.
    """
    settings = settings or DenseSettings()
    foreground, distance, boundary = maps
    inside = foreground > settings.foreground
    height = ndimage.gaussian_filter(distance * (1 - boundary), settings.smoothing)
    seeds, _ = ndimage.label(inside & (height > settings.seed))
    labels = watershed(-height, seeds, mask=inside)
    areas = np.bincount(labels.ravel())
    keep = areas >= np.pi / 4 * settings.smallest**2
    keep[0] = False
    numbers = np.cumsum(keep) * keep
    return np.asarray(numbers[labels], np.int32)


def dense_instances(
    predictor: Predictor,
    embedding: Embedding,
    settings: DenseSettings | None = None,
    maps: dict[int, Maps] | None = None,
) -> Labels:
    """Find every object by the dense head and a plain watershed, at the scale that suits their size.

    Parameters
    ----------
    predictor : Predictor
        Of a model with a dense head.
    embedding : Embedding
        Of the image.
    settings : DenseSettings, optional
    maps : dict, optional
        Holds what the dense head gave at each scale that was looked at, for the next call on the same
        embedding.

    Returns
    -------
    (Y, X) int32
        0 background, 1 to N.

    Raises
    ------
    ImageError
        If the model has no dense head.
    """
    settings, maps = settings or DenseSettings(), {} if maps is None else maps
    labels = np.zeros((1, 1), np.int32)
    for level in range(len(embedding.levels)):
        if level not in maps:
            maps[level] = dense_maps(predictor, embedding, level)
        labels = watershed_instances(maps[level], settings)
        areas = np.bincount(labels.ravel())[1:]
        if not len(areas) or 2 * np.sqrt(np.median(areas) / np.pi) <= settings.largest_diameter:
            break
    return to_image(labels, embedding, level)


def to_image(labels: Labels, embedding: Embedding, level: int) -> Labels:
    """Bring labels of one scale to the image's pixels."""
    if labels.shape == embedding.shape:
        return labels
    scale = embedding.levels[level].scale
    index = [
        np.minimum((np.arange(side) * scale).astype(int), count - 1)
        for side, count in zip(embedding.shape, labels.shape, strict=True)
    ]
    return labels[np.ix_(*index)]
