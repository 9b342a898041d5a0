"""Objects into a Labels layer, touching only their own pixels, and what is painted there into objects."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from psygnal import Signal

from napari_sam.errors import ImageError
from napari_sam.export.layers import OBJECTS, TOLD
from napari_sam.session.objects import PAINT, Edit, Object
from napari_sam.session.regions import few_pixels, objects_in, regions
from napari_sam.session.store import place_in, whole_of, window_of_all

from .label_part import LabelPart, write
from .refused import Refused
from .strokes import Strokes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_sam.masks import Window
    from napari_sam.session import AnnotationSession, Plane
    from napari_sam.session.journal.merging import Redrawn
    from napari_sam.session.store import ObjectStore

    from .strokes import Stroke

SQUARE = 1024
"""Side of the squares in which thousands of objects are drawn together, in pixels."""
NEAR = 256
"""Side of those in which objects that change are; a step of thousands takes a fraction of the time so."""


class LabelWriter:
    """Draws what a session's objects are, and makes what is painted by hand part of them.

    Labels that are no object of the session are never overwritten. Other data of the layer, as a script or
    another plugin assigns it, is taken over as a stroke is. The layer's own undo and redo become
    the session's, whoever calls them: a step that is taken back in the layer alone would change pixels
    and no object. Numbers below 0 are no objects, so where a stroke makes or takes some is kept here.

    Signals
    -------
    replaced
        The layer has other data, by no edit of the session.
    touched : list of Painted
        Somebody painted, which the session will hear next; what the windows of planes showed before.

    Parameters
    ----------
    session : AnnotationSession
    labels : napari.layers.Labels
        Of the image's shape.
    strokes : Strokes, optional
        What was painted since somebody began to look at the labels: taken over once `listen` is called.
        Without it, strokes are from now on.

    Attributes
    ----------
    store : ObjectStore
        The session's objects.
    opened : Plane or None
        The plane whose labels the session knows as it is open; of other data, they are taken over as well.
    changes : int
        How often the layer has changed, by whomever.
    trouble : str
        Why the layer does not show all objects, in one sentence; empty while it does.
    """

    replaced = Signal()
    touched = Signal(list)

    def __init__(self, session: AnnotationSession, labels: Labels, strokes: Strokes | None = None) -> None:
        self._session, self.store = session, session.store
        self.labels = labels
        self.opened: Plane | None = None
        self.changes, self.trouble = 0, ""
        self._refused = Refused()
        self._below: WeakKeyDictionary[Edit, tuple[LabelPart, LabelPart]] = WeakKeyDictionary()
        labels.metadata[OBJECTS] = session.store  # for whoever saves the layer
        labels.metadata.pop(TOLD, None)  # which the session has taken over
        self._drawing = False
        self._shape = tuple(labels.data.shape)
        self._editable = labels.editable
        if session.read_only:
            labels.editable = False
        session.edited.connect(self._draw)
        session.recorded.connect(self._step_below)
        self._strokes = strokes or Strokes(labels)
        if strokes is None:
            self.listen()
        labels.events.data.connect(self._replaced)
        self._steps = {"undo": session.undo, "redo": session.redo}
        for name, step in self._steps.items():
            setattr(labels, name, step)

    def close(self) -> None:
        """Stop listening, and let the layer have its own undo and redo again."""
        if self._refused:
            self._attempt(lambda: ())
        if self._refused:  # what the layer lacks would be taken for erased
            self.labels.metadata[OBJECTS] = self._refused.taken(self.store)
        for name in self._steps:
            delattr(self.labels, name)
        self.labels.editable = self._editable
        self._session.edited.disconnect(self._draw)
        self._session.recorded.disconnect(self._step_below)
        self._strokes.close()
        self.labels.events.data.disconnect(self._replaced)

    def listen(self) -> None:
        """Take over what was painted until now, and from now on."""
        self._strokes.pass_on(self._take)

    def check_room(self, label: int) -> None:
        """Make sure that the layer can hold a label.

        Raises
        ------
        ImageError
            If its dtype cannot.
        """
        dtype = np.dtype(self.labels.data.dtype)
        if label > np.iinfo(dtype).max:
            raise ImageError(
                f"The Labels layer holds {dtype} and cannot count beyond {np.iinfo(dtype).max};"
                " choose a new Labels layer."
            )

    def show(self, redrawn: Redrawn) -> None:
        """Let pixels show what they should, but for those that have changed meanwhile."""
        here = np.asarray(self.labels.data[(*redrawn.plane, *redrawn.window)])
        wrong = (redrawn.after != redrawn.before) & (here == redrawn.before)
        part = LabelPart((*redrawn.plane, *redrawn.window), wrong, redrawn.after)
        if not self._attempt(lambda: [part]):
            rows, cols = redrawn.window
            before = (
                replace(each, origin=(each.origin[0] + rows.start, each.origin[1] + cols.start))
                for each in regions(np.where(wrong, redrawn.before, 0), redrawn.plane)
            )
            after = self.store.within(redrawn.plane, redrawn.window)
            self._refused.add(Edit("show", tuple(before), tuple(after)))

    def adopt(self, found: Sequence[Object]) -> None:
        """Let the session know what a plane shows and it has not made, so that it can be edited."""
        planes = {each.plane for each in found}
        # they are shown, and nothing over them, unless an object of the plane is
        self._drawing = not any(each.plane in planes for each in self.store)
        try:
            self._session.adopt(found)
        finally:
            self._drawing = False

    def _replaced(self) -> None:
        self.changes += 1
        self.replaced.emit()
        if tuple(self.labels.data.shape) == self._shape and not self._session.read_only:
            self._take_over()

    def _take_over(self) -> None:
        """Make what the new data shows part of the objects, in the planes that have some and the open one."""
        if self._refused:
            self._attempt(lambda: ())  # the new data may take what the others did not
        labels, store = self.labels.data, self.store
        opened = set() if self.opened is None else {self.opened}
        planes = sorted({each.plane for each in store} | opened) if few_pixels(labels) else []
        shown = [np.maximum(np.asarray(labels[plane]).astype(np.int64), 0) for plane in planes]
        shown = [
            self._refused.filled(self.store, plane, whole_of(pixels), pixels, 0)
            for plane, pixels in zip(planes, shown, strict=True)
        ]
        for plane, pixels in zip(planes, shown, strict=True):
            self.adopt(objects_in(pixels, plane, store))
        self._session.paint_planes(
            [(plane, whole_of(pixels), pixels) for plane, pixels in zip(planes, shown, strict=True)]
        )

    def redraw(self) -> None:
        """Show the objects that are on top now, where some overlap; no other pixel changes."""
        near = tuple(self.store.together())
        if not self._attempt(lambda: map(self._given_up, _neighbours(near, NEAR))):
            self._refused.add(Edit("redraw", near, near))

    def _draw(self, edit: Edit) -> None:
        """Give every pixel of what changed the label that the objects say, in one step."""
        if not self._drawing:
            part = partial(self._wanted, gone={each.id for each in edit.before})
            if not self._attempt(lambda: map(part, _neighbours(edit.moved, NEAR))):
                self._refused.add(edit)

    def _attempt(self, parts: Callable[[], Iterable[LabelPart]]) -> bool:
        """Write some parts, and what the layer did not take the last time; say whether it did."""
        missed = self._refused.objects
        again = partial(self._wanted, gone={each.id for each in missed})
        try:
            self._write([*parts(), *map(again, _neighbours(missed, NEAR))])
        except Exception as error:  # noqa: BLE001 (whatever the layer's array raises, the objects are kept)
            self.trouble = (
                f"The layer {self.labels.name!r} cannot be written to ({error}), so it does not show all"
                " objects; that is tried again with the next step."
            )
            return False
        if missed:
            self.labels.refresh()  # of an attempt that failed, a part may be there
        self._refused.clear()
        self.trouble = ""
        return True

    def _write(self, parts: Sequence[LabelPart]) -> None:
        """Write pixels and what they show, in one step."""
        with self._strokes.unheard():
            if write(self.labels, parts):
                self.changes += 1

    def _wanted(self, near: Sequence[Object], gone: set[int]) -> LabelPart:
        """Return the pixels of objects that show something else than they should, and what they should."""
        plane, store, window = near[0].plane, self.store, window_of_all(near)
        shown, drawn = self._shown(plane, window), store.render(plane, window)
        other = np.zeros(shown.shape, bool)
        for each in near:
            other[place_in(each, window)] |= each.mask
        other &= shown != drawn
        foreign = [
            label
            for label in np.unique(shown[other & (shown != 0)]).tolist()
            if label not in gone and (label, plane) not in store
        ]
        if foreign:
            other &= ~np.isin(shown, foreign)
        return LabelPart((*plane, *window), other, drawn)

    def _given_up(self, near: Sequence[Object]) -> LabelPart:
        """Return the pixels that show objects and should show others, and what they should."""
        plane, window = near[0].plane, window_of_all(near)
        shown, drawn = self._shown(plane, window), self.store.render(plane, window)
        own = np.zeros(shown.shape, bool)
        for each in near:
            place = place_in(each, window)
            own[place] |= each.mask & (shown[place] == each.id)
        return LabelPart((*plane, *window), own & (shown != drawn), drawn)

    def _shown(self, plane: Plane, window: Window) -> NDArray[np.int64]:
        """Return what the layer shows in a window of a plane."""
        return np.asarray(self.labels.data[(*plane, *window)]).astype(np.int64)

    def _take(self, stroke: Stroke) -> None:
        """Make what was painted by hand part of the objects."""
        self.changes += 1
        if self._session.read_only:  # it is taken over with the rest
            return
        there = np.asarray(self.labels.data[stroke.bounds])
        before, painted = stroke.before(there), stroke.after(there)
        shown = stroke.planes(before)
        self.touched.emit(shown)
        self._drawing = not np.array_equal(there, painted)  # then napari does so by itself
        try:
            pairs = zip(stroke.planes(painted), shown, strict=True)
            edit = self._session.paint_planes(
                [
                    (plane, window, self._refused.filled(self.store, plane, window, now, was))
                    for (plane, window, now), (_, _, was) in pairs
                ]
            )
        finally:
            self._drawing = False
        below = (np.minimum(before, painted) < 0) & (before != painted)
        if below.any():
            step = edit or self._session.put(PAINT, (), ())
            self._below[step] = (
                LabelPart(stroke.bounds, below, before),
                LabelPart(stroke.bounds, below, painted),
            )

    def _step_below(self, how: str, edit: Edit) -> None:
        """Show the numbers below 0 that a stroke took, or those that it made."""
        if edit in self._below:
            before, after = self._below[edit]
            self._write([before if how == "undo" else after])


def taken(labels: Labels) -> bool:
    """Say whether somebody writes objects into a layer: its undo is that of a session, then."""
    return "undo" in vars(labels)


def draw_all(store: ObjectStore, labels: Any) -> None:
    """Write all objects of a store into labels that no layer shows yet.

    Parameters
    ----------
    store : ObjectStore
    labels : (..., Y, X) int
        Empty; read and assigned to by slices.
    """
    for near in _neighbours(store, SQUARE):
        plane, window = near[0].plane, window_of_all(near)
        drawn = store.render(plane, window)
        LabelPart((*plane, *window), drawn > 0, drawn).write(labels)


def _neighbours(objects: Iterable[Object], side: int) -> Iterable[list[Object]]:
    """Return the objects of each plane that begin in the same square of so many pixels a side."""
    found: dict[tuple[Plane, int, int], list[Object]] = {}
    for each in objects:
        place = each.plane, each.origin[0] // side, each.origin[1] // side
        found.setdefault(place, []).append(each)
    return found.values()
