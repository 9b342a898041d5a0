"""Every object of an image at once, from the dense head: foreground, distance and boundary to labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from napari_sam.predict import Embedding, Predictor

from .dense import Maps, dense_maps

Labels = NDArray[np.int32]


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
    smallest_diameter, largest_diameter : float
        A finer scale is taken where the median object is fewer input pixels across, and a coarser one
        while it is more.
    """

    foreground: float = 0.5
    seed: float = 0.35
    smoothing: float = 1.5
    smallest: float = 4.0
    smallest_diameter: float = 20.0
    largest_diameter: float = 60.0


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
    maps: dict[float, Maps] | None = None,
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
    scales = [level.scale for level in embedding.levels]
    labels, diameter = _at(scales[0], predictor, embedding, settings, maps)
    scale = scales[0]
    if embedding.fine and 0 < diameter < settings.smallest_diameter:
        scale = embedding.fine[0].scale
        labels, _ = _at(scale, predictor, embedding, settings, maps)
    for coarser in scales[1:]:
        if diameter <= settings.largest_diameter:
            break
        scale = coarser
        labels, diameter = _at(scale, predictor, embedding, settings, maps)
    return to_image(labels, embedding.shape, scale)


def _at(
    scale: float,
    predictor: Predictor,
    embedding: Embedding,
    settings: DenseSettings,
    maps: dict[float, Maps],
) -> tuple[Labels, float]:
    """Return the objects found at a scale, and their median diameter in its pixels; 0 for none."""
    if scale not in maps:
        maps[scale] = dense_maps(predictor, embedding, scale)
    labels = watershed_instances(maps[scale], settings)
    areas = np.bincount(labels.ravel())[1:]
    return labels, float(2 * np.sqrt(np.median(areas) / np.pi)) if len(areas) else 0.0


def to_image(labels: Labels, shape: tuple[int, int], scale: float) -> Labels:
    """Bring labels of one scale to the image's (Y, X) pixels."""
    if labels.shape == shape:
        return labels
    rows, cols = (
        np.minimum(np.ceil((np.arange(side) + 0.5) * scale).astype(int), count) - 1
        for side, count in zip(shape, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, cols)]
