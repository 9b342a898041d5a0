"""Images opened as planes whose channels come last, by the axes that their files name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam.channel_choice import chosen_channels
from napari_sam.errors import DataError
from napari_sam.files.axes import named_axes, without_single
from napari_sam.predict.plane_shape import looks_stacked

from .files import opened

STACKED = {"Z": "planes", "T": "frames"}
CHANNELS_FIRST = ("CYX", "SYX")
"""Of channels, and of the samples of RGB in planes of their own."""


@contextmanager
def opened_plane(path: Path, channel_axis: int | None = None, channels: Sequence[int] = ()) -> Iterator[Any]:
    """Open an image as `opened` does, and turn channels to the end that the file names and nobody else.

    Parameters
    ----------
    path : Path
    channel_axis : int, optional
        Where a person said that the channels are; then the file is not asked.
    channels : sequence of int
        Which of them to see; by default all.

    Yields
    ------
    array
        With a shape and a dtype.

    Raises
    ------
    DataError
        If it cannot be read as an image, is a stack by the names of its axes, or has no such channel, or
        channels are chosen and it is not plain which axis is theirs.
    """
    with opened(path, channel_axis) as array:
        image = array if channel_axis is not None else _channels_last(array, path)
        if channels and channel_axis is None and looks_stacked(image.shape):
            raise DataError(
                f"{path.name} has the shape {tuple(image.shape)} and does not say on which axis its"
                " channels are; name that axis, or save the image as OME-TIFF."
            )
        yield chosen_channels(image, channels, channel_axis, path.name)


def _channels_last(array: Any, path: Path) -> Any:
    """Turn (C, Y, X) to (Y, X, C); say so where there are more planes than one."""
    left = without_single(named_axes(path)) if array.ndim > 2 else []
    for name, length in left:
        if name in STACKED:
            raise DataError(
                f"{path.name} is a stack of {length} {STACKED[name]}; use `napari-sam stack`, or give planes."
            )
    if "".join(name for name, _ in left) not in CHANNELS_FIRST or array.ndim != 3:
        return array
    if not isinstance(array, np.ndarray):
        import dask.array

        array = dask.array.asarray(array)
    return array.transpose(1, 2, 0)
