"""One annotation session: prompts become candidates, candidates become objects, every edit can be undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_sam.errors import PromptError
from napari_sam.masks import Window
from napari_sam.predict import Embedding, Predictor, Prompts

from .answering import Answering
from .history import History
from .making import object_of
from .objects import Edit, Key, Object, Plane, Proposal
from .operations import Objects, check, operate
from .painting import Painted, stroke
from .store import ObjectStore

Proposals = tuple[Proposal, ...]
Clock = Callable[[], str]
COMMIT, PAINT, ADOPT, ACCEPT, FOLLOW = "commit", "paint", "adopt", "accept", "follow"


def utc_now() -> str:
    """Return the time in UTC, by ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class AnnotationSession:
    """The state of annotating one image, without any window.

    `answer` computes and changes nothing that others see, so it may run in a worker; everything
    else belongs to the thread that listens to the signals.

    Signals
    -------
    proposed : tuple of Proposal
        There are other candidates now, or none.
    edited : Edit
        Objects were added, changed or taken out; also by undoing and redoing.
    recorded : str, Edit
        As `edited`, for a journal: "do", "adopt", "undo" or "redo", and what was done in the first place.
        It comes before `edited`, so that what cannot be drawn is still kept.
    released
        The next commit is an object of its own again.

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

    proposed = Signal(tuple)
    edited = Signal(Edit)
    recorded = Signal(str, Edit)
    released = Signal()

    def __init__(self, first_id: int = 1, author: str = "", clock: Clock = utc_now) -> None:
        self.store, self.history = ObjectStore(), History()
        self.read_only = ""
        self._next_id = first_id
        self._author, self._clock = author, clock
        self._replaced: Key | None = None
        self._answering: Answering | None = None
        self._proposals: Proposals = ()

    @property
    def ready(self) -> bool:
        """Whether there is an embedding to prompt on."""
        return self._answering is not None

    @property
    def proposals(self) -> Proposals:
        """The candidates to choose from, one proposal an object."""
        return self._proposals

    @property
    def objects(self) -> Objects:
        """All committed objects."""
        return tuple(self.store)

    @property
    def next_id(self) -> int:
        """The label that the next object will get."""
        return self._next_id

    def open(self, predictor: Predictor, embedding: Embedding, plane: Plane = ()) -> None:
        """Work on another embedding, of a plane of the image; committed objects stay.

        An object of another plane is not reopened any more.
        """
        if self.reopened is not None and self.reopened.plane != plane:
            self.release()
        self._answering = Answering(predictor, embedding, plane)
        self.propose(())

    def close(self) -> None:
        """Forget the embedding and the candidates; committed objects stay."""
        self._answering = None
        self.propose(())

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
        """Take labels that are there already as objects; this is not undone."""
        fresh = tuple(each for each in objects if each.key not in self.store)
        if not fresh:
            return
        for each in fresh:
            self.reserve(each.id)
        edit = Edit(ADOPT, (), fresh)
        self._apply(edit, ADOPT, edit)

    def answer(self, prompts: Sequence[Prompts]) -> Proposals:
        """Compute candidates for each object; one more point than last time costs one decoding.

        Raises
        ------
        PromptError
            If there is no embedding yet, or a prompt lies outside the image.
        OutOfMemoryError
            If the device has too little memory.
        """
        if self._answering is None:
            raise PromptError("The image is not embedded yet; press Start, or wait until it is.")
        return self._answering.answer(prompts)

    def propose(self, proposals: Proposals) -> None:
        """Put candidates up for choice, one proposal an object; an empty tuple drops them."""
        if not proposals and not self._proposals:
            return
        self._proposals = proposals
        self.proposed.emit(proposals)

    def set_prompts(self, prompts: Sequence[Prompts]) -> None:
        """Answer prompts and put the candidates up for choice; no prompts drop them."""
        self.propose(self.answer(prompts) if prompts else ())

    def commit(self, choice: int | None = None, suggested: int | None = None) -> Objects:
        """Commit one candidate of each proposal, the suggested one by default, all in one step.

        Empty masks are left out. A single one takes the place of the object that was reopened in its plane.

        Parameters
        ----------
        choice : int, optional
            Which candidate.
        suggested : int, optional
            Which one the person was suggested, if not the model's own; it is kept with the object.

        Raises
        ------
        PromptError
            If there is nothing to commit: no candidates, none of this number, or only empty masks; or
            nothing can be changed.
        """
        self._check_open()
        if not self._proposals:
            raise PromptError("There are no candidates; click on a cell or draw a box around it.")
        for proposal in self._proposals:
            if choice is not None and not 0 <= choice < len(proposal.candidates):
                raise PromptError(f"There is no candidate {choice + 1}; choose one that is shown.")
        filled = [proposal for proposal in self._proposals if proposal.chosen(choice).mask.any()]
        if not filled:
            raise PromptError("The mask is empty, so there is nothing to commit; add or move a point.")
        return self._commit(filled, choice, suggested)

    def _commit(self, proposals: Sequence[Proposal], choice: int | None, suggested: int | None) -> Objects:
        """Commit one candidate of each of some proposals in one step; those up for choice go."""
        old = self.reopened
        if old is not None and [each.plane for each in proposals] != [old.plane]:
            old = None
        on = self._answering
        embedding, model = (on.embedding, on.predictor.model) if on is not None else (None, None)
        after = []
        for proposal in proposals:
            label = self._new_id() if old is None else old.id
            made = object_of(proposal, label, choice, suggested, old, embedding, model)
            after.append(self._signed(made))
        self._replaced = None
        self.propose(())
        edit = Edit(COMMIT, () if old is None else (old,), tuple(after))
        self._do(edit)
        return edit.after

    def accept(self, found: Sequence[Object]) -> Objects:
        """Commit objects that were found without a person's prompts, all in one step; each gets a label."""
        after = tuple(self._signed(replace(each, id=self._new_id())) for each in found)
        self._do(Edit(ACCEPT, (), after))
        return after

    def put(self, what: str, before: Objects, after: Objects, **arguments: Any) -> Edit:
        """Let objects make room for others that were made elsewhere, in one step."""
        edit = Edit(what, before, tuple(map(self._signed, after)), arguments)
        self._do(edit)
        return edit

    def _new_id(self) -> int:
        label, self._next_id = self._next_id, self._next_id + 1
        return label

    def reopen(self, key: Key) -> Object:
        """Let the next commit of one object take the place of a committed one, which stays until then.

        Raises
        ------
        PromptError
            If there is no such object.
        """
        if key not in self.store:
            raise PromptError("There is no object to reopen here; point at one, or commit one first.")
        self._replaced = key
        return self.store[key]

    @property
    def reopened(self) -> Object | None:
        """The object whose place the next commit takes."""
        return None if self._replaced is None else self.store.get(self._replaced)

    def release(self) -> None:
        """Let the next commit be an object of its own."""
        self._replaced = None
        self.released.emit()

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
        before = tuple(self.store[key] for key in dict.fromkeys(keys) if key in self.store)
        edit = Edit(what, before, operate(what, before, self._next_id, **arguments), arguments)
        check(edit, self.store)
        self._do(edit)
        return edit

    def paint(self, plane: Plane, window: Window, labels: NDArray[np.integer]) -> Edit | None:
        """Take over what was painted by hand into a window of a plane; it becomes part of the objects.

        Pixels of an object that another one hides stay as they are.

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
        edit = Edit(PAINT, before, tuple(self._signed(each) for each in after))
        self._do(edit)
        return edit

    def _signed(self, each: Object) -> Object:
        return each if each.made else replace(each, made=self._clock(), author=self._author)

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
            If nothing can be changed, or a label was adopted that has the number of an object to bring back.
        """
        self._check_open()
        edit = self.history.step_back(self.store)
        if edit is not None:
            self._apply(edit.back, "undo", edit)
        return edit

    def redo(self) -> Edit | None:
        """Bring back the last edit that was undone and return it; None if there was none, as `undo` does."""
        self._check_open()
        edit = self.history.step_on(self.store)
        if edit is not None:
            self._apply(edit, "redo", edit)
        return edit
