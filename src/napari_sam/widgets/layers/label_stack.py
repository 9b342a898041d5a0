"""Labels of stacks too large to be held in memory, which take memory only where there are some."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.storage import MemoryStore

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 512
"""Side of a chunk, in pixels."""


def empty_labels(shape: tuple[int, ...]) -> Any:
    """Return a zarr array of zeros in memory, compressed, with chunks of single planes.

    Parameters
    ----------
    shape : (..., Y, X)
    """
    chunks = (*(1 for _ in shape[:-2]), *(min(CHUNK, side) for side in shape[-2:]))
    return zarr.create_array(MemoryStore(), shape=shape, chunks=chunks, dtype="int32", fill_value=0)


class LabelStack:
    """Labels that are indexed and assigned to as a NumPy array is, as napari's Labels layers want them.

    Parameters
    ----------
    shape : (..., Y, X)
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._data = empty_labels(shape)
        self._highest = 0
        self.shape, self.ndim, self.size = shape, len(shape), math.prod(shape)
        self.dtype = np.dtype(np.int32)

    def __getitem__(self, key: Any) -> NDArray[np.int32]:
        """Return pixels, reading no more chunks than they are in."""
        return np.asarray(self._data[key])

    def __setitem__(self, key: Any, values: Any) -> None:
        """Write pixels."""
        self._data[key] = values
        self._highest = max(self._highest, int(np.max(values, initial=0)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all of them, whatever that takes, since whoever saves labels wants all."""
        return np.array(self._data[...], dtype=dtype)

    def max(self, axis: None = None, out: None = None) -> int:  # noqa: ARG002 (as `numpy.max` calls it)
        """Return the highest label that there ever was, without reading any."""
        return self._highest
