"""Labels that are there already, as objects that can be edited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_sam.session.regions import few_pixels, labels_in, objects_in

if TYPE_CHECKING:
    from napari_sam.session import Object, Plane
    from napari_sam.session.journal.merging import Merged
    from napari_sam.session.painting import Painted

    from ..background.jobs import Jobs
    from ..layers.label_writer import LabelWriter


class Adopting:
    """Lets a session know the labels of one plane after another, read in the worker.

    Parameters
    ----------
    writer : LabelWriter
        Whose layer has the labels.
    jobs : Jobs
        Runs what takes long.
    merged : Merged
        Which planes' labels the session knows already.
    """

    def __init__(self, writer: LabelWriter, jobs: Jobs, merged: Merged) -> None:
        self._writer, self._jobs = writer, jobs
        self._known = merged.known
        writer.replaced.connect(self._forget)
        writer.touched.connect(self._touched)

    def close(self) -> None:
        """Stop listening."""
        self._writer.replaced.disconnect(self._forget)
        self._writer.touched.disconnect(self._touched)

    def know(self, plane: Plane, then: Callable[[], None]) -> None:
        """Let the session know the labels of a plane that it has not made, and go on."""
        self._writer.opened = plane
        if plane in self._known:
            then()
            return
        changes, labels = self._writer.changes, self._writer.labels
        read = partial(labels_in, labels.data, plane, self._writer.store)

        def done(found: list[Object]) -> None:
            if changes == self._writer.changes:
                self._known.add(plane)
                self._writer.adopt(found)
                then()
            else:  # somebody painted meanwhile
                self.know(plane, then)

        self._jobs.run("Reading the labels", lambda _: read(), done)

    def _forget(self) -> None:
        self._known.clear()

    def _touched(self, before: Sequence[Painted]) -> None:
        """Know the labels of planes as they were before a stroke, which else is all that is known of them."""
        labels, store = self._writer.labels.data, self._writer.store
        for plane, window, pixels in before:
            if plane not in self._known and few_pixels(labels):
                self._known.add(plane)
                shown = np.array(labels[plane])
                shown[window] = pixels
                self._writer.adopt(objects_in(shown, plane, store))
