"""Images opened as planes whose channels come last, by the axes that their files name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam.errors import DataError
from napari_sam.tiff_files import TIFF, opened_tiff

from .batch_files import opened

STACKED = {"Z": "planes", "T": "frames"}
CHANNELS_FIRST = ("CYX", "SYX")
"""Of channels, and of the samples of RGB in planes of their own."""


@contextmanager
def opened_plane(path: Path, channel_axis: int | None = None) -> Iterator[Any]:
    """Open an image as `opened` does, and turn channels to the end that the file names and nobody else.

    Parameters
    ----------
    path : Path
    channel_axis : int, optional
        Where a person said that the channels are; then the file is not asked.

    Yields
    ------
    array
        With a shape and a dtype.

    Raises
    ------
    DataError
        If it cannot be read as an image, or is a stack by the names of its axes.
    """
    with opened(path, channel_axis) as array:
        yield array if channel_axis is not None else _channels_last(array, path)


def named_axes(path: Path) -> list[tuple[str, int]]:
    """Return name and length of each axis of a TIFF or OME-Zarr image; none where they are not named."""
    if path.suffix.lower() in TIFF:
        with opened_tiff(path) as (file, index):
            series = file.series[index]
            return list(zip(series.axes, series.shape, strict=True))
    if path.is_dir():
        return _zarr_axes(path)
    return []


def without_single(axes: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Leave out axes of length 1, but for those of a plane."""
    return [(name, length) for name, length in axes if length > 1 or name in "YX"]


def _zarr_axes(path: Path) -> list[tuple[str, int]]:
    import zarr

    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        return []
    held: Any = node.attrs.asdict()
    image = (held.get("ome", held).get("multiscales") or [{}])[0]
    names = [str(each["name"]).upper() for each in image.get("axes", [])]
    shape = node[image["datasets"][0]["path"]].shape if names else ()  # type: ignore[union-attr]
    return list(zip(names, shape, strict=True))


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
