"""Which images a batch is of, and how each is opened."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from glob import escape, glob, has_magic
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.errors import DataError
from napari_sam.files.images import read_image, unreadable
from napari_sam.files.tiff import TIFF, opened_tiff
from napari_sam.files.zarr_images import image_in
from napari_sam.predict.plane_shape import MAX_CHANNELS
from napari_sam.predict.reading import reading

from .names import full_path
from .summary import written_in

if TYPE_CHECKING:
    from tifffile import TiffPageSeries

LARGE = 4096
"""Sides of a plane beyond which it is segmented window by window."""
SUFFIXES = (*TIFF, ".png", ".jpg", ".jpeg", ".npy", ".zarr")


def images_of(names: Sequence[str]) -> list[Path]:
    """Return the images that folders, patterns and files name, each once, in their order.

    What a batch wrote into a folder is none of its images, unless it is named itself.

    Raises
    ------
    DataError
        If a file is not there, or a folder or pattern holds no image, or what a batch wrote alone.
    """
    found: dict[Path, Path] = {}
    for name in names:
        for path in _images_in(name):
            found.setdefault(full_path(path), path)
    return list(found.values())


def is_one(names: Sequence[str]) -> bool:
    """Say whether what a person named is one image, and no folder or pattern."""
    path = Path(names[0])
    several = not is_image(path) if path.is_dir() else not path.exists() and has_magic(names[0])
    return len(names) == 1 and not several


def is_image(path: Path) -> bool:
    """Say whether a path looks like one image: a file by its ending, a folder as a zarr store."""
    if path.is_dir():
        return path.suffix == ".zarr" or any(
            (path / each).is_file() for each in ("zarr.json", ".zarray", ".zgroup")
        )
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


@contextmanager
def opened(path: Path, channel_axis: int | None = None) -> Iterator[Any]:
    """Open an image; large ones are read when they are sliced.

    Of a zarr group or an OME-Zarr image it is the finest level, of a TIFF file the first image that lies in
    it. Their axes of length 1 before the last two are dropped, as long as more are left than a plane (with
    channels) has; a .npy file is as it was saved.

    Parameters
    ----------
    path : Path
    channel_axis : int, optional
        Given where the image has channels; of the axes that are left.

    Yields
    ------
    array
        With a shape and a dtype.

    Raises
    ------
    DataError
        If it cannot be read as an image.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        yield _plane(_zarr_array(path), channel_axis)
    elif suffix in TIFF:
        with _tiff(path) as array:
            yield _plane(array, channel_axis)
    elif suffix == ".npy":
        yield _mapped(path)
    else:
        yield read_image(path)


def read_whole(array: Any, path: Path) -> NDArray[Any]:
    """Return an image that was opened as an array in memory.

    Raises
    ------
    ImageError
        If a part of it cannot be read.
    MemoryError, PermissionError
        As they come.
    """
    with reading(path.name):
        return np.asarray(array)


def is_large(array: Any, channel_axis: int | None) -> bool:
    """Say whether an image is to be segmented window by window."""
    shape = list(array.shape)
    if len(shape) == 3:
        shape.pop(-1 if channel_axis is None else channel_axis % 3)
    return max(shape, default=0) > LARGE


def _images_in(name: str) -> list[Path]:
    """Return the images that one name means."""
    path = Path(name)
    if path.exists() and (is_image(path) or not path.is_dir()):
        return [path]
    if path.is_dir():
        found = [each for each in sorted(path.iterdir()) if is_image(each)]
    elif has_magic(name):
        found = _matching(name) or _matching(_with_folders_as_they_are(path))
    else:
        raise DataError(f"There is no image {name}; check the name.")
    if not found:
        raise DataError(f"{name} holds no image; give a folder or pattern of {', '.join(SUFFIXES)}.")
    written = {folder: written_in(folder) for folder in {each.parent for each in found}}
    images = [each for each in found if each.name not in written[each.parent]]
    if not images:
        raise DataError(f"{name} holds labels of a batch, and no image; give the folder of the images.")
    return images


def _matching(pattern: str) -> list[Path]:
    """Return the images that a pattern matches, in their order, and nothing that lies in one of them.

    Through links to folders an image may be found by several ways; the shortest one is taken.
    """
    real = cache(os.path.realpath)
    shortest: dict[tuple[str, str], Path] = {}
    for path in sorted(_globbed(Path(pattern)), key=lambda each: (len(each.parts), each)):
        shortest.setdefault((real(path.parent), path.name), path)
    images = {path for path in shortest.values() if is_image(path)}
    return sorted(path for path in images if images.isdisjoint(path.parents))


def _globbed(pattern: Path) -> list[Path]:
    """Return what a pattern matches; ``**`` meets a folder once, where glob goes around in links upwards."""
    parts = pattern.parts
    if "**" not in parts:
        return [Path(each) for each in glob(str(pattern))]  # noqa: PTH207 (any pattern)
    at = parts.index("**")
    starts = _globbed(Path(*parts[:at])) if at else [Path()]
    rest = Path(*parts[at + 1 :] or ("*",))
    below = [path for each in _folders_below(starts) for path in _globbed(Path(escape(str(each))) / rest)]
    return below if parts[at + 1 :] else starts + below


def _folders_below(starts: list[Path]) -> Iterator[Path]:
    """Yield folders and all that are in them and not hidden, by links as well, each by its shortest way."""
    met, waiting = set(), deque(starts)
    while waiting:
        folder = waiting.popleft()
        if (real := os.path.realpath(folder)) in met or not folder.is_dir():
            continue
        met.add(real)
        yield folder
        with suppress(OSError), os.scandir(folder) as inside:
            names = sorted(each.name for each in inside if each.is_dir() and each.name[0] != ".")
            waiting.extend(folder / name for name in names)


def _with_folders_as_they_are(path: Path) -> str:
    """Return a pattern whose first folders are there by these very names, such as ``plate [1]/*.tif``."""
    there = next((each for each in path.parents if each.is_dir()), Path(path.anchor))
    return str(Path(escape(str(there))) / path.relative_to(there))


def _mapped(path: Path) -> NDArray[Any]:
    """Return the array of a .npy file, read when it is sliced."""
    try:
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # a damaged header is read as Python, and raises its errors
        raise DataError(f"{path} holds no array ({error}); give one saved by numpy.save.") from error
    return array


def _zarr_array(path: Path) -> Any:
    """Return the array of a store, or the finest level of the image that it holds."""
    try:
        return image_in(path)[0]
    except PermissionError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # a damaged file raises whatever its damage makes of it
        if not is_image(path):
            raise DataError(
                f"{path} is a folder and no zarr image; give one of its files, or save planes as one TIFF."
            ) from error
        raise DataError(
            f"{path} holds no image that zarr can open; give an array or an OME-Zarr image."
        ) from error


@contextmanager
def _tiff(path: Path) -> Iterator[Any]:
    """Read a TIFF file, or only look into a large one."""
    with ExitStack() as held:
        try:
            file, index = held.enter_context(opened_tiff(path))
            large = _is_to_be_looked_into(file.series[index].shape)
            array: Any = _looked_into(file.series[index], held) if large else file.asarray(series=index)
            if not large:
                held.close()  # or it could not be written anew on Windows, as long as the array is there
        except Exception as error:  # a damaged file raises whatever its damage makes of it
            raise unreadable(path, error) from error
        yield array


def _is_to_be_looked_into(shape: tuple[int, ...]) -> bool:
    """Say whether a shape with pixels has a long side, or is of more of them than a plane with channels."""
    return prod(shape) > 0 and (max(shape) > LARGE or prod(shape) > MAX_CHANNELS * LARGE**2)


def _looked_into(series: TiffPageSeries, held: ExitStack) -> Any:
    """Return an array that is read when it is sliced, as long as its file is held open."""
    import zarr

    return zarr.open_array(held.enter_context(series.aszarr(level=0)), mode="r")


def _plane(array: Any, channel_axis: int | None) -> Any:
    """Drop axes of length 1 before the last two, as long as more are left than a plane has."""
    single = [axis for axis, side in enumerate(array.shape[:-2]) if side == 1]
    single = single[: max(len(array.shape) - (2 if channel_axis is None else 3), 0)]
    if not single:
        return array
    if not isinstance(array, np.ndarray):
        import dask.array

        array = dask.array.from_array(array, chunks=array.chunks)
    return array.squeeze(axis=tuple(single))
