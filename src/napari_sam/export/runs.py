"""Masks as COCO's run lengths, of which no more is unfolded than the columns that an object is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle

from napari_sam.errors import DataError
from napari_sam.masks import Origin, Region, cropped

MOST = 2**32
"""Pixels that pycocotools cannot count."""
Counts = NDArray[np.int64]


def encoded(origin: Origin, mask: NDArray[np.bool_], height: int, width: int) -> str:
    """Return the run lengths of a mask in a whole image, compressed as pycocotools does.

    Parameters
    ----------
    origin : (int, int)
        Row and column of the mask's first pixel.
    mask : (h, w) bool
        Not empty.
    height, width : int
        Of the image.

    Raises
    ------
    DataError
        If the image has more pixels than the format can count.
    """
    if height * width >= MOST:
        raise DataError(
            f"COCO JSON has no place for an image of {height} x {width} pixels; use GeoJSON or OME-Zarr."
        )
    steps = np.diff(np.pad(mask.T, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = ((np.nonzero(steps == kind), origin) for kind in (1, -1))
    first, last = ((cols + col) * height + rows + row for (cols, rows), (row, col) in (starts, ends))
    apart = first[1:] != last[:-1]  # a run may go on at the top of the next column
    edges = np.stack([first[np.r_[True, apart]], last[np.r_[apart, True]]], axis=1).ravel()
    counts = np.diff(np.r_[0, edges, height * width] if edges[-1] < height * width else np.r_[0, edges])
    packed: Any = rle.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return bytes(packed["counts"]).decode("ascii")


def decoded(counts: str | bytes | Sequence[int], height: int, width: int) -> Region | None:
    """Return the mask that run lengths tell, without empty rows and columns, and its first pixel.

    Parameters
    ----------
    counts : str, bytes or sequence of int
        Compressed or not: how many pixels are outside, inside, outside and so on, column by column.
    height, width : int
        Of the image.

    Returns
    -------
    origin, mask
        None if no pixel is inside.

    Raises
    ------
    ValueError
        If they are no run lengths of such an image.
    """
    lengths = _unpacked(counts) if isinstance(counts, str | bytes) else np.asarray(counts, np.int64)
    if lengths.ndim != 1 or (lengths < 0).any() or int(lengths.sum()) > height * width:
        raise ValueError("run lengths that do not fit the image")
    edges = np.cumsum(lengths)
    edges = edges[: len(edges) // 2 * 2].reshape(-1, 2)
    edges = edges[edges[:, 0] < edges[:, 1]]
    if not len(edges):
        return None
    left, right = int(edges[0, 0]) // height, (int(edges[-1, 1]) - 1) // height + 1
    steps = np.zeros((right - left) * height + 1, np.int8)
    starts, ends = (edges - left * height).T
    np.add.at(steps, starts, 1)
    np.add.at(steps, ends, -1)
    columns = np.cumsum(steps[:-1], dtype=np.int8).astype(bool).reshape(right - left, height)
    return cropped((0, left), columns.T)


def _unpacked(packed: str | bytes) -> Counts:
    """Return the run lengths in a compressed text.

    Each is written in letters of five bits, the lowest first, of which the highest bit but one says the sign,
    and from the fourth on as what it has more than the last but one.

    Raises
    ------
    ValueError
        If it is none.
    """
    text = packed.encode("ascii") if isinstance(packed, str) else packed
    letters = np.frombuffer(text, np.uint8).astype(np.int64) - 48
    if not len(letters):
        return np.zeros(0, np.int64)
    last = np.flatnonzero(letters & 32 == 0)
    if (letters < 0).any() or (letters > 63).any() or not len(last) or last[-1] != len(letters) - 1:
        raise ValueError("run lengths with letters that mean nothing")
    first = np.r_[0, last[:-1] + 1]
    place = np.arange(len(letters)) - np.repeat(first, last - first + 1)
    if place.max() > 11:
        raise ValueError("run lengths that are too long")
    told = np.add.reduceat((letters & 31) << (5 * place), first)
    told -= np.where(letters[last] & 16, 1 << (5 * (place[last] + 1)), 0)
    for odd in (1, 2):
        told[odd::2] = np.cumsum(told[odd::2])
    return told
