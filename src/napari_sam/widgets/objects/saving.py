"""Saving all objects from the dock, in the format that a file's ending says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_sam.errors import DataError
from napari_sam.export.formats import WRITERS
from napari_sam.export.layers import OBJECTS, write_labels_layer
from napari_sam.files.overwriting import check_not_the_image
from napari_sam.session import Edit
from napari_sam.session.store import ObjectStore
from napari_sam.wording import amount

from ..annotating.earlier import as_now
from ..background.jobs import Job, Jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer

    from ..annotating.annotation import Annotation
    from ..forms.object_panel import ObjectPanel

FORMATS = {
    "Labels, for any program (*.tif)": ".tif",
    "ROIs, for ImageJ and Fiji (*.zip)": ".zip",
    "Outlines, for QuPath (*.geojson)": ".geojson",
    "Table (*.csv)": ".csv",
    "COCO, with all that is known (*.json)": ".json",
    "OME-Zarr (*.ome.zarr)": ".ome.zarr",
}
"""What the dialog offers, and the ending that a name without one gets."""


class Saving:
    """Asks where to, and writes in a worker what there is at that moment; annotating goes on meanwhile.

    Signals
    -------
    said, failed : str
        What was done, and what went wrong, in one sentence.

    Parameters
    ----------
    annotation : Annotation
    panel : ObjectPanel
    files : sequence of Path
        Of the image, none of which is written over; the dialog begins beside the first.
    """

    said = Signal(str)
    failed = Signal(str)

    def __init__(self, annotation: Annotation, panel: ObjectPanel, files: Sequence[Path]) -> None:
        self._annotation, self._panel, self._files = annotation, panel, files
        self.jobs = Jobs(panel)  # of its own, so that annotating goes on meanwhile
        self._closed = False
        panel.save_asked.connect(self.ask)
        self._wires = (
            (self.jobs.started, self._begin),
            (self.jobs.idle, self._end),
            (self.jobs.failed, self.failed.emit),
        )
        for signal, slot in self._wires:
            signal.connect(slot)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """None go with it."""
        return ()

    def close(self) -> None:
        """Ask no more; a file that is being written is written to its end, and that is told."""
        self._panel.save_asked.disconnect(self.ask)
        self._closed = True
        if not self.jobs.busy:
            self._end()

    def _begin(self, _: str) -> None:
        self._panel.save.setEnabled(False)

    def _end(self) -> None:
        self._panel.save.setEnabled(True)
        if self._closed:
            for signal, slot in self._wires:
                signal.disconnect(slot)
            self.jobs.close()
            self.jobs.deleteLater()

    def ask(self) -> None:
        """Ask for a file, and write it."""
        folder = self._files[0].parent if self._files else Path.home()
        name = re.sub(r'[\\/:*?"<>|]+', "-", self._annotation.writer.labels.name)  # as a file may be called
        begin = str(folder / name)
        name, chosen = QFileDialog.getSaveFileName(self._panel, "Save all objects", begin, ";;".join(FORMATS))
        if name:
            path = with_ending(Path(name), chosen)
            self.save(path, sure=path == Path(name))  # the dialog has asked about that name alone

    def save(self, path: Path, *, sure: bool = True) -> None:
        """Write all objects, as they are now, into a file, unless it is the image's.

        Parameters
        ----------
        path : Path
        sure : bool
            Replace a file that is there without asking.
        """
        try:
            check_not_of_image(path, self._files)
        except DataError as error:
            self.failed.emit(str(error))
            return
        if sure or not path.exists() or self._may_replace(path):
            self._write(path)
        else:
            self.said.emit("Nothing was saved.")

    def _may_replace(self, path: Path) -> bool:
        buttons = QMessageBox.StandardButton
        question = f"{path.name} is there already. Do you want to replace it?"
        yes_or_no = buttons.Yes | buttons.No
        title = "Save all objects"
        return QMessageBox.question(self._panel, title, question, yes_or_no, buttons.No) == buttons.Yes

    def _write(self, path: Path) -> None:
        labels = self._annotation.writer.labels
        attributes = labels.as_layer_data_tuple()[1]
        store, session = ObjectStore(), self._annotation.session
        store.newest_on_top = session.store.newest_on_top
        store.apply(Edit("save", (), session.objects))  # that of the session changes while it is written
        attributes = {**attributes, "metadata": {**attributes["metadata"], OBJECTS: store}}
        pixels = as_now(labels)

        def write(_: Job) -> int:
            write_labels_layer(str(path), pixels, attributes)
            shown = np.unique(np.asarray(pixels))  # also labels of planes that were not looked at yet
            return len({each.id for each in store}.union(shown[shown > 0].tolist()))

        def done(count: int) -> None:
            self.said.emit(f"Saved {amount(count, 'object')} to {path}.")

        self.jobs.run("Saving", write, done)


def check_not_of_image(path: Path, files: Sequence[Path]) -> None:
    """Raise `DataError` if a path is one of an image's files, or a folder that one lies in."""
    for file in files:
        for each in (file, *file.absolute().parents):
            if each.exists():
                check_not_the_image(each, path)


def with_ending(path: Path, chosen: str) -> Path:
    """Return a path with the ending of the format that was chosen, if it has none of its own."""
    known = path.suffix.lower() in WRITERS
    return path if known else path.with_name(f"{path.name}{FORMATS.get(chosen, '.tif')}")
