"""Which shapes are those of one plane, with channels or without."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from napari_sam.errors import ImageError

MAX_CHANNELS = 5


def plane_of(
    shape: tuple[int, ...], channel_axis: int | None = None, most: int = MAX_CHANNELS
) -> tuple[int, int]:
    """Return the rows and columns of an image of some shape.

    Parameters
    ----------
    shape : tuple of int
        (Y, X), (Y, X, C), or 3-dimensional with `channel_axis`.
    channel_axis : int, optional
        The axis of the channels; the last one of three by default.
    most : int
        Channels that can be used.

    Raises
    ------
    ImageError
        If it is no shape of a plane with pixels and so many channels.
    """
    if 0 in shape:
        raise ImageError(f"The image of shape {shape} has no pixels; give one of at least 1 x 1.")
    if len(shape) == 2 and channel_axis is None:
        return shape[0], shape[1]
    if len(shape) == 2:
        raise ImageError(f"An image of shape {shape} has no axis of channels; name none for it.")
    if len(shape) != 3:
        raise ImageError(
            f"An image of shape {shape} cannot be used; give one plane, (Y, X) or with a channel axis."
        )
    axis: Any = -1 if channel_axis is None else channel_axis  # of whatever kind a script gives
    if isinstance(axis, bool) or not isinstance(axis, Integral) or axis not in range(-3, 3):
        raise ImageError(
            f"The channel axis {axis!r} does not exist in the image's shape {shape}; give 0, 1 or 2."
        )
    if shape[axis] > most and channel_axis is None and looks_stacked(shape):
        raise ImageError(
            f"An image of shape {shape} is no plane with its channels last; name the axis of its"
            " channels, or give one plane of a stack."
        )
    if shape[axis] > most:
        raise ImageError(
            f"An image of shape {shape} has {shape[axis]} channels on axis {axis}, and at most"
            f" {most} can be used; name the channel axis or choose channels."
        )
    rows, cols = (side for index, side in enumerate(shape) if index != axis % 3)
    return rows, cols


def looks_stacked(shape: tuple[int, ...]) -> bool:
    """Say whether a shape is of planes, or of channels that are not last, and of no (Y, X) or (Y, X, C)."""
    return len(shape) > 3 or (len(shape) == 3 and shape[-1] > max(MAX_CHANNELS, min(shape)))
