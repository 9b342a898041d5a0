"""Masks cut out of their planes, as every floor of the house knows them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Origin = tuple[int, int]
Region = tuple[Origin, Mask]
"""Row and column of a mask's first pixel in its plane, and the (h, w) mask."""
Window = tuple[slice, slice]
"""Rows and columns of a plane."""


def cropped(origin: Origin, mask: Mask) -> Region:
    """Return a mask without empty rows and columns at its border, and where it then begins.

    An empty mask becomes one of 0 x 0 pixels. The result holds on to no larger array.
    """
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return origin, np.zeros((0, 0), bool)
    part = mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    return (origin[0] + int(rows[0]), origin[1] + int(cols[0])), part.copy()


def meets(origin: Origin, shape: tuple[int, ...], window: Window) -> bool:
    """Say whether a bounding box reaches into a window; written out, because it is asked very often."""
    (row, col), (height, width), (rows, cols) = origin, shape, window
    return bool(
        row < rows.stop and rows.start < row + height and col < cols.stop and cols.start < col + width
    )
