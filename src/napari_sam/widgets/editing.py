"""What the person does to committed objects: edits, undo and redo, and which object is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_sam.errors import NapariSamError
from napari_sam.session import Edit, Key, Object, Plane
from napari_sam.session.operations import DESCRIBE
from napari_sam.wording import amount

from .keymap import DEFAULTS, EDITS
from .selection import Selection

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_sam.session import AnnotationSession

    from .keyboard import Keyboard
    from .label_writer import LabelWriter
    from .prompt_layers import PromptLayers

NOTHING = "There is no object to reopen here; point at one, or commit one first."
NAPARIS = {"commit": ("polygon",), "clear": ("polygon", "paint", "erase")}
"""Modes of a Labels layer in which Enter and Esc are napari's: there they end what is being drawn."""


class Editing:
    """Edits the objects of a session, by keys and by calls, and says what was done.

    Signals
    -------
    said : str
        One sentence for the person.
    failed : str
        One sentence about what went wrong.
    reopen_asked : Object
        The choice of an object is to be offered again.
    prompts_used
        The prompts were meant for an edit, and have to go.

    Parameters
    ----------
    viewer : napari.Viewer
    session : AnnotationSession
    writer : LabelWriter
    prompts : PromptLayers
    keyboard : Keyboard
    plane : callable
        Gives the plane that is seen now.

    Attributes
    ----------
    selection : Selection
        What an edit is about, unless the pointer is over another object.
    """

    said = Signal(str)
    failed = Signal(str)
    reopen_asked = Signal(Object)
    prompts_used = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        session: AnnotationSession,
        writer: LabelWriter,
        prompts: PromptLayers,
        keyboard: Keyboard,
        plane: Callable[[], Plane],
    ) -> None:
        self._viewer, self._session, self._labels = viewer, session, writer.labels
        self._prompts, self._keyboard, self.plane = prompts, keyboard, plane
        self.selection = Selection(session)
        for what in EDITS:
            keyboard.on(what, partial(self.edit, what))
        for action in ("reopen", "split", "redo"):
            keyboard.on(action, getattr(self, action))
        self._listen()
        self._labels.events.mode.connect(self._listen)
        keyboard.changed.connect(self._listen)

    def close(self) -> None:
        """Stop listening."""
        self._labels.events.mode.disconnect(self._listen)
        self._keyboard.changed.disconnect(self._listen)
        self.selection.close()

    def _listen(self, _: Any = None) -> None:
        """Let keys act on the labels where they mean nothing to napari; undo and redo are the session's."""
        keyboard, labels = self._keyboard, self._labels
        keymap, mode = keyboard.keymap, str(labels.mode)
        free = [each for each in NAPARIS if keymap[each] == DEFAULTS[each] and mode not in NAPARIS[each]]
        for binding in (keymap.binding(each) for each in NAPARIS if each not in free):
            if binding is not None:
                labels.bind_key(binding, None)
        keyboard.listen(labels, ("undo", "redo", *free))

    def reopen(self, key: Key | None = None) -> None:
        """Offer the choice of an object again: of the one that is meant, or the last one of the plane."""
        keys = [key] if key is not None else self.meant()
        each = self._session.store.get(keys[0]) if keys else self._last()
        if each is None:
            self.failed.emit(NOTHING)
        else:
            self.reopen_asked.emit(each)

    def _last(self) -> Object | None:
        here = self.plane()
        return next((each for each in reversed(self._session.objects) if each.plane == here), None)

    def pointed(self) -> Object | None:
        """Return the object that the pointer is over."""
        position = self._labels.world_to_data(self._viewer.cursor.position)
        return self._session.store.at(self.plane(), *position[-2:])

    def meant(self) -> tuple[Key, ...]:
        """Return the selected objects; or the one that is pointed at, if it is none of them."""
        each, selected = self.pointed(), self.selection.keys
        return selected if each is None or each.key in selected else (each.key,)

    def edit(self, what: str, keys: Sequence[Key] = (), **arguments: Any) -> Edit | None:
        """Do something to some objects, or to those that are meant; return what was done."""
        try:
            edit = self._session.edit(what, keys or self.meant(), **arguments)
        except NapariSamError as error:
            self.failed.emit(str(error))
            return None
        changed = amount(_changed(edit), "label")
        self.said.emit(f"{title(edit).capitalize()}: {changed}. {self._keyboard.text('undo')} takes it back.")
        return edit

    def split(self) -> None:
        """Cut the object under the two points inside, in two."""
        try:
            prompts = self._prompts.read(self.plane())
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        points = [each.positive for each in prompts]
        pair = np.concatenate([np.zeros((0, 2)), *points]).tolist()
        each = self._session.store.at(self.plane(), *pair[0]) if pair else None
        if each is None or len(pair) != 2:
            self.failed.emit(
                "Splitting takes two points on one object: click on its two parts, then press"
                f" {self._keyboard.text('split')}."
            )
            return
        self.prompts_used.emit()
        self.edit("split", [each.key], points=pair)

    def undo(self) -> None:
        """Take back the last edit."""
        self._step(self._session.undo, "There is nothing to take back.", "Took back")

    def redo(self) -> None:
        """Bring back the last edit that was taken back."""
        self._step(self._session.redo, "There is nothing to bring back.", "Brought back")

    def _step(self, step: Callable[[], Edit | None], nothing: str, done: str) -> None:
        try:
            edit = step()
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        self.said.emit(nothing if edit is None else f"{done}: {_described(edit)}.")


def _described(edit: Edit) -> str:
    """Return a step's name and how many labels it changed, if it changed some."""
    changed = _changed(edit)
    return f"{title(edit)}, {amount(changed, 'label')}" if changed else title(edit)


def _changed(edit: Edit) -> int:
    """Return how many labels a step took or made, whichever is more; one of several planes counts once."""
    return max(len({each.id for each in objects}) for objects in (edit.before, edit.after))


def title(edit: Edit) -> str:
    """Return an operation's name for a person, such as "fill holes"."""
    if edit.what == DESCRIBE:
        return "note" if "note" in edit.arguments else "class"
    return edit.what.replace("_", " ")
