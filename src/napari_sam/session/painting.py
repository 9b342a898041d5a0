"""Strokes of a brush as changes of objects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .objects import FOLLOWED, Object, Plane, cropped
from .store import Window


def repainted(
    old: Object | None,
    label: int,
    plane: Plane,
    window: Window,
    gone: NDArray[np.bool_],
    come: NDArray[np.bool_],
) -> Object:
    """Return an object without the pixels of a window that are gone, and with those that came.

    Parameters
    ----------
    old : Object or None
        None for a label that was not there.
    label : int
    plane : tuple of int
    window : (rows, columns)
    gone, come : (h, w) bool
    """
    corner = np.array([window[0].start, window[1].start])
    if old is None:
        old = Object(label, plane, (int(corner[0]), int(corner[1])), np.zeros(come.shape, bool))
    low = np.minimum(old.origin, corner)
    high = np.maximum(np.add(old.origin, old.mask.shape), corner + come.shape)
    mask = np.zeros(high - low, bool)
    row, col = np.subtract(old.origin, low)
    mask[row : row + old.mask.shape[0], col : col + old.mask.shape[1]] = old.mask
    row, col = corner - low
    part = mask[row : row + come.shape[0], col : col + come.shape[1]]
    part[gone] = False
    part[come] = True
    origin, mask = cropped((int(low[0]), int(low[1])), mask)
    level = "" if old.level in FOLLOWED else old.level  # from now on it is a person's
    return replace(old, origin=origin, mask=mask, level=level)


def painted_again(each: Object, old: Object, new: Object) -> Object:
    """Return an object changed where a stroke has changed another one.

    Parameters
    ----------
    each : Object
        The object, otherwise made.
    old, new : Object
        The other one before and after.
    """
    low = np.minimum(old.origin, new.origin)
    high = np.maximum(np.add(old.origin, old.mask.shape), np.add(new.origin, new.mask.shape))
    before, after = (_within(low, high, side) for side in (old, new))
    window = (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))
    return repainted(each, each.id, each.plane, window, before & ~after, after & ~before)


def _within(low: NDArray[np.intp], high: NDArray[np.intp], each: Object) -> NDArray[np.bool_]:
    """Return an object's mask in the rows and columns from `low` to `high`."""
    mask = np.zeros(high - low, bool)
    row, col = np.subtract(each.origin, low)
    mask[row : row + each.mask.shape[0], col : col + each.mask.shape[1]] = each.mask
    return mask
