"""Labels of images too large to be held or drawn at once: a pyramid that can be written to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.layers._multiscale_data import MultiScaleData

from .label_stack import LabelStack, empty_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGE = 8192
"""Sides of a plane beyond which its labels are a pyramid: graphics cards draw no larger picture."""
TOP = 1024
"""Side of the coarsest level, at most, in pixels."""
MOST = 2 << 30
"""Bytes of labels that are held as they are."""

Box = tuple[slice, slice]


class LabelPyramid(MultiScaleData):
    """Labels at ever coarser levels, compressed, of which only chunks that hold some take memory.

    Indexed with an integer it gives a level, as napari wants it; with a tuple, pixels of the finest
    level, which can be assigned to. A coarser pixel has the highest of the labels under it.

    Parameters
    ----------
    shape : (..., Y, X)
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        levels = [empty_labels(shape)]
        while max(levels[-1].shape[-2:]) > TOP:
            rows, cols = (-(-side // 2) for side in levels[-1].shape[-2:])
            levels.append(empty_labels((*shape[:-2], rows, cols)))
        super().__init__(levels)

    def __getitem__(self, key: Any) -> Any:
        """Return a level, or pixels of the finest one by slices or by an array of indices an axis."""
        if isinstance(key, int | np.integer | slice):
            return super().__getitem__(key)
        arrays = any(isinstance(part, np.ndarray) for part in key)
        return self._data[0].vindex[key] if arrays else self._data[0][key]

    def __setitem__(self, key: tuple[Any, ...], values: Any) -> None:
        """Write pixels of the finest level, and what shows them above.

        Parameters
        ----------
        key : tuple
            Rows and columns of one plane as slices with a start and a stop, or an array of indices an axis.
        values : int
            One a pixel, or one for all.
        """
        *plane, rows, cols = key
        if isinstance(rows, slice):
            self._write(tuple(plane), (rows, cols), values)
            return
        indices = np.stack(np.broadcast_arrays(*key))
        values = np.broadcast_to(values, indices.shape[1:])
        for each in np.unique(indices[:-2], axis=1).T:
            here = (indices[:-2] == each[:, None]).all(axis=0)
            self._put(tuple(each.tolist()), indices[-2:, here], values[here])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the finest level, whatever it takes, since whoever saves labels wants all of them."""
        return np.array(self._data[0][...], dtype=dtype)

    def max(self, axis: None = None, out: None = None) -> int:  # noqa: ARG002 (as `numpy.max` calls it)
        """Return the highest label, without reading more than the coarsest level."""
        return int(np.max(self._data[-1][...], initial=0))

    def _put(self, plane: tuple[int, ...], indices: NDArray[np.intp], values: NDArray[Any]) -> None:
        """Write (2, N) pixels of one plane."""
        low, high = indices.min(axis=1), indices.max(axis=1) + 1
        box = (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))
        pixels = np.array(self._data[0][(*plane, *box)])
        pixels[tuple(indices - low[:, None])] = values
        self._write(plane, box, pixels)

    def _write(self, plane: tuple[int, ...], box: Box, pixels: Any) -> None:
        """Write a box of one plane."""
        self._data[0][(*plane, *box)] = pixels
        for fine, coarse in zip(self._data, self._data[1:], strict=False):
            box = _above(box)
            coarse[(*plane, *box)] = _pooled(fine, plane, box)


class PyramidLabels(Labels):
    """A Labels layer over a `LabelPyramid`, which commits write; napari itself paints on no pyramid.

    Parameters
    ----------
    data : LabelPyramid
    **options
        As `napari.layers.Labels` takes them.
    """

    def __init__(self, data: LabelPyramid, **options: Any) -> None:
        super().__init__(data, multiscale=True, **options)
        self._data = data  # napari has put the levels into a wrapper of its own

    @property
    def _type_string(self) -> str:
        """What napari calls the layer in menus, icons and files."""
        return "labels"

    def data_setitem(self, indices: Any, value: Any, refresh: bool = True) -> None:
        """Set pixels as one step of the layer's history, as napari does for other labels."""
        before = np.asarray(self.data[indices])
        changed = before != value
        if not changed.any():
            return
        indices = tuple(axis[changed] for axis in indices)
        after = np.broadcast_to(value, changed.shape)[changed]
        self._save_history((indices, before[changed], after))
        self.data[indices] = after
        if refresh:
            self.refresh(extent=False)


def new_pixels(shape: tuple[int, ...]) -> Any:
    """Return empty labels of a shape, whatever its size, for `labels_layer`.

    Parameters
    ----------
    shape : (..., Y, X)
    """
    if max(shape[-2:]) > LARGE:
        return LabelPyramid(shape)
    if np.dtype(np.int32).itemsize * math.prod(shape) > MOST:
        return LabelStack(shape)
    return np.zeros(shape, np.int32)


def labels_layer(pixels: Any, **options: Any) -> Labels:
    """Return a Labels layer of such pixels; options as `napari.layers.Labels` takes them."""
    kind = PyramidLabels if isinstance(pixels, LabelPyramid) else Labels
    return kind(pixels, **options)


def _above(box: Box) -> Box:
    """Return the rows and columns of the next coarser level that show a box."""
    rows, cols = (slice(side.start // 2, (side.stop + 1) // 2) for side in box)
    return rows, cols


def _pooled(fine: Any, plane: tuple[int, ...], box: Box) -> NDArray[np.int32]:
    """Return a coarser level's pixels in a box, each the highest of up to four of the finer level."""
    rows, cols = (slice(2 * side.start, 2 * side.stop) for side in box)
    pixels = np.asarray(fine[(*plane, rows, cols)])
    shape = [2 * (side.stop - side.start) for side in box]
    padded = np.pad(pixels, [(0, want - has) for want, has in zip(shape, pixels.shape, strict=True)])
    pooled: NDArray[np.int32] = padded.reshape(shape[0] // 2, 2, shape[1] // 2, 2).max(axis=(1, 3))
    return pooled
