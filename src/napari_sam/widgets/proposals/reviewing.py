"""Proposals answered one by one or together, with keys and buttons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_sam.errors import NapariSamError
from napari_sam.predict import Prompts
from napari_sam.session.review import Review
from napari_sam.wording import amount

from ..background.jobs import Jobs
from ..background.resting import after_rest
from ..layers.planes import camera_of, image_shape, layers_of, plane_or_told, plane_under_sliders, seen
from .picking import ProposalPicker
from .proposing import Proposing
from .view import ProposalView

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_sam.session import Object, Plane

    from ..annotating.annotation import Annotation
    from ..forms.segment_all import SegmentAll
    from ..layers.mixed import Mixed
    from .searching import Find

REST = 150
"""Milliseconds that the view rests before outlines are drawn anew in its scale."""


class Reviewing:
    """Ties the review of an annotation's proposals to layers, keys and the dock's section.

    Signals
    -------
    said : str
        One sentence for the person.
    failed : str
        One sentence about what went wrong.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image or Mixed
    annotation : Annotation
    panel : SegmentAll
    """

    said = Signal(str)
    failed = Signal(str)

    def __init__(
        self, viewer: ViewerModel, image: Image | Mixed, annotation: Annotation, panel: SegmentAll
    ) -> None:
        self._viewer, self._image = viewer, image
        self._annotation, self.panel = annotation, panel
        self.review = Review(annotation.session)
        self._keyboard = annotation.keyboard
        acts: dict[str, Callable[[], object]] = {
            "accept": self.accept,
            "reject": self.reject,
            "correct": self.correct,
            "next": partial(self.step, 1),
            "previous": partial(self.step, -1),
        }
        for action, act in acts.items():
            self._keyboard.on(action, act)
        self.view = ProposalView(viewer, annotation.writer.labels, self._keyboard.listen)
        self.picker = ProposalPicker(viewer, annotation, self.review, self.view)
        self.jobs = Jobs(panel)
        self._behind = False
        self.proposing = Proposing(viewer, image, annotation, self.review, panel, self.jobs)
        # of a parent, so that Python's garbage collection, in whatever thread, never deletes it
        self._rest = after_rest(panel, self._draw, REST)
        self._connect()
        panel.set_stack(stack=len(image_shape(image)) > 2)
        panel.setEnabled(True)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of proposals, which go at Stop."""
        return self.view.layers

    def _connect(self) -> None:
        panel, jobs = self.panel, self.jobs
        self._wires = (
            (panel.search_asked, self.search),
            (panel.cancel_asked, self._cancel),
            (panel.accept_asked, self.accept),
            (panel.reject_asked, self.reject),
            (panel.correct_asked, self.correct),
            (panel.step_asked, self.step),
            (panel.accept_above_asked, self.accept_above),
            (panel.accept_all_asked, self.accept_all),
            (panel.bring_back_asked, self.bring_back),
            (panel.thresholds_moved, self._again),
            (panel.score_moved, self._changed),
            (jobs.started, panel.progress.begin),
            (jobs.progressed, panel.progress.show_progress),
            (jobs.idle, self._idle),
            (jobs.failed, self.failed.emit),
        )
        for signal, slot in self._wires:
            signal.connect(slot)
        self.review.changed.connect(self._changed)
        self.picker.picked.connect(self._picked)
        self.proposing.said.connect(self.said.emit)
        self.proposing.found.connect(self._found)
        self._viewer.dims.events.point.connect(self._moved)
        camera_of(self._viewer).events.zoom.connect(self._moved)
        for layer in layers_of(self._image):
            layer.events.data.connect(self._forget)

    def close(self) -> None:
        """Stop; what was accepted stays, and somebody else takes `layers` away."""
        for signal, slot in self._wires:
            signal.disconnect(slot)
        self._viewer.dims.events.point.disconnect(self._moved)
        camera_of(self._viewer).events.zoom.disconnect(self._moved)
        for layer in layers_of(self._image):
            layer.events.data.disconnect(self._forget)
        self._rest.stop()
        self._rest.deleteLater()
        self.jobs.close()
        self.jobs.deleteLater()
        self.picker.close()
        self.review.close()
        self.view.close()
        self.panel.progress.end()
        self.panel.reset()

    def search(self, scope: str) -> None:
        """Search what is seen, the plane or everything."""
        self._behind = False
        try:
            plane = plane_under_sliders(self._image, self._viewer.dims)
            self.proposing.search(scope, plane)
        except NapariSamError as error:
            self.failed.emit(str(error))

    def _again(self) -> None:
        """Search with other thresholds, once the outlines of those before are seen.

        Otherwise none would be, as long as a slider moves.
        """
        self._behind = self.proposing.sketching
        plane = self._plane()
        if self._behind or plane is None:  # there is none to be seen now
            return
        try:
            self.proposing.again(plane)
        except NapariSamError as error:
            self.jobs.cancel()  # or a search with thresholds that are others now would have the last word
            self.failed.emit(str(error))

    def _cancel(self) -> None:
        self.jobs.cancel()
        self.said.emit(f"Cancelled; {amount(len(self.review.open), 'proposal')} to answer.")

    def _forget(self) -> None:
        """Forget what was found in pixels that are others now."""
        self.jobs.cancel()
        self.proposing.forget()
        self.review.clear()

    def accept(self) -> None:
        """Commit the current proposal, and look at the next one."""
        current = self._current()
        if current is not None:
            self._accept([current])
            self._look()

    def accept_above(self) -> None:
        """Commit the proposals from the chosen score on, in one step."""
        self._accept_many(self.review.above(float(self.panel.score.value())))

    def accept_all(self) -> None:
        """Commit all proposals, in one step."""
        self._accept_many(self.review.open)

    def _accept_many(self, proposals: Sequence[Object]) -> None:
        """Commit proposals, but for the one that is being corrected: it would be there twice in the end."""
        others = [each for each in proposals if each.key != self.review.corrected]
        if proposals and not others:
            self.said.emit(self.task)
        else:
            self._accept(others)

    def _accept(self, proposals: Sequence[Object]) -> None:
        session = self._annotation.session
        try:
            self._annotation.writer.check_room(session.next_id + len(proposals) - 1)
            made = self.review.accept(proposals)
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        what = "it" if len(made) == 1 else "all"
        self.said.emit(
            f"Accepted {amount(len(made), 'label')}. {self._keyboard.text('undo')} takes {what} back."
        )

    def reject(self) -> None:
        """Put the current proposal aside, and look at the next one."""
        current = self._current()
        if current is not None:
            self.review.reject([current])
            self.said.emit(f"Rejected 1 proposal. {self._keyboard.text('undo')} brings it back.")
            self._look()

    def bring_back(self) -> None:
        """Propose again what was rejected."""
        brought = amount(self.review.rejected, "proposal")
        self.review.bring_back()
        self.said.emit(f"Brought back {brought}. {self._keyboard.text('undo')} puts aside again.")

    def correct(self) -> None:
        """Put the current proposal's prompts on the image; the next commit takes its place."""
        current = self._current()
        if current is None:
            return
        self._look()
        here = plane_or_told(self._image, self._viewer.dims, self.failed.emit)
        if here is None:
            return
        if here != current.plane or not self._annotation.session.ready:
            self.failed.emit(
                "The plane of this proposal is still being read;"
                f" press {self._keyboard.text('correct')} again when it is ready."
            )
            return
        self._annotation.committing.refine(current.prompts or Prompts(box=current.box))
        self.review.correct(current)
        self.said.emit(self.task)

    @property
    def task(self) -> str:
        """What the person may do with the proposal that is being corrected; empty if none is."""
        if self.review.corrected is None:
            return ""
        leave = self._keyboard.text("clear")
        return f"Correct it with points or a box, or choose another candidate; {leave} leaves it as it was."

    def step(self, by: int) -> None:
        """Look at the next proposal, or the one before."""
        if self._current() is not None:
            self._annotation.settled.emit()
            self.review.step(by)
            self._look()

    def _picked(self, each: Object) -> None:
        """Look at a proposal that was clicked on; it is in view already."""
        self.review.choose(each.key)
        key = self._keyboard.text
        self.said.emit(
            f"This proposal: {key('accept')} accepts, {key('reject')} rejects, {key('correct')} corrects."
        )

    def _current(self) -> Object | None:
        if self.review.current is None:
            self.failed.emit("There is no proposal; search for some with Segment all.")
        return self.review.current

    def _plane(self) -> Plane | None:
        """Return the plane that is seen; None in 3-D, and where pixels of other axes have come just now."""
        with suppress(NapariSamError):
            plane = plane_under_sliders(self._image, self._viewer.dims)
            return plane if len(plane) + 2 == self._annotation.writer.labels.ndim else None
        return None

    def _look(self) -> None:
        """Bring the current proposal into view, if it is not."""
        current = self.review.current
        if current is None:
            return
        world = self.view.look_at(current)
        dims = self._viewer.dims
        if self._plane() != current.plane:
            axes = range(dims.ndim - len(world), dims.ndim - 2)
            for axis, value in zip(axes, world[:-2], strict=True):
                dims.set_point(axis, value)
        low, high = seen(self._image, self._viewer)
        if not ((low <= current.centre) & (high > current.centre)).all():
            camera = camera_of(self._viewer)
            camera.center = (*camera.center[:-2], *world[-2:])

    def _changed(self) -> None:
        review, score = self.review, float(self.panel.score.value())
        self.panel.set_counts(len(review.open), len(review.above(score)), review.rejected)
        current = review.current
        if current is not None:
            place = f"{review.place + 1} of {len(review.open)}"
            self.panel.set_current(f"{place}, score {current.score or 0:.2f}")
        else:
            self.panel.set_current("")
        self._draw()

    def _draw(self) -> None:
        plane, review = self._plane(), self.review
        if plane is not None:
            self.view.show(review.open, review.current, float(self.panel.score.value()), plane)

    def _found(self, find: Find) -> None:
        """Keep the outlines of what was found; show those of what may become proposals, until they are."""
        self.view.hold(find.outlines)
        if find.edit is None and find.plane == self._plane():
            self.view.sketch(find.sketch, find.plane)
        if self._behind:
            self._again()

    def _moved(self) -> None:
        """Draw anew once the sliders and the zoom rest, if there is something to draw."""
        if self.review.open:
            self._rest.start()

    def _idle(self) -> None:
        self._behind = False
        self.panel.progress.end()
        self.panel.set_searching(searching=False)
        self._draw()
