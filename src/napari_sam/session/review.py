"""Proposals: objects found without a person, to be accepted, rejected or corrected one by one or together."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import chain, islice

import numpy as np
from psygnal import Signal

from napari_sam.errors import PromptError
from napari_sam.masks import Window

from .objects import COMMIT, Edit, Key, Object, Plane, common, object_iou
from .operations import Objects
from .session import AnnotationSession
from .store import ObjectStore, window_of

TAKEN = 0.5
"""A proposal is left out if committed objects cover a larger share of it, or it of one of them."""
REJECT, BRING_BACK = "reject", "bring back"
SAME = 0.7
"""A proposal whose IoU with a rejected one is higher is that one, found again."""
Doubt = tuple[float, Key]
"""A score, and a key for those of one score: the lower, the sooner a proposal is looked at."""


class Review:
    """Proposals apart from a session's objects, the least sure first.

    Which of them are open is always a matter of what is committed and rejected now: so undoing an
    acceptance, a rejection, or the commit of a corrected one, brings proposals back.

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
        self._order: list[tuple[Doubt, Object]] = []  # ready to be merged: there may be tens of thousands
        self._ordered: Objects | None = ()
        self._current: Doubt | None = None
        self._corrected: Key | None = None
        self._corrections: dict[Key, Key] = {}
        self._answers: dict[Edit, Edit] = {}
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
            self._ordered = tuple(each for _, each in self._order)
        return self._ordered

    @property
    def rejected(self) -> int:
        """How many were rejected."""
        return len(self._rejected)

    @property
    def current(self) -> Object | None:
        """The one that is looked at."""
        return None if self._current is None else self._open.get(self._current[1])

    @property
    def place(self) -> int:
        """Which of the open ones is looked at, from 0 on."""
        return 0 if self._current is None else bisect_left(self._order, self._current, key=_first)

    @property
    def corrected(self) -> Key | None:
        """The proposal whose place the next commit takes."""
        return self._corrected

    def put(self, found: Edit) -> None:
        """Take proposals out and in, as a search says; their labels are `next_id` or higher.

        Those that committed objects have taken, or that were rejected, are not open.
        """
        self._all.apply(found)
        self.next_id = max([self.next_id, *(each.id + 1 for each in found.after)])
        self._refresh((*found.before, *found.after))

    def within(self, plane: Plane, window: Window, before: int) -> Objects:
        """Return all proposals of a window with labels before one, answered or not."""
        return tuple(each for each in self._all.within(plane, window) if each.id < before)

    def clear(self) -> None:
        """Forget all proposals, and what was rejected."""
        self._all, self._rejected = ObjectStore(), ObjectStore()
        self._open, self._order, self._corrections, self._answers = {}, [], {}, {}
        self._current = self._corrected = None
        self._refresh(())

    def at(self, plane: Plane, row: float, col: float) -> Object | None:
        """Return the open proposal at a position in data pixels; of several, the smallest."""
        down, along = int(np.rint(row)), int(np.rint(col))
        near = self._all.within(plane, (slice(down, down + 1), slice(along, along + 1)))
        found = [each for each in near if each.key in self._open and each.covers(down, along)]
        return min(found, key=lambda each: each.area, default=None)

    def above(self, score: float) -> Objects:
        """Return the open proposals of at least a score."""
        return self.open[bisect_left(self._order, score, key=lambda entry: entry[0][0]) :]

    def choose(self, key: Key) -> None:
        """Look at one of the open proposals."""
        each = self._open.get(key)
        if each is not None and each is not self.current:
            self._current = _doubt(each)
            self.changed.emit()

    def step(self, by: int) -> None:
        """Look at a proposal further on in the order, or back; from the last one to the first."""
        if self.open:
            at = 0 if self.current is None else self.place + by
            self.choose(self.open[at % len(self.open)].key)

    def accept(self, proposals: Sequence[Object]) -> Objects:
        """Commit proposals in one step, which one undo takes back.

        Raises
        ------
        PromptError
            If there are none.
        """
        if not proposals:
            raise PromptError("There is no proposal to accept; lower the score, or search again.")
        return self._session.accept(proposals)

    def reject(self, proposals: Sequence[Object]) -> None:
        """Put proposals aside, which can be undone; what looks like them will not be proposed again."""
        self._answer(Edit(REJECT, (), tuple(proposals)))

    def bring_back(self) -> None:
        """Open all that were rejected again, which can be undone."""
        if len(self._rejected):
            self._answer(Edit(BRING_BACK, tuple(self._rejected), ()))

    def _answer(self, aside: Edit) -> None:
        """Change what is rejected, as a step of the session that changes no object."""
        step = self._session.put(aside.what, (), ())
        self._answers[step] = aside
        self._set_aside(aside)

    def _set_aside(self, aside: Edit) -> None:
        self._rejected.apply(aside)
        near = self._near((*aside.before, *aside.after))
        if len(aside.before) == 1 and aside.before[0].key in near and self._waits(aside.before[0]):
            self._current = _doubt(aside.before[0])
        self._refresh(near.values())

    def correct(self, each: Object) -> None:
        """Let the session's next commit of one object take a proposal's place.

        It stays open until then, and is open again once that commit is undone.
        """
        self._corrected = each.key

    def _edited(self, edit: Edit) -> None:
        """Look again at the proposals where objects have come or gone."""
        if not len(self._all):
            return
        near, changed = self._near(edit.moved), {each.key for each in edit.moved}
        corrected = (key for key, made in self._corrections.items() if made in changed and key in self._all)
        near.update((key, self._all[key]) for key in corrected)
        if not edit.after and len(edit.before) == 1:
            self._look_again_at(edit.before[0], near)
        if near:
            self._refresh(near.values())

    def _look_again_at(self, gone: Object, near: dict[Key, Object]) -> None:
        """Let the proposal that an object was made of, if it waits again, be the current one."""
        for key, each in near.items():
            source = self._corrections.get(key) == gone.key or object_iou(each, gone) > SAME
            if source and self._waits(each):
                self._current = _doubt(each)

    def _near(self, objects: Iterable[Object]) -> dict[Key, Object]:
        """Return all proposals whose bounding boxes meet those of some objects."""
        return {
            other.key: other for each in objects for other in self._all.within(each.plane, window_of(each))
        }

    def _recorded(self, how: str, edit: Edit) -> None:
        aside = self._answers.get(edit)
        if aside is not None:
            self._set_aside(aside.back if how == "undo" else aside)
        elif how == "do" and edit.what == COMMIT and len(edit.after) == 1 and self._corrected is not None:
            key, self._corrected = self._corrected, None
            self._corrections[key] = edit.after[0].key
            if key in self._open:
                self._refresh([self._all[key]])

    def _released(self) -> None:
        self._corrected = None

    def _refresh(self, proposals: Iterable[Object]) -> None:
        """Find out which of some proposals are open, look at the next one if the current is not, and tell."""
        before, at = self._order, self.place
        looked_at = {each.key: each for each in proposals}
        for key in looked_at:
            self._open.pop(key, None)
        waiting = {key: each for key, each in looked_at.items() if key in self._all and self._waits(each)}
        self._open.update(waiting)
        stay = (entry for entry in before if entry[0][1] not in looked_at)
        come = ((_doubt(each), each) for each in waiting.values())
        self._order, self._ordered = sorted(chain(stay, come), key=_first), None
        current = self.current or self._following(before, at)
        self._current = None if current is None else _doubt(current)
        self.changed.emit()

    def _following(self, before: Sequence[tuple[Doubt, Object]], at: int) -> Object | None:
        """Return the first open proposal from a place in an earlier order on, or else of all."""
        keys = (key for (_, key), _ in chain(islice(before, at, None), before))
        following = next((self._open[key] for key in keys if key in self._open), None)
        return self.open[0] if following is None and self.open else following

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
        near = self._rejected.within(each.plane, window_of(each))
        return not any(object_iou(each, other) > SAME for other in near)


def _doubt(each: Object) -> Doubt:
    return each.score or 0.0, each.key


def _first(entry: tuple[Doubt, Object]) -> Doubt:
    return entry[0]
