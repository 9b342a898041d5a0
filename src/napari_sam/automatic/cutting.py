"""The dense head's maps of foreground, distance and boundary, cut into objects at one scale."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_sam.errors import ImageError

from .dense import Maps
from .given import check_kinds, settings_given

Labels = NDArray[np.int32]

LEAST = 4.0
"""Diameter in input pixels below which nothing is an object, at whatever scale it is seen."""
LEAST_SMOOTHING = 1.5
"""Input pixels by which the distance is smoothed however small the objects are."""
CUT = 0.5
"""Threshold of the foreground at which objects are cut, at the most; a higher one narrows them."""
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
        Probability above which a pixel belongs to an object. Above `CUT` it takes pixels from the objects
        that are cut there, and parts none: the higher, the fewer and tighter they are.
    seed : float
        Smoothed distance, as a share of an object's largest, above which an object's middle may lie.
    prominence : float
        How far the distance falls between two peaks that are two objects.
    smoothing : float
        Of the distance before seeds are taken, as a share of the objects' diameter.
    smallest, largest : float
        Diameters in data pixels, beyond which objects are left out; no `largest` is None. Too large ones do
        not tell at which scale to look, either.
    smallest_diameter, largest_diameter : float
        A finer scale is taken where the objects are fewer input pixels across, and a coarser one
        while they are more.
    uneven : float
        Where the median object has less than this share of the diameter that most of the foreground
        lies in, large objects are in pieces, and two scales are seen together.

    Raises
    ------
    ImageError
        If a number makes no sense.
    TypeError
        If a value is of another kind, such as text.
    """

    foreground: float = 0.5
    seed: float = 0.3
    prominence: float = 0.1
    smoothing: float = 0.1
    smallest: float = 0.0
    largest: float | None = None
    smallest_diameter: float = 36.0
    largest_diameter: float = 60.0
    uneven: float = 0.8

    def __post_init__(self) -> None:
        check_kinds(self)
        if not (0 <= self.foreground <= 1 and 0 <= self.prominence <= 1):
            raise ImageError("Foreground and prominence are shares; give numbers of 0 to 1.")
        high = np.inf if self.largest is None else self.largest
        if not 0 <= self.smallest <= high:
            raise ImageError(
                f"No object is from {self.smallest:g} to {high:g} pixels across; give other sizes."
            )

    @property
    def cutting(self) -> DenseSettings:
        """The settings that objects are cut with, before a high `foreground` narrows them."""
        return replace(self, foreground=min(self.foreground, CUT))

    @property
    def faint(self) -> float:
        """Probability above which a pixel belongs to what a second look finds: 1 where `foreground` is."""
        if self.foreground <= CUT:
            return FAINT * self.foreground
        return 1 - (1 - FAINT * CUT) * (1 - self.foreground) / (1 - CUT)

    @property
    def areas(self) -> tuple[float, float]:
        """The least and the most pixels of an object: those of discs of such diameters."""
        return disc(self.smallest), np.inf if self.largest is None else disc(self.largest)


def disc(diameter: float) -> float:
    """Return the area of a disc."""
    return float(np.pi / 4 * diameter**2)


def watershed_instances(
    maps: Maps, settings: DenseSettings | None = None, diameter: float = 0.0, scale: float = 1.0
) -> Labels:
    """Cut the foreground into objects, one around every prominent peak of the distance.

    Parameters
    ----------
    maps : (3, h, w) float32
        Foreground, distance, boundary, of 0 to 1.
    settings : DenseSettings, optional
    diameter : float
        Of the objects, in the maps' pixels, where it is known.
    scale : float
        The maps' pixels a data pixel.

    Returns
    -------
    (h, w) int32
        0 background, 1 to N.
    """
    settings = settings_given(settings, DenseSettings)
    return cut(maps, settings, max(LEAST_SMOOTHING, settings.smoothing * diameter), scale)


def faint_instances(
    maps: Maps,
    found: Labels,
    settings: DenseSettings | None = None,
    diameter: float = 0.0,
    scale: float = 1.0,
) -> Labels:
    """Cut fainter and flatter things out of what a first look left; many of them are no objects.

    Parameters
    ----------
    maps, settings, diameter, scale
        As `watershed_instances` takes them.
    found : (h, w) int32
        What it found.

    Returns
    -------
    (h, w) int32
        0 background and all that was found before, 1 to N.
    """
    settings = settings_given(settings, DenseSettings)
    lower = replace(
        settings,
        foreground=settings.faint,
        seed=SLIGHT * settings.seed,
        prominence=SLIGHT * settings.prominence,
    )
    left = np.stack([np.where(found > 0, 0, maps[0]), *maps[1:]])
    return cut(left, lower, max(LEAST_SMOOTHING, SLIGHT * settings.smoothing * diameter), scale)


def cut(maps: Maps, settings: DenseSettings, smoothing: float, scale: float, least: float = LEAST) -> Labels:
    """Cut the foreground into objects, with the distance smoothed by so many of the maps' pixels.

    Nothing with a diameter of less than so many of the maps' pixels is an object.
    """
    foreground, distance, boundary = maps
    inside = foreground > settings.foreground
    height = ndimage.gaussian_filter(distance * (1 - boundary), smoothing)
    labels = watershed(-height, _seeds(height, inside, settings), mask=inside)
    areas = np.bincount(labels.ravel())
    low, high = (area * scale**2 for area in settings.areas)
    keep = (areas >= max(low, disc(least))) & (areas <= high)
    keep[0] = False
    numbers = np.cumsum(keep) * keep
    return np.asarray(numbers[labels], np.int32)


def narrowed(labels: Labels, foreground: NDArray[np.float32], least: float) -> Labels:
    """Take pixels from objects whose foreground is no higher; the largest piece of each stays.

    Parameters
    ----------
    labels : (h, w) int32
        0 background, 1 to N.
    foreground : (h, w) float32
    least : float

    Returns
    -------
    (h, w) int32
        0 background, 1 to at most N.
    """
    outside = (labels > 0) & (foreground <= least)
    if not outside.any():  # as after a cut that was no lower
        return labels
    inside = np.where(outside, 0, labels)
    pieces = label(inside, connectivity=1)
    areas = np.bincount(pieces.ravel())
    areas[0] = 0
    whose = np.zeros(len(areas), np.int32)
    whose[pieces] = inside
    kept = np.zeros(len(areas), np.int32)
    ordered = np.lexsort((-areas, whose))  # of each object, the largest piece first
    ordered = ordered[areas[ordered] >= disc(LEAST)]
    first = ordered[np.unique(whose[ordered], return_index=True)[1]]
    kept[first] = np.arange(1, len(first) + 1)
    return np.asarray(kept[pieces])


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


def sizes(labels: Labels) -> tuple[float, float]:
    """Return the median object's diameter, and that of the object with the median pixel; 0 for none."""
    areas = np.sort(np.bincount(labels.ravel())[1:])
    if not len(areas):
        return 0.0, 0.0
    covered = np.cumsum(areas)
    middle = areas[np.searchsorted(covered, covered[-1] / 2)]
    return float(2 * np.sqrt(np.median(areas) / np.pi)), float(2 * np.sqrt(middle / np.pi))
