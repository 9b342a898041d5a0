"""Labels that are there already, as objects that can be edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_sam.session import Object

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam.session import Plane
    from napari_sam.session.store import ObjectStore

LARGEST = 4096 * 4096
"""Labels of larger planes are not taken for objects, which would take too long."""
DENSE = 1 << 20
"""Up to this label, places are found without sorting all pixels."""


def labels_in(labels: Any, plane: Plane, store: ObjectStore) -> list[Object]:
    """Return an object for each label of a plane that is none in a store.

    Parameters
    ----------
    labels : (..., Y, X) int
    plane : tuple of int
    store : ObjectStore
    """
    if np.prod(labels.shape[-2:]) > LARGEST:
        return []
    pixels = np.asarray(labels[plane])
    return [
        Object(label, plane, (rows.start, cols.start), pixels[rows, cols] == label)
        for label, rows, cols in _places(pixels)
        if (label, plane) not in store
    ]


def _places(pixels: NDArray[Any]) -> list[tuple[int, slice, slice]]:
    """Return every label of a plane, and the rows and columns that it is found in."""
    names, dense = range(1, int(np.max(pixels, initial=0)) + 1), pixels
    if len(names) > DENSE:
        found, dense = np.unique(np.maximum(pixels, 0), return_inverse=True)
        names, dense = found[found > 0].tolist(), dense.reshape(pixels.shape) + int(found[0] > 0)
    spans = ndimage.find_objects(dense.astype(np.int32))
    return [
        (name, *span)
        for name, span in zip(names, spans, strict=True)
        if span is not None  # type: ignore[redundant-expr] # labels that are not there
    ]
