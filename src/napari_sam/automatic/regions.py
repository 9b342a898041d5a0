"""Masks as regions of a plane: compared, and blended into one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_sam.masks import Region, cropped
from napari_sam.predict.drawn import signed_distance


def region_iou(one: Region, other: Region) -> float:
    """Return the IoU of two regions of the same plane; 0 if both are empty."""
    shift = np.subtract(other[0], one[0])
    low, high = np.maximum(shift, 0), np.minimum(shift + other[1].shape, one[1].shape)
    both = 0
    if (high > low).all():
        (top, left), (bottom, right) = low - shift, high - shift
        here = one[1][low[0] : high[0], low[1] : high[1]]
        both = int(np.count_nonzero(here & other[1][top:bottom, left:right]))
    union = int(np.count_nonzero(one[1])) + int(np.count_nonzero(other[1])) - both
    return both / union if union else 0.0


def blend(one: Region, other: Region, share: float) -> Region:
    """Return the region between two: their signed distances are mixed, once their centroids coincide.

    Centroids are rounded to pixels once, so that what does not move stays where it is.

    Parameters
    ----------
    one, other : Region
        Neither empty.
    share : float
        How far to go from `one` (0) to `other` (1).
    """
    middles = [np.rint(np.argwhere(mask).mean(axis=0)).astype(int) for _, mask in (one, other)]
    reach = max(
        int(np.abs([m, np.array(r[1].shape) - m]).max()) for m, r in zip(middles, (one, other), strict=True)
    )
    centre = reach + 2
    distances = []
    for (_, mask), middle in zip((one, other), middles, strict=True):
        canvas = np.zeros((2 * centre + 1, 2 * centre + 1), bool)
        row, col = centre - middle
        canvas[row : row + mask.shape[0], col : col + mask.shape[1]] = mask
        distances.append(signed_distance(canvas))
    mixed = (1 - share) * distances[0] + share * distances[1] > 0
    ends = [np.add(region[0], middle) for region, middle in zip((one, other), middles, strict=True)]
    row, col = np.floor((1 - share) * ends[0] + share * ends[1] + 0.5).astype(int) - centre
    return cropped((int(row), int(col)), mixed)


def within(region: Region, shape: tuple[int, int]) -> Region:
    """Return what of a region lies in a plane of (Y, X) pixels."""
    (row, col), mask = region
    kept = mask[max(-row, 0) : max(shape[0] - row, 0), max(-col, 0) : max(shape[1] - col, 0)]
    return cropped((max(row, 0), max(col, 0)), kept)


def write_free(plane: NDArray[np.integer], region: Region, number: int) -> None:
    """Write a number into the pixels of a region that are 0 in a plane."""
    (row, col), mask = region
    place = plane[row : row + mask.shape[0], col : col + mask.shape[1]]
    place[mask & (place == 0)] = number
