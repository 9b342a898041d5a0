"""Strokes of a brush as changes of objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_sam.masks import Window, cropped

from .objects import Object, Plane, level_by_hand
from .store import ObjectStore

Painted = tuple[Plane, Window, NDArray[np.integer]]
"""A plane, rows and columns of it, and the labels that they show now."""


def stroke(store: ObjectStore, painted: Sequence[Painted]) -> tuple[tuple[Object, ...], tuple[Object, ...]]:
    """Return the objects that strokes change, and what becomes of them; nothing that is empty.

    Pixels of an object that another one hides stay as they are, unless they would show in place of what was
    painted. Numbers below 0 mark no objects.
    """
    # numpy makes floats of int64 and uint64 together
    painted = [(plane, window, labels.astype(np.int64, copy=False)) for plane, window, labels in painted]
    before: list[Object] = []
    after: list[Object] = []
    for plane, window, labels in painted:
        shown = store.render(plane, window)
        other = shown != labels
        hiding = store.hiding(plane, window, labels, other)
        for label in sorted({*np.unique(shown[other]).tolist(), *np.unique(labels[other]).tolist(), *hiding}):
            if label <= 0:
                continue
            old = store.get((label, plane))
            gone = (other & (shown == label)) | hiding.get(label, False)
            new = repainted(old, label, plane, window, gone, other & (labels == label))
            before += [old] if old is not None else []
            after += [new] if new.mask.size else []
    return tuple(before), tuple(after)


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
    mask = _within(low, high, old)
    row, col = corner - low
    part = mask[row : row + come.shape[0], col : col + come.shape[1]]
    part[gone] = False
    part[come] = True
    origin, mask = cropped((int(low[0]), int(low[1])), mask)
    return replace(old, origin=origin, mask=mask, level=level_by_hand(old.level))


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
