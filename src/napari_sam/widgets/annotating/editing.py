"""What the person does to committed objects: edits, undo and redo, and which object is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_sam.errors import NapariSamError
from napari_sam.session import Edit, Key, Object, Plane
from napari_sam.session.objects import PAINT
from napari_sam.session.operations import DESCRIBE
from napari_sam.wording import amount

from ..keys.keymap import DEFAULTS, EDITS
from ..layers.planes import spot_of
from .selection import Selection

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_sam.session import AnnotationSession

    from ..background.jobs import Jobs
    from ..keys.keyboard import Keyboard
    from ..layers.label_writer import LabelWriter
    from ..prompts.prompt_layers import PromptLayers

NOTHING = "There is no object to reopen here; point at one, or commit one first."
NAPARIS = {"commit": ("polygon",), "clear": ("polygon", "paint", "erase")}
"""Modes of a Labels layer in which Enter and Esc are napari's: there they end what is being drawn."""

BLINK = 500_000
"""The effort from which on an edit is worked on outside of the window's thread; here it takes some 15 ms."""
OBJECT = 1_000
"""The pixels that take as long as what an object takes whatever its size."""
PER_PIXEL = {"fill_holes": 1, "remove_specks": 1, "smooth": 1, "split": 20}
"""How long operations take for a pixel of a mask, compared with smoothing; the others look at none."""


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
    jobs : Jobs
        For what takes long, and nothing else; closed with this.

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
        jobs: Jobs,
    ) -> None:
        self._viewer, self._session, self._labels = viewer, session, writer.labels
        self._prompts, self._keyboard, self.plane = prompts, keyboard, plane
        self._jobs = jobs
        jobs.failed.connect(self.failed.emit)
        self.selection = Selection(session)
        session.recorded.connect(self._recorded)
        for what in EDITS:
            keyboard.on(what, partial(self.edit, what))
        for action in ("reopen", "split", "redo"):
            keyboard.on(action, getattr(self, action))
        self._listen()
        self._labels.events.mode.connect(self._listen)
        keyboard.changed.connect(self._listen)

    def close(self) -> None:
        """Stop listening; what is being worked on is dropped."""
        self._jobs.close()
        self._jobs.deleteLater()
        self._session.recorded.disconnect(self._recorded)
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
        return next((each for each in self._session.latest if each.plane == here), None)

    def pointed(self) -> Object | None:
        """Return the object that the pointer is over."""
        spot = spot_of(self._labels, self._viewer.dims, self._viewer.cursor.position)
        return None if spot is None else self._session.store.at(*spot)

    def meant(self) -> tuple[Key, ...]:
        """Return the selected objects; or the one that is pointed at, if it is none of them."""
        each, selected = self.pointed(), self.selection.keys
        return selected if each is None or each.key in selected else (each.key,)

    @property
    def busy(self) -> bool:
        """Whether an edit is being worked on, which undoing stops."""
        return self._jobs.busy

    def edit(self, what: str, keys: Sequence[Key] = (), **arguments: Any) -> Edit | None:
        """Do something to some objects, or to those that are meant; return what was done.

        What takes longer than a blink is worked on outside of the window's thread, and None returned.
        """
        objects = self._session.there(keys or self.meant())
        plan = partial(self._session.plan, what, objects, **arguments)
        if _effort(what, objects) > BLINK:
            if not self._refused():
                self._jobs.run(title(what), lambda _: plan(), self._carry_out)
                count = amount(_labels(objects), "label")
                stop = f"{self._keyboard.text('undo')} stops it"
                self.said.emit(f"{title(what).capitalize()}: working on {count}; {stop}.")
            return None
        try:
            edit = plan()
        except NapariSamError as error:
            self.failed.emit(str(error))
            return None
        return self._carry_out(edit)

    def _carry_out(self, edit: Edit) -> Edit | None:
        """Take a step that was planned, and say so."""
        try:
            self._session.carry_out(edit)
        except NapariSamError as error:
            self.failed.emit(str(error))
            return None
        self._tell(edit)
        return edit

    def _recorded(self, how: str, edit: Edit) -> None:
        """Tell of a stroke: it, and not what was told of last, is what undoing takes back now."""
        if how == "do" and edit.what == PAINT:
            self._tell(edit)

    def _tell(self, edit: Edit) -> None:
        changed = amount(_changed(edit), "label")
        self.said.emit(f"{name(edit).capitalize()}: {changed}. {self._keyboard.text('undo')} takes it back.")

    def _refused(self) -> bool:
        """Say that something is being worked on, if it is."""
        if self.busy:
            self.failed.emit(
                f"Wait until the last edit is done, or press {self._keyboard.text('undo')} to stop it."
            )
        return self.busy

    def split(self) -> None:
        """Cut the object under the two points inside, in two."""
        if self._refused():
            return
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
        """Take back the last edit, or stop the one that is being worked on."""
        if self.busy:
            self._jobs.cancel()
            self.said.emit("Stopped; nothing has changed.")
            return
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
        self.said.emit(nothing if edit is None else f"{done}: {_described(edit)}{self._elsewhere(edit)}.")

    def _elsewhere(self, edit: Edit) -> str:
        """Say where a step was, if nothing of it is seen on this plane."""
        planes = sorted({each.plane for each in (*edit.before, *edit.after)})
        if not planes or self.plane() in planes:
            return ""
        return f", on plane {', '.join(map(str, planes[0]))}" if len(planes) == 1 else ", on other planes"


def _described(edit: Edit) -> str:
    """Return a step's name and how many labels it changed, if it changed some."""
    changed = _changed(edit)
    return f"{name(edit)}, {amount(changed, 'label')}" if changed else name(edit)


def _changed(edit: Edit) -> int:
    """Return how many labels a step took or made, whichever is more."""
    return max(map(_labels, (edit.before, edit.after)))


def _labels(objects: Sequence[Object]) -> int:
    """Return how many labels objects have; one of several planes counts once."""
    return len({each.id for each in objects})


def _effort(what: str, objects: Sequence[Object]) -> int:
    """Return how long an operation on objects takes, in pixels that it could smooth meanwhile."""
    return PER_PIXEL.get(what, 0) * sum(each.mask.size + OBJECT for each in objects)


def name(edit: Edit) -> str:
    """Return a step's name for a person, such as "fill holes"."""
    if edit.what == DESCRIBE:
        return "note" if "note" in edit.arguments else "class"
    return title(edit.what)


def title(what: str) -> str:
    """Return an operation's name for a person."""
    return what.replace("_", " ")
