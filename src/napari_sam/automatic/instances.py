"""Every object of an image at once, from the dense head: foreground, distance and boundary to labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed
from torch.nn import functional as F

from napari_sam.progress import Cancel

from .dense import DenseView, Maps

Labels = NDArray[np.int32]


LEAST_SMOOTHING = 1.5
"""Input pixels by which the distance is smoothed however small the objects are."""
OTHER = 2.0
"""Times by which what is seen at a coarser scale is larger, or else it is the same objects."""
FAINT = 0.3
"""Share of the foreground's threshold from which a second look takes what the first left."""
SLIGHT = 0.5
"""Share of the depth of objects, and of its smoothing, that a second look asks for."""
EIGHT = np.ones((3, 3), bool)
"""Neighbours of a pixel, corners included."""


@dataclass(frozen=True)
class DenseSettings:
    """How maps become objects.

    Attributes
    ----------
    foreground : float
        Probability above which a pixel belongs to an object.
    seed : float
        Smoothed distance, as a share of an object's largest, above which an object's middle may lie.
    prominence : float
        How far the distance falls between two peaks that are two objects.
    smoothing : float
        Of the distance before seeds are taken, as a share of the objects' diameter.
    smallest : float
        Objects of a smaller diameter are left out, in input pixels.
    smallest_diameter, largest_diameter : float
        A finer scale is taken where the objects are fewer input pixels across, and a coarser one
        while they are more.
    uneven : float
        Where the median object has less than this share of the diameter that most of the foreground
        lies in, large objects are in pieces, and two scales are seen together.
    """

    foreground: float = 0.5
    seed: float = 0.3
    prominence: float = 0.1
    smoothing: float = 0.1
    smallest: float = 4.0
    smallest_diameter: float = 36.0
    largest_diameter: float = 60.0
    uneven: float = 0.8


def watershed_instances(maps: Maps, settings: DenseSettings | None = None, diameter: float = 0.0) -> Labels:
    """Cut the foreground into objects, one around every prominent peak of the distance.

    Parameters
    ----------
    maps : (3, h, w) float32
        Foreground, distance, boundary, of 0 to 1.
    settings : DenseSettings, optional
    diameter : float
        Of the objects, in the maps' pixels, where it is known.

    Returns
    -------
    (h, w) int32
        0 background, 1 to N.
    """
    settings = settings or DenseSettings()
    return _cut(maps, settings, max(LEAST_SMOOTHING, settings.smoothing * diameter))


def faint_instances(
    maps: Maps, found: Labels, settings: DenseSettings | None = None, diameter: float = 0.0
) -> Labels:
    """Cut fainter and flatter things out of what a first look left; many of them are no objects.

    Parameters
    ----------
    maps, settings, diameter
        As `watershed_instances` takes them.
    found : (h, w) int32
        What it found.

    Returns
    -------
    (h, w) int32
        0 background and all that was found before, 1 to N.
    """
    settings = settings or DenseSettings()
    lower = replace(
        settings,
        foreground=FAINT * settings.foreground,
        seed=SLIGHT * settings.seed,
        prominence=SLIGHT * settings.prominence,
    )
    left = np.stack([np.where(found > 0, 0, maps[0]), *maps[1:]])
    return _cut(left, lower, max(LEAST_SMOOTHING, SLIGHT * settings.smoothing * diameter))


def _cut(maps: Maps, settings: DenseSettings, smoothing: float) -> Labels:
    """Cut the foreground into objects, with the distance smoothed by so many of the maps' pixels."""
    foreground, distance, boundary = maps
    inside = foreground > settings.foreground
    height = ndimage.gaussian_filter(distance * (1 - boundary), smoothing)
    labels = watershed(-height, _seeds(height, inside, settings), mask=inside)
    areas = np.bincount(labels.ravel())
    keep = areas >= np.pi / 4 * settings.smallest**2
    keep[0] = False
    numbers = np.cumsum(keep) * keep
    return np.asarray(numbers[labels], np.int32)


def _seeds(height: Maps, inside: NDArray[np.bool_], settings: DenseSettings) -> Labels:
    """Mark and number each object at its peak: where the height stands out within the foreground.

    What joins two peaks is higher than `seed - prominence`, or it parts them. So each region that is as
    high is searched by itself, which is quick, and all that is lower is not looked at.
    """
    floor = settings.seed - settings.prominence
    regions, _ = ndimage.label(inside & (height > floor))
    seeds = np.zeros(height.shape, np.int32)
    count = 0
    for number, box in enumerate(ndimage.find_objects(regions), 1):
        here = np.where(regions[box] == number, height[box], floor)
        if here.max() > settings.seed:
            for row, col in _peaks(np.pad(here, 1, constant_values=floor), settings):
                count += 1
                seeds[box[0].start + row - 1, box[1].start + col - 1] = count
    return seeds


def _peaks(height: Maps, settings: DenseSettings) -> list[tuple[int, int]]:
    """Return the (row, col) of peaks between which the height falls enough; of equal ones without it, one."""
    level = reconstruction(height - settings.prominence, height)
    tops, count = ndimage.label(local_maxima(level), EIGHT)
    places = np.reshape(ndimage.maximum_position(height, tops, range(1, count + 1)), (count, 2)).tolist()
    return [(row, col) for row, col in places if height[row, col] > settings.seed]


def dense_instances(view: DenseView, settings: DenseSettings | None = None) -> Labels:
    """Find every object by the dense head and a plain watershed, at the scale that suits their size.

    Parameters
    ----------
    view : DenseView
        Of the image.
    settings : DenseSettings, optional

    Returns
    -------
    (Y, X) int32
        0 background, 1 to N.
    """
    settings = settings or DenseSettings()
    maps, scale, diameter = _looked(view, settings)
    return to_image(watershed_instances(maps, settings, diameter), view.embedding.shape, scale)


def two_looks(
    view: DenseView, settings: DenseSettings | None = None, cancelled: Cancel | None = None
) -> tuple[Labels, Labels]:
    """Find every object as `dense_instances` does, and, where none was found, what might be one.

    Parameters
    ----------
    view, settings
        As `dense_instances` takes them.
    cancelled : callable, optional
        Asked in between whether to stop.

    Returns
    -------
    found, faint : (Y, X) int32
        0 background, 1 to N; no pixel is in both.

    Raises
    ------
    Cancelled
        If `cancelled` said so.
    """
    settings = settings or DenseSettings()
    maps, scale, diameter = _looked(view, settings, cancelled)
    found = watershed_instances(maps, settings, diameter)
    faint = faint_instances(maps, found, settings, diameter)
    shape = view.embedding.shape
    return to_image(found, shape, scale), to_image(faint, shape, scale)


def _looked(
    view: DenseView, settings: DenseSettings, cancelled: Cancel | None = None
) -> tuple[Maps, float, float]:
    """Return the maps that suit the objects, their scale, and the objects' diameter in their pixels."""
    scale, diameter, pieces = _suited(view, settings)
    fine = bool(view.embedding.fine) and 0 < diameter < settings.smallest_diameter
    if fine:
        scale = view.embedding.fine[0].scale
    maps = view.maps(scale, cancelled)
    if pieces and not fine:
        maps = together(maps, view.maps(pieces))
    return maps, scale, diameter * scale


def _suited(view: DenseView, settings: DenseSettings) -> tuple[float, float, float]:
    """Return the scale that suits the objects, their diameter, and a coarser one if they are in pieces, or 0.

    Where a coarser scale shows things of another size, they are what holds the objects, such as a tissue,
    and not the objects; then most objects tell the size, and not most pixels.
    """
    scale, *coarser = [level.scale for level in view.embedding.levels]
    median, diameter = _looked_at(view.maps(scale), scale, settings)
    while coarser:
        large = diameter * scale > settings.largest_diameter
        small = bool(view.embedding.fine) and diameter < settings.smallest_diameter
        if not large and (small or median >= settings.uneven * diameter):
            break
        wider = _looked_at(view.maps(coarser[0]), coarser[0], settings)
        if wider[1] > OTHER * diameter:
            return scale, median, 0.0
        if not large:
            return scale, diameter, coarser[0]
        (scale, *coarser), (median, diameter) = coarser, wider
    return scale, diameter, 0.0


def _looked_at(maps: Maps, scale: float, settings: DenseSettings) -> tuple[float, float]:
    """Return what `sizes` says of a first cut, made of every second pixel, in data pixels."""
    half = replace(settings, smallest=settings.smallest / 2)
    median, middle = sizes(_cut(maps[:, ::2, ::2], half, LEAST_SMOOTHING / 2))
    return 2 * median / scale, 2 * middle / scale


def sizes(labels: Labels) -> tuple[float, float]:
    """Return the median object's diameter, and that of the object with the median pixel; 0 for none."""
    areas = np.sort(np.bincount(labels.ravel())[1:])
    if not len(areas):
        return 0.0, 0.0
    covered = np.cumsum(areas)
    middle = areas[np.searchsorted(covered, covered[-1] / 2)]
    return float(2 * np.sqrt(np.median(areas) / np.pi)), float(2 * np.sqrt(middle / np.pi))


def together(fine: Maps, coarse: Maps) -> Maps:
    """Return the mean of maps of two scales, at the pixels of the finer one."""
    enlarged = F.interpolate(torch.from_numpy(coarse)[None], fine.shape[1:], mode="bilinear")[0].numpy()
    return np.asarray((fine + enlarged) / 2)


def to_image(labels: Labels, shape: tuple[int, int], scale: float) -> Labels:
    """Bring labels of one scale to the image's (Y, X) pixels."""
    if labels.shape == shape:
        return labels
    rows, cols = (
        np.minimum(np.ceil((np.arange(side) + 0.5) * scale).astype(int), count) - 1
        for side, count in zip(shape, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, cols)]
