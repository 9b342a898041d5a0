"""One image being annotated: prompts heard, candidates shown, commits written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from ..background.jobs import Jobs
from ..keys.keyboard import Keyboard
from ..keys.keymap import CHOICES, Keymap
from ..layers.label_writer import LabelWriter
from ..layers.planes import askew, image_shape, lay_over, layers_of
from ..layers.spared import spare
from ..layers.strokes import Strokes
from ..opening.adopting import Adopting
from ..opening.opening import Opening
from ..opening.parts import Load, Parts
from ..opening.seeing import Seeing
from ..prompts.candidate_view import CandidateView
from ..prompts.choosing import Chooser
from ..prompts.prompt_layers import PromptLayers
from ..prompts.stray_clicks import StrayClicks
from .as_before import AsBefore
from .asking import Asking
from .committing import Committing
from .earlier import layer_of
from .editing import Editing
from .foreseeing import Foreseeing
from .guard import LAID, Guard
from .keeping import Keeping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points, Shapes

    from napari_sam.session.journal.merging import Merged
    from napari_sam.session.opening import Opened

    from ..layers.mixed import Mixed
    from .earlier import Earlier

ASKEW = (
    "Clicks will lie beside the pointer, since napari shows the planes of this image without the rotation or"
    " shear between them; take that out of the layer's affine."
)
ELSEWHERE = "Go to another plane to go on there, or click here to try again."


class Annotation:
    """Ties a session to layers, which come into the viewer one after another, and then opens the image.

    Signals
    -------
    said : str
        One sentence for the person.
    failed : str
        One sentence about what went wrong.
    settled
        What went wrong last is not so any more, or of no matter.
    stopped
        A layer that it needs is gone, or the image could not be embedded.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image or Mixed
    earlier : Earlier
        The session to go on with, and the labels where its commits go.
    given : napari.layers.Points or napari.layers.Shapes or None
        A layer of prompts to begin with; it stays as it is.
    load : callable
        Makes the predictor; called in the worker.
    jobs : Jobs
        Runs what takes long.
    keymap : Keymap, optional
        Other keys than the default ones.
    strokes : Strokes, optional
        What was painted into labels that were there while earlier work was looked for.
    """

    said = Signal(str)
    failed = Signal(str)
    settled = Signal()
    stopped = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        image: Image | Mixed,
        earlier: Earlier,
        load: Load,
        jobs: Jobs,
        given: Points | Shapes | None = None,
        keymap: Keymap | None = None,
        strokes: Strokes | None = None,
    ) -> None:
        self.keyboard = Keyboard(keymap or Keymap())
        self.session = earlier.session
        self._viewer, self._image, self._jobs = viewer, image, jobs
        self.seeing = Seeing(viewer, image)
        self._parts = Parts(viewer, image, load, jobs)
        labels = layer_of(earlier, image, viewer.dims)
        self._before = AsBefore(labels, viewer.layers)
        laid = LAID if lay_over(labels, image, viewer.dims) else ""
        self.writer = LabelWriter(self.session, labels, strokes or Strokes(labels))
        self.keeping = Keeping(earlier, jobs)
        beside = ASKEW if askew(labels, image_shape(image)) else ""
        self._greeting = " ".join(filter(None, (self.keeping.greeting, earlier.beside, laid, beside)))
        self.view = CandidateView(viewer, image, self.keyboard)
        self.prompts = PromptLayers(viewer, image)
        if given is not None:
            self.prompts.take(given)
        self._adopting = Adopting(self.writer, jobs, earlier.merged)
        self._opening = Opening(self.session, self.seeing, self._parts, self.prompts, self._adopting, jobs)
        self.chooser = Chooser(viewer, self.view)
        self.editing = Editing(
            viewer,
            self.session,
            self.writer,
            self.prompts,
            self.keyboard,
            lambda: self.seeing.plane,
            Jobs(jobs),
        )
        self._guard = Guard(viewer, image, self.writer.labels, self.layers)
        self._stray = StrayClicks(viewer, self.layers, self.said.emit, self.seeing.possible)
        self._foreseeing = Foreseeing(
            viewer, self.session, self.prompts, jobs, lambda: (self.seeing.plane, self.part)
        )
        asking = self._asking = Asking(
            self.session, self.prompts, self.chooser, self._parts, self._foreseeing, jobs
        )
        self.committing = Committing(
            self.session, self.writer, self.chooser, asking, self.seeing, lambda: self.part, jobs
        )
        self._bind_keys()
        self._connect()
        jobs.run_in_turns("Showing the layers", self._shown(earlier.merged), self._begin)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of prompts and candidates, which go at Stop."""
        return *self.prompts.layers, *self.view.layers

    @property
    def part(self) -> Opened | None:
        """The part of the image that is open, or was last."""
        return self._opening.part

    @property
    def go_on(self) -> str:
        """What can be done where the plane that is seen is not open; empty if no other was."""
        return ELSEWHERE if self.part is not None and self.seeing.plane else ""

    @property
    def trouble(self) -> str:
        """What is not kept on disk, or not shown, of all that is committed; empty where nothing is wrong."""
        return " ".join(filter(None, (self.keeping.trouble, self.writer.trouble)))

    def _connect(self) -> None:
        self.session.proposed.connect(self.chooser.show)
        self.chooser.taken.connect(self.committing.take)
        self.editing.reopen_asked.connect(self.committing.reopen)
        self.editing.prompts_used.connect(self.clear)
        self.prompts.changed.connect(self._prompted)
        self._opening.opened.connect(self._opened)
        self.seeing.moved.connect(self._moved)
        self.seeing.regained.connect(self._regained)
        self.seeing.replaced.connect(self._replaced)
        self._guard.lost.connect(self._lost)
        self._jobs.failed.connect(self._job_failed)
        for speaker in (self.committing, self.editing, self.keeping, self._guard):
            speaker.said.connect(self.said.emit)
        for worker in (self.committing, self.editing, self.keeping, self.seeing, self._asking, self._parts):
            worker.failed.connect(self.failed.emit)

    def _shown(self, merged: Merged) -> Iterator[Layer | None]:
        """Bring the layers into the viewer one by one: with each, the window stands still for a moment."""
        for each in merged.redrawn:
            yield self.writer.show(each)
        self.writer.listen()
        self.writer.labels.visible = True  # or nobody sees what is committed
        for layer in (self.writer.labels, *self.view.layers, *self.prompts.layers):
            if layer not in self._viewer.layers:
                yield self._viewer.add_layer(layer)
        for layer in self.layers:
            spare(self._viewer, layer)

    def _begin(self) -> None:
        """Open what is seen now, which may have changed since Start."""
        self.prompts.use_points()
        self.seeing.begin()
        self._replaced()

    def close(self) -> None:
        """Stop listening; labels stay, and somebody else takes `layers` away."""
        self._opening.close()
        self._jobs.cancel()
        self.seeing.close()
        self._guard.close()
        self._stray.close()
        self._jobs.failed.disconnect(self._job_failed)
        self.prompts.changed.disconnect(self._prompted)
        self.session.proposed.disconnect(self.chooser.show)
        self.chooser.taken.disconnect(self.committing.take)
        self.chooser.close()
        self._foreseeing.close()
        self.session.close()
        self.editing.close()
        self.keyboard.close()
        self._adopting.close()
        self.writer.close()
        self.keeping.close()
        self.prompts.close()
        self.view.close()
        self._parts.close()
        self._before.close()

    def _bind_keys(self) -> None:
        keyboard, prompts = self.keyboard, self.prompts
        for number, action in enumerate(CHOICES):
            keyboard.on(action, partial(self.commit, number))
        keyboard.on("commit", self.commit)
        keyboard.on("clear", self.clear)
        keyboard.on("undo", self.undo)
        keyboard.on("swap", prompts.swap_polarity)
        keyboard.on("points", prompts.use_points)
        keyboard.on("boxes", prompts.use_boxes)
        keyboard.on("scribbles", prompts.use_scribbles)
        keyboard.on("lassos", prompts.use_lassos)
        for layer in (*self.layers, *layers_of(self._image)):
            keyboard.listen(layer)

    def commit(self, number: int | None = None) -> None:
        """Commit a candidate, as `Committing.commit` does."""
        self.committing.commit(number)

    def clear(self) -> None:
        """Drop the prompts and their candidates."""
        self.committing.clear()
        self.said.emit("")  # what was told of them

    def undo(self) -> None:
        """Take back the last prompt that was drawn on this plane, or the last edit where there is none.

        What is half drawn goes first; then an edit that is being worked on: it is stopped.
        """
        drawing, plane = self._viewer.layers.selection.active in self.prompts.layers, self.seeing.plane
        if self.prompts.drop_half_drawn():
            self.said.emit("Dropped what was half drawn.")
        elif drawing and not self.editing.busy and self.prompts.history.take_back(plane):
            self.said.emit(self.prompts.history.told(plane))
        else:
            self.editing.undo()

    def _opened(self, opened: Opened, first: bool) -> None:
        self._asking.reset_pace()
        greeting, self._greeting = self._greeting, ""
        if first or opened.note:
            words = (greeting, opened.note, "Ready: click on a cell, or draw a box around it.")
            self.said.emit(" ".join(filter(None, words)))
        self._asking.ask(self.seeing.plane, opened)

    def _prompted(self) -> None:
        self.settled.emit()
        self._asking.renew()
        if self.seeing.possible():
            self._asking.ask(self.seeing.plane, self.part)
            self._opening.try_again()
        else:
            self._asking.withdraw()

    def _regained(self) -> None:
        """Answer what was drawn where it could not be."""
        self.settled.emit()
        if not (self.prompts.empty or self.session.proposals):
            self._asking.ask(self.seeing.plane, self.part)

    def _job_failed(self, why: str) -> None:
        """Drop what is not true any more; stop where there is nothing else to annotate on."""
        self.session.propose(())
        if self.session.ready:
            return
        if self.go_on:
            self.failed.emit(f"{why} {self.go_on}")
            return
        self._before.wanted = self.part is None and not self.writer.changes
        self.stopped.emit()

    def _moved(self) -> None:
        self.prompts.drop_half_drawn()
        if (reopened := self.session.reopened) is not None:
            # or its prompts would make a second object when the person comes back
            self._asking.drop(reopened.plane)
        self.session.release()
        self.session.close()
        self._jobs.cancel()
        self._opening.open_later()

    def _replaced(self) -> None:
        self._parts.clear()
        self.session.close()
        apart = len(set(map(image_shape, layers_of(self._image)))) > 1
        if apart or image_shape(self._image) != tuple(self.writer.labels.data.shape):
            self.failed.emit("The image has another shape now, so annotation stopped; your labels are kept.")
            self.stopped.emit()
            return
        self._opening.open()

    def _lost(self, why: str) -> None:
        """Stop, because a layer is gone."""
        kept = "" if self.keeping.trouble else ", with all that was committed"
        there = all(layer in self._viewer.layers for layer in layers_of(self._image))
        start = "Press Start" if there else "Open it again and press Start"
        self.failed.emit(f"{why} {start} to go on{kept}.")
        self.stopped.emit()
