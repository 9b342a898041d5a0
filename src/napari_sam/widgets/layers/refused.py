"""Edits that a Labels layer did not take, whose objects it must not be asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam.session.objects import Edit, Object
from napari_sam.session.store import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sam.masks import Window
    from napari_sam.session import Plane


class Refused:
    """Edits whose pixels could not be written, until they are."""

    def __init__(self) -> None:
        self._edits: list[Edit] = []

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._edits)

    def add(self, edit: Edit) -> None:
        """Note one more."""
        self._edits.append(edit)

    def clear(self) -> None:
        """Note that all were written."""
        self._edits.clear()

    @property
    def objects(self) -> Sequence[Object]:
        """The objects that the edits take and bring."""
        return [each for edit in self._edits for each in (*edit.before, *edit.after)]

    def taken(self, store: ObjectStore) -> ObjectStore:
        """Return the objects of a store as the layer shows them: those before the edits."""
        back = [each.back for each in reversed(self._edits)]
        shown = ObjectStore.after([Edit("draw", (), tuple(store)), *back])
        shown.newest_on_top = store.newest_on_top
        return shown

    def filled(
        self,
        store: ObjectStore,
        plane: Plane,
        window: Window,
        shown: NDArray[Any],
        before: NDArray[Any] | int,
    ) -> NDArray[Any]:
        """Return what a window would show if the layer had taken all: what it never showed, nobody erased.

        Parameters
        ----------
        store : ObjectStore
        plane : tuple of int
        window : (rows, columns)
        shown : (h, w) int
        before : (h, w) int, or 0
            What it showed earlier: where that is the same, nobody painted.
        """
        if not self:
            return shown
        never = np.zeros(shown.shape, bool)
        for each in self.objects:
            never |= ObjectStore.after([Edit("draw", (), (each,))]).render(plane, window) > 0
        return np.where(never & (shown == before), store.render(plane, window), shown)
