"""Labels that are there already, as objects that can be edited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_sam.session import Object

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam.session import Plane
    from napari_sam.session.painting import Painted
    from napari_sam.session.store import ObjectStore

    from .earlier import Earlier
    from .jobs import Jobs
    from .label_writer import LabelWriter

LARGEST = 4096 * 4096
"""Labels of larger planes are not taken for objects, which would take too long."""
DENSE = 1 << 20
"""Up to this label, places are found without sorting all pixels."""


@dataclass(frozen=True, eq=False)
class Found:
    """What a plane of labels shows and a session does not know.

    Attributes
    ----------
    objects : list of Object
        Labels that are none of the session's.
    painted : list of Painted
        What was painted into those that are, since they were drawn, as a stroke; mostly nothing.
    """

    objects: list[Object]
    painted: list[Painted]


class Adopting:
    """Lets a session know the labels of one plane after another, read in the worker.

    Parameters
    ----------
    writer : LabelWriter
        Whose layer has the labels.
    jobs : Jobs
        Runs what takes long.
    earlier : Earlier
        Which plane's labels the session knows already, and what was drawn the last time.
    """

    def __init__(self, writer: LabelWriter, jobs: Jobs, earlier: Earlier) -> None:
        self._writer, self._jobs = writer, jobs
        self._known, self._drawn = {earlier.plane}, earlier.drawn
        writer.replaced.connect(self._forget)
        writer.touched.connect(self._touched)

    def close(self) -> None:
        """Stop listening."""
        self._writer.replaced.disconnect(self._forget)
        self._writer.touched.disconnect(self._touched)

    def know(self, plane: Plane, then: Callable[[], None]) -> None:
        """Let the session know the labels of a plane that it has not made, and go on."""
        if plane in self._known:
            then()
            return
        changes, labels = self._writer.changes, self._writer.labels
        store, drawn = self._writer.store, self._drawn

        def done(found: Found) -> None:
            if changes == self._writer.changes:
                self._known.add(plane)
                self._writer.adopt(found)
                then()
            else:  # somebody painted meanwhile
                self.know(plane, then)

        self._jobs.run("Reading the labels", lambda _: labels_in(labels.data, plane, store, drawn), done)

    def _forget(self) -> None:
        self._known.clear()

    def _touched(self, before: Sequence[Painted]) -> None:
        """Know the labels of planes as they were before a stroke, which else is all that is known of them."""
        labels, store = self._writer.labels.data, self._writer.store
        for plane, window, pixels in before:
            if plane not in self._known and _few_pixels(labels):
                self._known.add(plane)
                shown = np.array(labels[plane])
                shown[window] = pixels
                self._writer.adopt(_found(shown, plane, store, self._drawn))


def labels_in(labels: Any, plane: Plane, store: ObjectStore, drawn: ObjectStore | None) -> Found:
    """Return what a plane of labels shows and a session does not know.

    Parameters
    ----------
    labels : (..., Y, X) int
    plane : tuple of int
    store : ObjectStore
        What the session knows.
    drawn : ObjectStore or None
        What the last session drew into the labels, if it is known.
    """
    return _found(np.asarray(labels[plane]), plane, store, drawn) if _few_pixels(labels) else Found([], [])


def _few_pixels(labels: Any) -> bool:
    rows, cols = labels.shape[-2:]
    return int(rows) * int(cols) <= LARGEST


def _found(pixels: NDArray[Any], plane: Plane, store: ObjectStore, drawn: ObjectStore | None) -> Found:
    objects = [
        Object(label, plane, (rows.start, cols.start), pixels[rows, cols] == label)
        for label, rows, cols in _places(pixels)
        if (label, plane) not in store
    ]
    return Found(objects, [] if drawn is None else _painted_since(pixels, plane, store, drawn))


def _painted_since(
    pixels: NDArray[Any], plane: Plane, store: ObjectStore, drawn: ObjectStore
) -> list[Painted]:
    """Return what a plane shows, if somebody painted since it was drawn, and did nothing else."""
    window = (slice(0, pixels.shape[0]), slice(0, pixels.shape[1]))
    shown, was = np.maximum(pixels, 0), drawn.render(plane, window)
    if np.array_equal(shown, was) or not np.array_equal(was, store.render(plane, window)):
        return []
    return [(plane, window, shown)]


def _places(pixels: NDArray[Any]) -> list[tuple[int, slice, slice]]:
    """Return every label of a plane, and the rows and columns that it is found in."""
    names, dense = range(1, int(np.max(pixels, initial=0)) + 1), pixels
    if len(names) > DENSE:
        found, dense = np.unique(np.maximum(pixels, 0), return_inverse=True)
        names, dense = found[found > 0].tolist(), dense.reshape(pixels.shape) + int(found[0] > 0)
    spans = ndimage.find_objects(dense.astype(np.int32))
    return [
        (name, *span)
        for name, span in zip(names, spans, strict=True)
        if span is not None  # type: ignore[redundant-expr] # labels that are not there
    ]
