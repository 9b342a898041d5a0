"""What the person does to committed objects: edits, undo and redo, and which object is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_sam.errors import NapariSamError
from napari_sam.session import Edit, Key, Object, Plane

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_sam.session import AnnotationSession

    from .label_writer import LabelWriter
    from .prompt_layers import PromptLayers

NOTHING = "There is no object to reopen here; point at one, or commit one first."


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
    plane : callable
        Gives the plane that is seen now.
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
        plane: Callable[[], Plane],
    ) -> None:
        self._viewer, self._session, self._labels = viewer, session, writer.labels
        self._prompts, self._plane = prompts, plane
        prompts.bind("R", self.reopen)
        prompts.bind("S", self.split)
        prompts.bind("X", lambda: self.edit("delete"))
        self._undo_keys = {"Control-Z": self.undo, "Control-Shift-Z": self.redo}
        for key, act in self._undo_keys.items():
            prompts.bind(key, act)
            self._labels.bind_key(key, lambda _, act=act: act(), overwrite=True)

    def close(self) -> None:
        """Let the Labels layer have its own undo again."""
        for key in self._undo_keys:
            self._labels.bind_key(key, None)

    def reopen(self) -> None:
        """Offer the choice of the object under the pointer again, or of the last one of the plane."""
        each = self.pointed() or self._last()
        if each is None or not self._session.ready:
            self.failed.emit(NOTHING)
        else:
            self.reopen_asked.emit(each)

    def _last(self) -> Object | None:
        here = self._plane()
        return next((each for each in reversed(self._session.objects) if each.plane == here), None)

    def pointed(self) -> Object | None:
        """Return the object that the pointer is over."""
        position = self._labels.world_to_data(self._viewer.cursor.position)
        return self._session.store.at(self._plane(), *position[-2:])

    def edit(self, what: str, keys: Sequence[Key] = (), **arguments: Any) -> None:
        """Do something to some objects, or to the one under the pointer."""
        if not keys:
            each = self.pointed()
            keys = [] if each is None else [each.key]
        try:
            edit = self._session.edit(what, keys, **arguments)
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        self.said.emit(f"{title(edit)}: {counted(len(edit.before))}. Ctrl+Z takes it back.")

    def split(self) -> None:
        """Cut the object under the two points inside, in two."""
        try:
            prompts = self._prompts.read(self._plane())
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        points = [each.positions[each.labels == 1] for each in prompts]
        pair = np.concatenate([np.zeros((0, 2)), *points]).tolist()
        each = self._session.store.at(self._plane(), *pair[0]) if pair else None
        if each is None or len(pair) != 2:
            self.failed.emit(
                "Splitting takes two points on one object: click on its two parts, then press S."
            )
            return
        self.prompts_used.emit()
        self.edit("split", [each.key], points=pair)

    def undo(self) -> None:
        """Take back the last edit."""
        edit = self._session.undo()
        if edit is None:
            self.said.emit("There is nothing to take back.")
        else:
            self.said.emit(f"Took back: {title(edit)}, {counted(len(edit.after or edit.before))}.")

    def redo(self) -> None:
        """Bring back the last edit that was taken back."""
        edit = self._session.redo()
        if edit is None:
            self.said.emit("There is nothing to bring back.")
        else:
            self.said.emit(f"Brought back: {title(edit)}, {counted(len(edit.after or edit.before))}.")


def title(edit: Edit) -> str:
    """Return an operation's name for a person, such as "fill holes"."""
    return edit.what.replace("_", " ")


def counted(labels: int) -> str:
    """Return "1 label", "2 labels" and so on."""
    return f"{labels} label{'' if labels == 1 else 's'}"


def box_around(each: Object) -> tuple[float, float, float, float]:
    """Return the box of an object, to the outer edges of its pixels."""
    (row, col), (height, width) = each.origin, each.mask.shape
    return row - 0.5, col - 0.5, row + height - 0.5, col + width - 0.5
