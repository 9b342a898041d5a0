"""Images from files as the layers that were annotated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

if TYPE_CHECKING:
    from ..predict import Normalization, PlaneWindow
    from ..session import Plane


class Planes:
    """Reads parts of planes, with the channels that a session saw.

    Parameters
    ----------
    arrays : sequence of arrays
        Anything that can be sliced: the image, or one a layer where several were mixed.
    shape : tuple of int
        Of the session's labels.
    channel_axis : int, optional
        Of the image; found out from the shapes, if it is the last one, and noted where channels were chosen.
    """

    def __init__(self, arrays: Sequence[Any], shape: tuple[int, ...], channel_axis: int | None) -> None:
        self._arrays, self._shape, self._axis = arrays, shape, channel_axis

    def __call__(self, plane: Plane, window: PlaneWindow, seen: Normalization) -> NDArray[Any]:
        """Return the pixels of a part, (Y, X) or (Y, X, C).

        Raises
        ------
        DataError
            If the image is not of the shape that was annotated, or lacks layers.
        """
        if seen.channel_axis is not None:
            places = [int(place) for place in seen.channels]
            return self._chosen(plane, window, seen.channel_axis, places)
        layers = len(seen.channels) or 1
        if len(self._arrays) == layers > 1:
            return np.stack([self._part(array, plane, window) for array in self._arrays], axis=-1)
        part = self._part(self._arrays[0], plane, window)
        if layers > 1 and (len(self._arrays) > 1 or part.ndim == 2 or part.shape[-1] != layers):
            names = ", ".join(map(repr, seen.channels))
            raise DataError(f"The layers {names} were mixed; give their files, in this order, with --image.")
        return part

    def _chosen(self, plane: Plane, window: PlaneWindow, axis: int, places: Sequence[int]) -> NDArray[Any]:
        """Return channels of a layer whose labels leave its axis of channels out, or keep one of it."""
        array, after = self._arrays[0], axis + 1 if axis else 0
        indices = [(*plane[:axis], place, *plane[after:]) for place in places]
        if len(array.shape) != len(indices[0]) + 2 or tuple(array.shape[-2:]) != window.plane:
            raise self._misshapen(array)
        return np.stack([np.asarray(array[(*index, *window.index)]) for index in indices], axis=-1)

    def _part(self, array: Any, plane: Plane, window: PlaneWindow) -> NDArray[Any]:
        axes = list(range(len(array.shape)))
        channels = None
        if self._axis is not None and self._axis not in range(-len(axes), len(axes)):
            raise self._misshapen(array)
        if self._axis is not None or (len(axes) > 2 and tuple(array.shape[:-1]) == self._shape):
            channels = axes.pop(-1 if self._axis is None else self._axis)
        here = tuple(array.shape[axis] for axis in axes)
        kept = [axis for axis, side in enumerate(self._shape[:-2]) if side > 1]
        if here == self._shape:
            kept = list(range(len(plane)))
        elif here != tuple(self._shape[axis] for axis in kept) + self._shape[-2:]:
            raise self._misshapen(array)
        index: list[Any] = [plane[axis] for axis in kept] + list(window.index)
        if channels is None:
            return np.asarray(array[tuple(index)])
        index.insert(channels, slice(None))
        left = channels - sum(isinstance(each, int) for each in index[:channels])
        return np.moveaxis(np.asarray(array[tuple(index)]), left, -1)

    def _misshapen(self, array: Any) -> DataError:
        return DataError(
            f"The image has the shape {tuple(array.shape)}, and the journal is of one of {self._shape}; give"
            " the image that was annotated, and by --channel-axis the axis of its channels, if it has any."
        )
