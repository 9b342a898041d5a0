"""Proposals: objects found without a person, to be accepted, rejected or corrected one by one or together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psygnal import Signal

from napari_sam.errors import PromptError

from .objects import Edit, Key, Object, Plane, common
from .operations import Objects
from .session import COMMIT, AnnotationSession
from .store import ObjectStore, Window, window_of

TAKEN = 0.5
"""A proposal is left out if committed objects cover a larger share of it, or it of one of them."""
SAME = 0.7
"""A proposal whose IoU with a rejected one is higher is that one, found again."""


class Review:
    """Proposals apart from a session's objects, the least sure first.

    Which of them are open is always a matter of what is committed and rejected now: so undoing an
    acceptance, or the commit of a corrected one, brings proposals back.

    Signals
    -------
    changed
        Other proposals are open, or another one is the current.

    Parameters
    ----------
    session : AnnotationSession
        Where accepted ones go.
    """

    changed = Signal()

    def __init__(self, session: AnnotationSession) -> None:
        self._session = session
        self._all = ObjectStore()
        self._rejected = ObjectStore()
        self._open: dict[Key, Object] = {}
        self._ordered: Objects | None = ()
        self._current: Key | None = None
        self._corrected: Key | None = None
        self._corrections: dict[Key, Key] = {}
        self.next_id = 1
        session.edited.connect(self._edited)
        session.recorded.connect(self._recorded)
        session.released.connect(self._released)

    def close(self) -> None:
        """Stop listening."""
        self._session.edited.disconnect(self._edited)
        self._session.recorded.disconnect(self._recorded)
        self._session.released.disconnect(self._released)

    @property
    def open(self) -> Objects:
        """The proposals that wait for an answer, the least sure first."""
        if self._ordered is None:
            self._ordered = tuple(sorted(self._open.values(), key=_doubt))
        return self._ordered

    @property
    def rejected(self) -> int:
        """How many were rejected."""
        return len(self._rejected)

    @property
    def current(self) -> Object | None:
        """The one that is looked at."""
        return None if self._current is None else self._open.get(self._current)

    def put(self, found: Edit) -> None:
        """Take proposals out and in, as a search says; their labels are `next_id` or higher.

        Those that committed objects have taken, or that were rejected, are not open.
        """
        self._all.apply(found)
        for each in found.before:
            self._open.pop(each.key, None)
        for each in found.after:
            self.next_id = max(self.next_id, each.id + 1)
        self._refresh(found.after)

    def within(self, plane: Plane, window: Window, before: int) -> Objects:
        """Return all proposals of a window with labels before one, answered or not."""
        return tuple(each for each in self._all.within(plane, window) if each.id < before)

    def clear(self) -> None:
        """Forget all proposals, and what was rejected."""
        self._all, self._rejected = ObjectStore(), ObjectStore()
        self._open, self._corrections = {}, {}
        self._current = self._corrected = None
        self._refresh(())

    def above(self, score: float) -> Objects:
        """Return the open proposals of at least a score."""
        return tuple(each for each in self.open if (each.score or 0.0) >= score)

    def choose(self, key: Key) -> None:
        """Look at one of the open proposals."""
        if key in self._open and key != self._current:
            self._current = key
            self.changed.emit()

    def step(self, by: int) -> None:
        """Look at a proposal further on in the order, or back; from the last one to the first."""
        if not self.open:
            return
        keys = [each.key for each in self.open]
        at = keys.index(self._current) + by if self._current in self._open else 0
        self.choose(keys[at % len(keys)])

    def accept(self, proposals: Sequence[Object]) -> Objects:
        """Commit proposals in one step, which one undo takes back.

        Raises
        ------
        PromptError
            If there are none.
        """
        if not proposals:
            raise PromptError("There is no proposal to accept; lower the score, or search again.")
        following = self._following([each.key for each in proposals])
        made = self._session.accept(proposals)
        self._look_at(following)
        return made

    def reject(self, proposals: Sequence[Object]) -> None:
        """Put proposals aside; what looks like them will not be proposed again."""
        following = self._following([each.key for each in proposals])
        self._rejected.apply(Edit("reject", (), tuple(proposals)))
        self._refresh(proposals)
        self._look_at(following)

    def bring_back(self) -> None:
        """Open all that were rejected again."""
        self._rejected = ObjectStore()
        self._refresh(self._all)

    def correct(self, each: Object) -> None:
        """Let the session's next commit of one object take a proposal's place.

        It stays open until then, and is open again once that commit is undone.
        """
        self._corrected = each.key

    def _following(self, going: Sequence[Key]) -> Key | None:
        """Return which proposal is looked at after some are gone: the next one in the order that stays."""
        keys, gone = [each.key for each in self.open], set(going)
        at = keys.index(self._current) if self._current in self._open else 0
        return next((key for key in keys[at:] + keys[:at] if key not in gone), None)

    def _look_at(self, key: Key | None) -> None:
        if key is not None:
            self.choose(key)

    def _edited(self, edit: Edit) -> None:
        """Look again at the proposals where objects have come or gone."""
        changed = {each.key: each for each in (*edit.before, *edit.after)}
        near: dict[Key, Object] = {}
        for each in changed.values():
            near.update((other.key, other) for other in self._all.within(each.plane, window_of(each)))
        corrected = (key for key, made in self._corrections.items() if made in changed and key in self._all)
        near.update((key, self._all[key]) for key in corrected)
        if near:
            self._refresh(near.values())

    def _recorded(self, how: str, edit: Edit) -> None:
        if how == "do" and edit.what == COMMIT and len(edit.after) == 1 and self._corrected is not None:
            key, self._corrected = self._corrected, None
            self._corrections[key] = edit.after[0].key
            if key in self._all:
                following = self._following([key])
                self._refresh([self._all[key]])
                self._look_at(following)

    def _released(self) -> None:
        self._corrected = None

    def _refresh(self, proposals: Iterable[Object]) -> None:
        """Find out which of some proposals are open, and tell."""
        for each in proposals:
            if self._waits(each):
                self._open[each.key] = each
            else:
                self._open.pop(each.key, None)
        self._ordered = None
        if self._current not in self._open:
            self._current = self.open[0].key if self.open else None
        self.changed.emit()

    def _waits(self, each: Object) -> bool:
        """Say whether a proposal is neither accepted, nor corrected, nor rejected, nor taken by others."""
        objects = self._session.store
        correction = self._corrections.get(each.key)
        if correction is not None and correction in objects:
            return False
        taken = 0
        for other in objects.within(each.plane, window_of(each)):
            both = common(each, other)
            taken += both
            if both > TAKEN * other.area:
                return False
        if taken > TAKEN * each.area:
            return False
        return not any(_alike(each, other) for other in self._rejected.within(each.plane, window_of(each)))


def _doubt(each: Object) -> tuple[float, Key]:
    return each.score or 0.0, each.key


def _alike(one: Object, other: Object) -> bool:
    both = common(one, other)
    return both > SAME * (one.area + other.area - both)
