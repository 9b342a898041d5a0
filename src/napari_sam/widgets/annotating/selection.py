"""Which committed objects are selected, for the table, the image and the keys alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_sam.session import Edit, Key, Object

if TYPE_CHECKING:
    from napari_sam.session import AnnotationSession


class Selection:
    """Keys of objects that are there, in the order in which they were selected.

    Signals
    -------
    changed
        Others are selected now, or a selected one looks different.
    """

    changed = Signal()

    def __init__(self, session: AnnotationSession) -> None:
        self._session = session
        self._keys: dict[Key, None] = {}
        session.edited.connect(self._edited)

    def close(self) -> None:
        """Stop listening."""
        self._session.edited.disconnect(self._edited)

    @property
    def keys(self) -> tuple[Key, ...]:
        """What tells the selected objects from all others."""
        return tuple(self._keys)

    @property
    def objects(self) -> tuple[Object, ...]:
        """The selected objects."""
        return tuple(self._session.store[key] for key in self._keys)

    def set(self, keys: Iterable[Key]) -> None:
        """Select these objects and no others; those that are not there are passed over."""
        wanted = {key: None for key in keys if key in self._session.store}
        if list(wanted) != list(self._keys):
            self._keys = wanted
            self.changed.emit()

    def toggle(self, key: Key) -> None:
        """Select one object more, or one less."""
        self.set([each for each in self._keys if each != key] if key in self._keys else [*self._keys, key])

    def _edited(self, edit: Edit) -> None:
        """Let go of what is gone, and take what came in its place."""
        before = {each.key for each in edit.before}
        if before.isdisjoint(self._keys):
            return
        came = [each.key for each in edit.after if each.key not in before]
        kept = [key for key in self._keys if key in self._session.store]
        self._keys = dict.fromkeys([*kept, *came])
        self.changed.emit()
