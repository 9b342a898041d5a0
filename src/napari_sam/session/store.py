"""All committed objects of an image, found by label, by position and by window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.masks import Window

from .objects import Edit, Key, Object, Plane

CELL = 256
"""Side of the squares that objects are found by, in pixels."""
Labels = NDArray[np.int64]


class ObjectStore:
    """Objects that may overlap; which one a pixel shows is decided when they are drawn.

    Nothing here takes longer the more objects there are, but to list them all.

    Attributes
    ----------
    newest_on_top : bool
        Whether the object with the larger label is shown where two overlap.
    """

    def __init__(self) -> None:
        self.newest_on_top = False
        self._objects: dict[Key, Object] = {}
        self._cells: dict[tuple[Plane, int, int], dict[Key, Window]] = {}

    @classmethod
    def after(cls, edits: Iterable[Edit]) -> ObjectStore:
        """Return what is there after some edits."""
        store = cls()
        for edit in edits:
            store.apply(edit)
        return store

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Object]:
        return iter(self._objects.values())

    def __contains__(self, key: Key) -> bool:
        return key in self._objects

    def __getitem__(self, key: Key) -> Object:
        return self._objects[key]

    def get(self, key: Key) -> Object | None:
        """Return an object, or None if there is none."""
        return self._objects.get(key)

    def apply(self, edit: Edit) -> None:
        """Take out what an edit takes, and put in what it brings."""
        staying = {each.key for each in edit.after}
        for each in edit.before:
            if each.key not in staying:
                self._remove(each.key)
        for each in edit.after:
            self._put(each)

    def overwritten(self, edit: Edit) -> Object | None:
        """Return an object whose place an edit would take without saying so; None if there is none."""
        taken = {each.key for each in edit.before}
        return next(
            (self[each.key] for each in edit.after if each.key in self and each.key not in taken), None
        )

    def _put(self, each: Object) -> None:
        """Put an object in, as the last one, in place of the one with its key."""
        old = self._objects.get(each.key)
        if old is not None and old.origin == each.origin and old.mask.shape == each.mask.shape:
            del self._objects[each.key]  # its squares are the same
        else:
            self._remove(each.key)
            window = window_of(each)
            for cell in _cells_of(each):
                self._cells.setdefault(cell, {})[each.key] = window
        self._objects[each.key] = each

    def _remove(self, key: Key) -> None:
        gone = self._objects.pop(key, None)
        if gone is not None:
            for cell in _cells_of(gone):
                del self._cells[cell][key]

    def within(self, plane: Plane, window: Window) -> list[Object]:
        """Return the objects whose bounding box meets a window of a plane, the one on top last."""
        rows, cols = window
        top, bottom, left, right = rows.start, rows.stop, cols.start, cols.stop
        found: dict[Key, None] = {}
        for cell in _cells(plane, top, left, bottom, right):
            for key, (down, along) in self._cells.get(cell, {}).items():
                if down.start < bottom and top < down.stop and along.start < right and left < along.stop:
                    found[key] = None
        return self._in_order(map(self._objects.__getitem__, found))

    def together(self) -> list[Object]:
        """Return the objects whose bounding box meets that of another one; of thousands, at once."""
        met: set[Key] = set()
        for cell in self._cells.values():
            boxes = np.array([(each.start, each.stop) for box in cell.values() for each in box])
            top, bottom, left, right = boxes.reshape(-1, 4, 1).swapaxes(0, 1)
            before = (top < bottom.T) & (left < right.T)  # one begins before another one's end
            meeting = (before & before.T).sum(axis=1)  # each meets itself
            met.update(key for key, count in zip(cell, meeting, strict=True) if count > 1)
        return [each for each in self if each.key in met]

    def overlap_as(self, labels: NDArray[np.integer]) -> None:
        """Draw on top what labels, (..., Y, X), show where objects overlap; the older ones if in doubt."""
        near = [(each.plane, window_of(each), np.asarray(labels[each.window])) for each in self.together()]

        def differing(newest: bool) -> int:
            self.newest_on_top = newest
            wrong = (self.render(plane, window) != shown for plane, window, shown in near)
            return sum(int(np.count_nonzero(each)) for each in wrong)

        self.newest_on_top = differing(newest=True) < differing(newest=False)

    def drawn(self) -> list[Object]:
        """Return all objects in the order in which they are drawn, the one on top last."""
        return self._in_order(self)

    def _in_order(self, objects: Iterable[Object]) -> list[Object]:
        return sorted(objects, key=lambda each: each.id, reverse=not self.newest_on_top)

    def at(self, plane: Plane, row: float, col: float) -> Object | None:
        """Return the object that a position shows, in data pixels."""
        down, along = int(np.rint(row)), int(np.rint(col))
        found = self.within(plane, (slice(down, down + 1), slice(along, along + 1)))
        return next((each for each in reversed(found) if each.covers(down, along)), None)

    def render(self, plane: Plane, window: Window) -> Labels:
        """Draw a window of a plane.

        Returns
        -------
        (h, w) int64
            Labels, 0 where there is no object.
        """
        rows, cols = window
        drawn = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.int64)
        for each in self.within(plane, window):
            here, there = _shared(each, window)
            drawn[here][each.mask[there]] = each.id
        return drawn

    def hiding(
        self, plane: Plane, window: Window, labels: NDArray[np.integer], where: NDArray[np.bool_]
    ) -> dict[int, NDArray[np.bool_]]:
        """Return by label which pixels of a window objects would show in place of the labels there.

        Parameters
        ----------
        plane : tuple of int
        window : (rows, columns)
        labels : (h, w) int
            What the window is to show; 0 where anything may.
        where : (h, w) bool
            Which pixels are looked at.
        """
        found: dict[int, NDArray[np.bool_]] = {}
        for each in self.within(plane, window):
            here, there = _shared(each, window)
            wanted = labels[here]
            above = each.id > wanted if self.newest_on_top else each.id < wanted
            part = each.mask[there] & where[here] & above & (wanted > 0)
            if part.any():
                found[each.id] = np.zeros(labels.shape, bool)
                found[each.id][here] = part
        return found


def window_of(each: Object) -> Window:
    """Return the bounding box of an object in its plane."""
    (row, col), (height, width) = each.origin, each.mask.shape
    return slice(row, row + height), slice(col, col + width)


def window_of_all(objects: Sequence[Object]) -> Window:
    """Return the bounding box of objects of one plane."""
    rows, cols = (
        slice(min(each.start for each in side), max(each.stop for each in side))
        for side in zip(*map(window_of, objects), strict=True)
    )
    return rows, cols


def fits(each: Object, shape: Sequence[int]) -> bool:
    """Say whether an object lies in labels of a shape."""
    ends = (*(index + 1 for index in each.plane), *np.add(each.origin, each.mask.shape).tolist())
    return len(ends) == len(shape) and all(end <= side for end, side in zip(ends, shape, strict=True))


def place_in(each: Object, window: Window) -> Window:
    """Return where an object lies in a window that holds all of it."""
    return _shared(each, window)[0]


def whole_of(labels: NDArray[Any]) -> Window:
    """Return the window that is the whole of a plane's labels."""
    return slice(0, labels.shape[0]), slice(0, labels.shape[1])


def _shared(each: Object, window: Window) -> tuple[Window, Window]:
    """Return where an object and a window meet, as indices into the window and into the object's mask."""
    here, there = [], []
    for own, other in zip(window_of(each), window, strict=True):
        first, last = max(own.start, other.start), min(own.stop, other.stop)
        here.append(slice(first - other.start, last - other.start))
        there.append(slice(first - own.start, last - own.start))
    return (here[0], here[1]), (there[0], there[1])


def _cells_of(each: Object) -> Iterator[tuple[Plane, int, int]]:
    rows, cols = window_of(each)
    return _cells(each.plane, rows.start, cols.start, rows.stop, cols.stop)


def _cells(plane: Plane, top: int, left: int, bottom: int, right: int) -> Iterator[tuple[Plane, int, int]]:
    for row in range(top // CELL, (bottom - 1) // CELL + 1):
        for col in range(left // CELL, (right - 1) // CELL + 1):
            yield plane, row, col
