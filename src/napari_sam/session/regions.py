"""Labels of a plane as objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .objects import Object, Plane
from .store import ObjectStore

LARGEST = 4096 * 4096
"""Labels of larger planes are not taken for objects, which would take too long."""
DENSE = 1 << 20
"""Up to this label, places are found without sorting all pixels."""


def labels_in(labels: Any, plane: Plane, store: ObjectStore) -> list[Object]:
    """Return the labels of a plane that are none of a session's, as objects.

    Parameters
    ----------
    labels : (..., Y, X) int
    plane : tuple of int
    store : ObjectStore
        What the session knows.
    """
    return objects_in(np.asarray(labels[plane]), plane, store) if few_pixels(labels) else []


def objects_in(pixels: NDArray[Any], plane: Plane, store: ObjectStore) -> list[Object]:
    """Return the labels of a plane's pixels that are none of a session's, as `labels_in` does."""
    return [each for each in regions(pixels, plane) if each.key not in store]


def few_pixels(labels: Any) -> bool:
    """Say whether labels of planes so large are taken for objects."""
    rows, cols = labels.shape[-2:]
    return int(rows) * int(cols) <= LARGEST


def regions(pixels: NDArray[Any], plane: Plane) -> list[Object]:
    """Return every label above 0 of a plane's (Y, X) pixels as an object."""
    return [
        Object(label, plane, (rows.start, cols.start), pixels[rows, cols] == label)
        for label, rows, cols in _places(pixels)
    ]


def _places(pixels: NDArray[Any]) -> list[tuple[int, slice, slice]]:
    """Return every label of a plane, and the rows and columns that it is found in."""
    names, dense = range(1, int(np.max(pixels, initial=0)) + 1), pixels
    if len(names) > DENSE:
        found, dense = np.unique(np.maximum(pixels, 0), return_inverse=True)
        names, dense = found[found > 0].tolist(), dense.reshape(pixels.shape) + int(found[0] > 0)
    spans = ndimage.find_objects(dense.astype(np.int32))
    return [
        (name, span[0], span[1])
        for name, span in zip(names, spans, strict=True)
        if span is not None  # type: ignore[redundant-expr] # labels that are not there
    ]
