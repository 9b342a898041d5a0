"""Masks cut out of their planes, as every floor of the house knows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Origin = tuple[int, int]
Region = tuple[Origin, Mask]
"""Row and column of a mask's first pixel in its plane, and the (h, w) mask."""
Window = tuple[slice, slice]
"""Rows and columns of a plane."""
DENSE = 1 << 20
"""Up to this label, places are found without sorting all pixels."""


def filled(mask: Mask) -> Window:
    """Return the rows and columns from the first to the last that a (Y, X) mask, not empty, has pixels in."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(cols[0]), int(cols[-1]) + 1)


def cropped(origin: Origin, mask: Mask) -> Region:
    """Return a mask without empty rows and columns at its border, and where it then begins.

    An empty mask becomes one of 0 x 0 pixels. The result holds on to no larger array.
    """
    if not mask.any():
        return origin, np.zeros((0, 0), bool)
    rows, cols = filled(mask)
    return (origin[0] + rows.start, origin[1] + cols.start), mask[rows, cols].copy()


def meets(origin: Origin, shape: tuple[int, ...], window: Window) -> bool:
    """Say whether a bounding box reaches into a window; written out, because it is asked very often."""
    (row, col), (height, width), (rows, cols) = origin, shape, window
    return bool(
        row < rows.stop and rows.start < row + height and col < cols.stop and cols.start < col + width
    )


def counted(labels: NDArray[np.integer]) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Return the numbers of labels without negative ones, and the labels as their places among these.

    Small numbers stay as they are, each its own place; 0 is always the first. What is made of labels
    by the largest number, such as a table, has room then.
    """
    if (most := int(labels.max(initial=0))) <= DENSE:
        return np.arange(most + 1), labels
    values, places = np.unique(np.append(labels, labels.dtype.type(0)), return_inverse=True)
    return values, places[:-1].reshape(labels.shape)


def labelled(pixels: NDArray[Any]) -> Iterator[tuple[int, Region]]:
    """Yield every label above 0 of a plane, (Y, X) whole numbers, with its region; in order of the labels."""
    if not pixels.size:
        return
    values, places = counted(np.maximum(pixels, 0))
    for name, box in zip(values[1:].tolist(), ndimage.find_objects(places.astype(np.int32)), strict=True):
        if box is not None:  # labels that are not there
            yield name, ((box[0].start, box[1].start), pixels[box] == name)
