"""Which channels of an image are seen, where a person names them by their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_sam.errors import DataError


def channel_numbers(text: str) -> tuple[int, ...]:
    """Read numbers with commas between, such as "0, 2"; empty for all channels.

    Raises
    ------
    DataError
        If it is something else, or names a channel twice.
    """
    if not text.strip():
        return ()
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len({*map(int, parts)}) < len(parts):
        raise DataError(f"{text!r} names no channels; write their numbers, from 0, such as 0,2.")
    return tuple(map(int, parts))


def chosen_channels(image: Any, chosen: Sequence[int], axis: int | None, name: str, others: int = 2) -> Any:
    """Return an image with some of its channels alone, in the order in which they are named.

    Parameters
    ----------
    image : (...) or (..., C) array, or with the channels on `axis`
        In memory; of another, a dask array is returned.
    chosen : sequence of int
        Without one, the image is returned as it is.
    axis : int or None
        None is the last one.
    name : str
        Of the image, for the error.
    others : int
        How many axes are not of channels: 2 of a plane, 3 of a stack. An image of no more has one channel.

    Raises
    ------
    DataError
        If it has no such channel, or no such axis.
    """
    if not chosen:
        return image
    place = -1 if axis is None else axis
    if image.ndim > others and place not in range(-image.ndim, image.ndim):
        raise DataError(f"The channel axis {place} is none of {name}; give 0 to {image.ndim - 1}.")
    there = image.shape[place] if image.ndim > others else 1
    if max(chosen) >= there:
        held = f"the channels 0 to {there - 1}" if there > 1 else "one channel, 0"
        raise DataError(f"{name} has {held}; there is no channel {max(chosen)} in it.")
    if image.ndim <= others:
        return image
    import numpy as np

    if isinstance(image, np.ndarray):
        return image.take(chosen, axis=place)
    import dask.array

    return dask.array.take(dask.array.asarray(image), list(chosen), axis=place)
