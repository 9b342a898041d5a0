"""Labels of a plane as objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.masks import labelled

from .objects import Object, Plane
from .store import ObjectStore

LARGEST = 4096 * 4096
"""Labels of larger planes are not taken for objects, which would take too long."""


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
    return [Object(label, plane, *region) for label, region in labelled(pixels)]
