"""Which automatic masks are kept: stable ones, away from a crop's edge, once each, without specks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.masks import Mask

Boxes = NDArray[np.float64]
Corners = tuple[int, int, int, int]

EDGE = 20
"""Pixels from a crop's edge within which a mask counts as cut by it."""
AROUND = np.ones((3, 3), bool)


def suppress(boxes: Boxes, scores: NDArray[np.float64], threshold: float) -> list[int]:
    """Choose boxes greedily, the best first, each unless it overlaps a chosen one (non-maximum suppression).

    Parameters
    ----------
    boxes : (N, 4)
        First and last row and column: (row_min, col_min, row_max, col_max). Their areas are differences
        of these, as in Meta's code, without the last pixel.
    scores : (N,)
        Of equal ones the first in order goes first.
    threshold : float
        Boxes of a higher IoU count as one.

    Returns
    -------
    list of int
        Indices of the chosen ones, the best first.
    """
    low, high = boxes[:, :2], boxes[:, 2:]
    areas = np.prod(high - low, axis=1)
    left = np.argsort(-scores, kind="stable")
    chosen = []
    while len(left):
        first, left = int(left[0]), left[1:]
        chosen.append(first)
        both = np.minimum(high[first], high[left]) - np.maximum(low[first], low[left])
        shared = np.prod(np.maximum(both, 0), axis=1)
        # a multiplication, because boxes of one row have no area
        left = left[shared <= threshold * (areas[first] + areas[left] - shared)]
    return chosen


def cut_by_crop(corners: Corners, crop: Corners, shape: tuple[int, int]) -> bool:
    """Say whether a mask ends near an edge of its crop that is not one of the image.

    Parameters
    ----------
    corners : (row_min, col_min, row_max, col_max)
        First and last row and column of the mask, in the image.
    crop : (row_start, col_start, row_stop, col_stop)
    shape : (Y, X)
        Of the image.
    """
    at, edges, ends = np.array(corners), np.array(crop), np.array([0, 0, *shape])
    return bool(((np.abs(at - edges) <= EDGE) & (np.abs(at - ends) > EDGE)).any())


def without_small_regions(mask: Mask, smallest: int) -> tuple[Mask, bool]:
    """Fill holes and remove pieces of less than some area; the largest piece always stays.

    Parameters
    ----------
    mask : (h, w) bool
        Not empty, without empty rows or columns at its border.
    smallest : int
        In pixels.

    Returns
    -------
    mask : (h, w) bool
    changed : bool
    """
    padded = np.pad(mask, 1)  # so that what lies outside is one large region, and no hole
    padded |= _small(~padded, smallest, keep=1)  # pieces are numbered from the first corner on
    pieces, _ = ndimage.label(padded, AROUND)
    areas = np.bincount(pieces.ravel())
    areas[0] = 0
    padded &= ~_small(padded, smallest, keep=int(np.argmax(areas)))
    cleaned = padded[1:-1, 1:-1]
    return cleaned, bool((cleaned != mask).any())


def _small(mask: Mask, smallest: int, keep: int) -> Mask:
    """Return the pieces of a mask that are too small, but for the one numbered `keep`."""
    pieces, _ = ndimage.label(mask, AROUND)
    small = np.bincount(pieces.ravel()) < smallest
    small[[0, keep]] = False
    return np.asarray(small[pieces])
