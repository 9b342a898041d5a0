"""What tells an image from the same image written anew, without reading more than is in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import ArrayLike

METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
"""Files of a zarr store, which are written anew with its arrays."""
GLIMPSE = 1 << 16
"""Bytes of a file that are looked at in each of three places."""


def version_of(image: ArrayLike, file: Path | None = None) -> list[int] | None:
    """Return numbers that change when an image does.

    Parameters
    ----------
    image : array
    file : Path, optional
        Where the image is.

    Returns
    -------
    list of int, optional
        Bytes and time of the file, or a checksum of an array in memory. None of what is read when it is
        sliced, such as zarr or dask, if its file is not given.
    """
    if file is None and isinstance(image, np.memmap) and image.filename is not None:
        file = Path(image.filename)
    if file is not None:
        return [sum(each.stat().st_size for each in _files(file)), changed(file)]
    return [_checksum(image)] if isinstance(image, np.ndarray) and not isinstance(image, np.memmap) else None


def changed(path: Path) -> int:
    """Return when a file or a zarr store was last written, in nanoseconds.

    Of a store only the folder, its arrays and what describes them count: looking at all chunks takes long.
    """
    return max(each.stat().st_mtime_ns for each in (path, *_files(path)))


def glimpse(path: Path) -> str:
    """Return what tells a file from another one that is copied into its place with an older time.

    It stays the same when the file is moved or copied itself. Its beginning, middle and end are looked at.

    Returns
    -------
    str
        Bytes and a checksum; empty of a folder, and of what is not there or may not be read.
    """
    try:
        size = path.stat().st_size
        seen = xxhash.xxh3_64()
        with path.open("rb") as file:
            for start in (0, size // 2, size - GLIMPSE):
                file.seek(max(start, 0))
                seen.update(file.read(GLIMPSE))
    except OSError:
        return ""
    return f"{size} {seen.hexdigest()}"


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or what describes the arrays of a store."""
    if not path.is_dir():
        yield path
        return
    for name in METADATA:
        if (path / name).is_file():
            yield path / name
        yield from path.glob(f"*/{name}")


def _checksum(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> int:
    """Return a checksum that needs no second copy of the array."""
    value = 0
    for part in array:
        value = zlib.crc32(part.tobytes(), value)
    return value
