"""What tells an image's pixels from another image's, at the cost of a glance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

SAMPLE = 1 << 18
"""About so many pixels of an image in memory are looked at."""
SIDE = 64
"""Of the squares that are read of a lazy image, in pixels: each costs no more than the chunks it meets."""
PLACES = (0.25, 0.5, 0.75)
"""Where they are, as shares of every axis; of short axes, all is read."""
SHORT = 5
"""Axes up to this length may be colours."""


def fingerprint(data: Any) -> str:
    """Return an image's shape and dtype and a checksum of its pixels, as text.

    Another image has another one, unless it is large or lazy and differs only where nobody looked.
    One in memory has a second checksum, of more pixels, with a slash between. What cannot be read of a lazy
    one is passed over: its other planes can be worked on.

    Parameters
    ----------
    data : array, or sequence of arrays
        Anything that is cut out like a NumPy array: zarr, dask. Of several, the levels of a pyramid, the
        coarsest is looked at.
    """
    finest, coarsest = (data[0], data[-1]) if isinstance(data, Sequence) else (data, data)
    in_memory = isinstance(coarsest, np.ndarray) and not isinstance(coarsest, np.memmap)
    seen = [_strided(coarsest), _squares(coarsest)] if in_memory else [_squares(coarsest)]
    sums = "/".join(xxhash.xxh3_64_hexdigest(np.ascontiguousarray(each).tobytes()) for each in seen)
    return f"{tuple(finest.shape)} {finest.dtype} {sums}"


def same_pixels(one: str, other: str) -> bool:
    """Say whether two fingerprints may be of one image, which is in memory or lazy, as it was opened."""
    (one_kind, one_sums), (other_kind, other_sums) = (each.rsplit(" ", 1) for each in (one, other))
    known, seen = set(one_sums.split("/")), set(other_sums.split("/"))
    return one_kind == other_kind and (known <= seen or seen <= known)


def _strided(data: NDArray[Any]) -> NDArray[Any]:
    """Return all pixels, or of many every so manieth, in all rows and columns alike."""
    step = max(data.size // SAMPLE, 1)
    while math.gcd(step, data.size) > 1:  # else a step of 64 would see every 64th column of 2,048
        step += 1
    return data if step == 1 else data.flat[::step]


def _squares(data: Any) -> NDArray[Any]:
    """Return small squares of single planes along the diagonal, one after another."""
    spread = sorted(data.shape)[-2:]
    found = []
    for place in PLACES:
        part = tuple(_part(side, SIDE if side >= spread[0] else 1, place) for side in data.shape)
        found += _readable(data, part)
    return np.concatenate(found or [np.zeros(0)])


def _readable(data: Any, part: tuple[slice, ...]) -> list[NDArray[Any]]:
    """Return the pixels of a part; of one that cannot be read, those of its places on short axes that can."""
    try:
        return [np.asarray(data[part]).ravel()]
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (a damaged file raises whatever its damage makes of it)
        sides = [range(*each.indices(side)) for each, side in zip(part, data.shape, strict=True)]
        axis = next((at for at, places in enumerate(sides) if 1 < len(places) <= SHORT), None)
        if axis is None:
            return []
        single = ((*part[:axis], slice(at, at + 1), *part[axis + 1 :]) for at in sides[axis])
        return [pixels for each in single for pixels in _readable(data, each)]


def _part(side: int, length: int, place: float) -> slice:
    if side <= SHORT:
        return slice(None)
    first = min(int(place * side), max(side - length, 0))
    return slice(first, first + length)
