"""The objects of one image, every change of which can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_sam.errors import PromptError
from napari_sam.masks import Window

from .history import History
from .objects import ACCEPT, ADOPT, PAINT, Edit, Key, Object, Plane
from .operations import Objects, check, operate
from .painting import Painted, stroke
from .store import ObjectStore

Clock = Callable[[], str]


def utc_now() -> str:
    """Return the time in UTC, by ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class EditedObjects:
    """Committed objects, and what was done to them.

    Signals
    -------
    edited : Edit
        Objects were added, changed or taken out; also by undoing and redoing.
    recorded : str, Edit
        As `edited`, for a journal: "do", "adopt", "undo" or "redo", and what was done in the first place.
        It comes before `edited`, so that what cannot be drawn is still kept.

    Parameters
    ----------
    first_id : int
        The first object's label.
    author : str
        Who annotates.
    clock : callable
        Gives the time that objects are made at, as text.

    Attributes
    ----------
    store : ObjectStore
        All objects.
    history : History
        What was done to them.
    read_only : str
        Why no object can be changed, in one sentence; empty where they can.
    """

    edited = Signal(Edit)
    recorded = Signal(str, Edit)

    def __init__(self, first_id: int = 1, author: str = "", clock: Clock = utc_now) -> None:
        self.store, self.history = ObjectStore(), History()
        self.read_only = ""
        self._next_id = first_id
        self._author, self._clock = author, clock

    @property
    def objects(self) -> Objects:
        """All committed objects."""
        return tuple(self.store)

    @property
    def latest(self) -> Objects:
        """All objects, the one that was committed or changed last first, as it is after a restart, too.

        Not what was taken back; labels that were there already come last, the largest first.
        """
        made = (each.key for edit in reversed(self.history.done) for each in reversed(edit.after))
        rest = sorted((each.key for each in self.store), reverse=True)
        return self.there([*made, *rest])

    @property
    def next_id(self) -> int:
        """The label that the next object will get."""
        return self._next_id

    def reserve(self, label: int) -> None:
        """Give no object a label up to this one, because it is in use."""
        self._next_id = max(self._next_id, label + 1)

    def restore(self, done: Sequence[Edit], undone: Sequence[Edit] = ()) -> None:
        """Begin with the edits of an earlier session, and with those that it had taken back.

        Parameters
        ----------
        done, undone : sequence of Edit
            In the order in which they were made, with labels that were adopted in between; and taken back.

        Raises
        ------
        PromptError
            If there are objects already.
        """
        if not self.history.empty or len(self.store):
            raise PromptError("There are commits already; restore earlier ones before the first.")
        self.history.restore([edit for edit in done if edit.what != ADOPT], undone)
        for edit in done:
            self.store.apply(edit)
        for edit in (*done, *undone):
            for each in (*edit.before, *edit.after):
                self.reserve(each.id)
        if len(self.store):
            self.edited.emit(Edit("restore", (), self.objects))

    def adopt(self, objects: Sequence[Object]) -> None:
        """Take labels that are there already as objects; this is not undone.

        But for those that have the label of an object that a step took away and may bring back: somebody
        painted them since, and that is a step of its own, which is taken back first.
        """
        fresh = [each for each in objects if each.key not in self.store]
        known = self.history.keys if fresh and not self.read_only else frozenset()
        painted = tuple(each for each in fresh if each.key in known)
        adopted = tuple(each for each in fresh if each.key not in known)
        for each in adopted:
            self.reserve(each.id)
        if adopted:
            edit = Edit(ADOPT, (), adopted)
            self._apply(edit, ADOPT, edit)
        if painted:
            self._do(Edit(PAINT, (), painted))

    def accept(self, found: Sequence[Object]) -> Objects:
        """Commit objects that were found without a person's prompts, all in one step; each gets a label."""
        return self.put(ACCEPT, (), tuple(replace(each, id=self._new_id()) for each in found)).after

    def put(self, what: str, before: Objects, after: Objects, **arguments: Any) -> Edit:
        """Let objects make room for others that were made elsewhere, in one step."""
        edit = Edit(what, before, self._signed(after), arguments)
        self._do(edit)
        return edit

    def _new_id(self) -> int:
        label, self._next_id = self._next_id, self._next_id + 1
        return label

    def edit(self, what: str, keys: Sequence[Key], **arguments: Any) -> Edit:
        """Do something to objects, in one step.

        Parameters
        ----------
        what : str
            One of `operations.OPERATIONS`.
        keys : sequence of (id, plane)
            Of objects that are there; others are passed over.
        **arguments
            What the operation takes besides, as plain JSON values.

        Raises
        ------
        PromptError
            If the operation does not fit the objects, changes nothing, or would take another one's label.
        """
        return self.carry_out(self.plan(what, self.there(keys), **arguments))

    def there(self, keys: Iterable[Key]) -> Objects:
        """Return the objects of some keys, each once, but for those that are not there."""
        return tuple(self.store[key] for key in dict.fromkeys(keys) if key in self.store)

    def of_labels(self, labels: Container[int]) -> list[Key]:
        """Return the keys of the objects of some labels, in all of their planes."""
        return [each.key for each in self.store if each.id in labels]

    def plan(self, what: str, objects: Objects, **arguments: Any) -> Edit:
        """Return the step that `edit` takes, and change nothing; so it may run in a worker.

        Raises
        ------
        PromptError
            If the operation does not fit the objects.
        """
        return Edit(what, objects, operate(what, objects, self._next_id, **arguments), arguments)

    def carry_out(self, edit: Edit) -> Edit:
        """Take a step that was planned, and return it; if its new label was given meanwhile, by another one.

        Raises
        ------
        PromptError
            If its objects have changed since; it changes nothing; or it would take another one's label.
        """
        if any(self.store.get(each.key) is not each for each in edit.before):
            raise PromptError("These objects have changed meanwhile; do it again, if it is still wanted.")
        edit = self._with_free_label(edit)
        check(edit, self.store)
        self._do(edit)
        return edit

    def _with_free_label(self, edit: Edit) -> Edit:
        """Return a step whose new object, if it has one, shares its label with none of any plane."""
        new = {each.id for each in edit.after} - {each.id for each in edit.before}
        if not new or min(new) >= self._next_id:
            return edit
        after = tuple(replace(each, id=self._next_id) if each.id in new else each for each in edit.after)
        return replace(edit, after=after)

    def paint(self, plane: Plane, window: Window, labels: NDArray[np.integer]) -> Edit | None:
        """Take over what was painted by hand into a window of a plane; it becomes part of the objects.

        Pixels of an object that another one hides stay as they are, unless they would show in place of what
        was painted.

        Parameters
        ----------
        plane : tuple of int
        window : (rows, columns)
        labels : (h, w) int
            What the window shows now.

        Returns
        -------
        Edit or None
            None if the window shows what it should.
        """
        return self.paint_planes([(plane, window, labels)])

    def paint_planes(self, painted: Sequence[Painted]) -> Edit | None:
        """Take over what was painted into windows of several planes, in one step; see `paint`."""
        before, after = stroke(self.store, painted)
        if not before and not after:
            return None
        return self.put(PAINT, before, after)

    def _signed(self, objects: Iterable[Object]) -> Objects:
        """Say of objects that are made now when, and by whom."""
        now = self._clock()
        return tuple(each if each.made else replace(each, made=now, author=self._author) for each in objects)

    def _check_open(self) -> None:
        if self.read_only:
            raise PromptError(self.read_only)

    def _do(self, edit: Edit) -> None:
        if edit.before or edit.after:
            self._check_open()
        for each in edit.after:
            self.reserve(each.id)
        self.history.add(edit)
        self._apply(edit, "do", edit)

    def _apply(self, change: Edit, how: str, edit: Edit) -> None:
        """Change the objects, and tell of it; `how` and `edit` as `recorded` has them."""
        self.store.apply(change)
        try:
            self.recorded.emit(how, edit)
        finally:
            self.edited.emit(change)

    def undo(self) -> Edit | None:
        """Take back the last edit and return it; None if there was none.

        Raises
        ------
        PromptError
            If nothing can be changed.
        """
        self._check_open()
        edit = self.history.step_back()
        if edit is not None:
            self._apply(edit.back, "undo", edit)
        return edit

    def redo(self) -> Edit | None:
        """Bring back the last edit that was undone and return it; None if there was none, as `undo` does."""
        self._check_open()
        edit = self.history.step_on()
        if edit is not None:
            self._apply(edit, "redo", edit)
        return edit
