"""Objects through the planes of an annotated stack: followed, joined, linked and tracked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_sam.automatic.stack.walk import EmbeddingOf
from napari_sam.errors import ImageError, NapariSamError
from napari_sam.predict.window import window_around
from napari_sam.session.channels import channel_axis
from napari_sam.session.embeddings import embedding_store
from napari_sam.session.following import Following, join, put
from napari_sam.session.objects import FOLLOWED
from napari_sam.wording import amount

from ..background.jobs import Jobs
from ..layers.active import active_stays
from ..layers.mixed import Mixed
from ..layers.planes import (
    axis_names,
    image_shape,
    last_axes,
    layers_of,
    plane_or_told,
    read_window,
    sliders,
)
from ..layers.pyramid import labels_layer
from .followed import followed, stopped
from .linking import Linked, link_volumes
from .tracking import Tracked, track_frames

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_sam.predict import Embedding
    from napari_sam.session import Object, Plane
    from napari_sam.session.opening import Opened
    from napari_sam.session.operations import Objects

    from ..annotating.annotation import Annotation
    from ..background.jobs import Job
    from ..forms.stack_panel import StackPanel

    Unread = dict[int, ImageError]
    """Planes that could not be read, and why."""

NOTHING = "There is no object to follow; commit one, or point at one and press {follow}."
FLAT = "This image has no other planes; objects are followed through stacks and movies."
UNREAD = "The image is still being read by the model; try again when it is ready."
REPLACED = (
    "The image's pixels were replaced, so following stopped; nothing was changed. Follow the object again."
)
ALONE = "Joining takes two commits in different planes; commit the same object in another plane first."


class Stack:
    """Ties what goes through planes to an annotation and the dock's section.

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
    panel : StackPanel
    """

    said = Signal(str)
    failed = Signal(str)

    def __init__(
        self, viewer: ViewerModel, image: Image | Mixed, annotation: Annotation, panel: StackPanel
    ) -> None:
        self._viewer, self._image = viewer, image
        self._annotation, self._panel = annotation, panel
        self.jobs = Jobs(panel)  # of its own, so that prompts are answered and sliders moved meanwhile
        self._following = False
        self._wires = (
            *((layer.events.data, self._replaced) for layer in layers_of(image)),
            (panel.follow_asked, self.follow),
            (panel.join_asked, self.join),
            (panel.link_asked, self.link),
            (panel.track_asked, self.track),
            (panel.cancel_asked, self._cancel),
            (self.jobs.started, self._begin),
            (self.jobs.progressed, panel.progress.show_progress),
            (self.jobs.idle, self._end),
            (self.jobs.failed, self.failed.emit),
        )
        for signal, slot in self._wires:
            signal.connect(slot)
        annotation.keyboard.on("follow", self.follow_pointed)
        channels = channel_axis(axis_names(image), image_shape(image))
        planes = sliders(image)
        panel.set_axes(planes, max((each for each in planes if each != channels), default=None))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """None: those of links and tracks stay."""
        return ()

    def close(self) -> None:
        """Stop; what was put in place stays."""
        self.jobs.cancel()
        for signal, slot in self._wires:
            signal.disconnect(slot)
        self.jobs.close()
        self.jobs.deleteLater()
        self._panel.progress.end()
        self._panel.set_axes({})

    def _begin(self, title: str) -> None:
        self._following = False
        self._panel.set_busy(busy=True)
        self._panel.progress.begin(title)

    def _end(self) -> None:
        self._following = False
        self._panel.set_busy(busy=False)
        self._panel.progress.end()

    def _cancel(self) -> None:
        self.jobs.cancel()
        self.said.emit("Cancelled; nothing was changed.")

    def _replaced(self, _: object) -> None:
        """Drop what is followed through pixels some of which are no longer there."""
        if self._following:
            self.jobs.cancel()
            self.failed.emit(REPLACED)

    def follow_pointed(self) -> None:
        """Follow the object under the pointer, or the last one."""
        each = self._annotation.editing.pointed()
        self.follow() if each is None else self._follow(each)

    def follow(self) -> None:
        """Follow the last object of the plane, or else the last one."""
        here = self._seen_plane()
        if here is None:
            return
        objects = self._annotation.session.latest
        each = next((each for each in objects if each.plane == here), None) or next(iter(objects), None)
        if each is None:
            self.failed.emit(NOTHING.format(follow=self._annotation.keyboard.text("follow")))
        else:
            self._follow(each)

    def _follow(self, each: Object) -> None:
        opened, axis = self._annotation.part, self._panel.chosen_axis
        if opened is None or axis is None:
            self.failed.emit(FLAT if axis is None else UNREAD)
            return
        depth = image_shape(self._image)[axis]
        try:
            plan = Following.of(self._annotation.session.store, each.key, axis, depth)
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        self.jobs.run(
            f"Following label {each.id}",
            lambda job: self._run(job, plan, opened),
            lambda answer: self._put(plan, *answer),
        )
        self._following = True

    def _run(self, job: Job, plan: Following, opened: Opened) -> tuple[Objects, Unread]:
        """Run in the worker; return what was found, and which planes could not be read."""
        unread: Unread = {}
        embedding_of = self._embeddings(job, plan, opened)
        found = plan.run(
            opened.predictor,
            embedding_of,
            progress=job.progress,
            cancelled=job.cancelled,
            unread=unread.__setitem__,
        )
        return found, unread

    def _embeddings(self, job: Job, plan: Following, opened: Opened) -> EmbeddingOf:
        """Return what embeds the part of each plane that is open, or that the object is in."""
        held = np.array([plan.centre])
        window = opened.window if opened.window.holds(held) else window_around(opened.window.plane, held)
        mix = self._image.mix if isinstance(self._image, Mixed) else None
        store = embedding_store()

        def embedding_of(index: int) -> Embedding:
            pixels = read_window(self._image, plan.plane(index), window)
            embedding = store.embed(opened.predictor, pixels, mix=mix, cancelled=job.cancelled)
            return embedding.placed(window)

        return embedding_of

    def _put(self, plan: Following, found: Objects, unread: Unread) -> None:
        if found or (plan.followed and not unread):
            try:
                put(self._annotation.session, plan, found)
            except NapariSamError as error:
                self.failed.emit(str(error))
                return
        if unread:
            self.failed.emit(stopped(plan, found, unread))
        else:
            self.said.emit(followed(plan, found, self._annotation.keyboard))

    def join(self) -> None:
        """Let the last commit and the one before, in another plane, be one object."""
        session = self._annotation.session
        objects = session.latest
        last = next((each for each in objects if each.level not in FOLLOWED), None)
        others = (each for each in objects if last and each.id != last.id and each.plane != last.plane)
        other = next(others, None)
        if last is None or other is None:
            self.failed.emit(ALONE)
            return
        try:
            join(session, other.key, last.key)
        except NapariSamError as error:
            self.failed.emit(str(error))
            return
        self.said.emit(f"Label {last.id} is label {other.id} now; follow it to fill the planes between.")

    def link(self) -> None:
        """Link the labels of the planes of every volume, in a new layer."""
        labels, axis = self._annotation.writer.labels, self._panel.chosen_axis
        if self._seen_plane() is None or axis is None:
            return

        def work(job: Job) -> Linked:
            return link_volumes(labels.data, axis, job.progress)

        def done(linked: Linked) -> None:
            with active_stays(self._viewer.layers):
                self._viewer.add_layer(labels_layer(linked.pixels, **self._over_labels("linked")))
            apart = f" of {linked.volumes} volumes, each linked by itself" if linked.volumes > 1 else ""
            objects = amount(linked.objects, "object")
            self.said.emit(
                f"Linked {objects} through the planes{apart}, in a new layer{_left_out(linked.alone)}."
            )

        self.jobs.run("Linking planes", work, done)

    def track(self) -> None:
        """Track the labels of all frames, in new layers."""
        labels, axis = self._annotation.writer.labels, self._panel.chosen_axis
        if axis is None:
            return

        def work(job: Job) -> Tracked:
            return track_frames(labels.data, axis, job.progress)

        def done(tracked: Tracked) -> None:
            with active_stays(self._viewer.layers):
                self._viewer.add_labels(tracked.labels, **self._over_labels("tracked"))
                if len(tracked.positions):
                    options = self._over_labels("tracks", axis)
                    self._viewer.add_tracks(tracked.positions, graph=dict(tracked.tracks.graph), **options)
            tracks, left = tracked.tracks, _left_out(tracked.alone)
            found = f"{amount(tracks.count, 'track')}, {amount(tracks.divisions, 'division')}"
            self.said.emit(f"{found}; they are in new layers{left}.")

        self.jobs.run("Tracking", work, done)

    def _seen_plane(self) -> Plane | None:
        """Return the plane that is seen; None, and say why, where none can be worked on."""
        return plane_or_told(self._image, self._viewer.dims, self.failed.emit)

    def _over_labels(self, what: str, first: int = 0) -> dict[str, Any]:
        """Return the options of a layer over the annotation's labels, named after them; see `last_axes`."""
        labels = self._annotation.writer.labels
        return {"name": f"{labels.name} {what}", **last_axes(labels, first)}


def _left_out(alone: int) -> str:
    """Say what is in no object that was linked."""
    return f", without {amount(alone, 'mask')} that nothing overlaps in a neighbouring plane" if alone else ""
