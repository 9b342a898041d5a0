"""The dock widget "Segment many images"."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QFileDialog, QVBoxLayout

from napari_sam.channel_choice import channel_numbers
from napari_sam.errors import DataError
from napari_sam.settings import config_folder, read_settings, write_settings

from ..background.jobs import Job, Jobs
from ..controls.dock import Dock
from ..getting_ready import known_models
from ..proposals.last_thresholds import last_thresholds
from .panel import CHANNELS, THRESHOLDS, BatchPanel
from .table import BatchTable
from .work import Asked, AtHand, Finished, work

if TYPE_CHECKING:
    import napari

    from napari_sam.automatic.batch.summary import Row

    from .opening import Found

WHY = {
    "waiting": " yet; press Start to segment it.",
    "running": " yet; it is being segmented, and can be looked at once it is done.",
}
"""How the sentence on an image without labels goes on, by its state."""


class BatchWidget(Dock):
    """Queue images, segment them all, and look at what was found.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        napari passes it in.
    """

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._file = config_folder() / "batch.json"
        self.table = BatchTable(self)
        self.panel = BatchPanel(self.table, self)
        self.jobs, self.opening = Jobs(self), Jobs(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.panel)
        self.panel.computing.restore(read_settings(self._file))
        self._connect()
        self.opening.run("Getting ready", known_models, self.panel.computing.show_models)

    def _connect(self) -> None:
        panel, jobs = self.panel, self.jobs
        panel.files_asked.connect(self._add_files)
        panel.folder_asked.connect(self._add_folder)
        panel.named.connect(self.add)
        panel.remove_asked.connect(lambda: self.table.remove(panel.selected))
        panel.out_asked.connect(self._choose_out)
        panel.start_asked.connect(self.start)
        panel.cancel_asked.connect(self.cancel)
        panel.opened.connect(self.open)
        jobs.progressed.connect(panel.show_progress)
        jobs.idle.connect(self._ended)
        self.opening.started.connect(lambda: panel.set_adding(False))
        self.opening.idle.connect(lambda: panel.set_adding(not jobs.busy))
        for each in (jobs, self.opening):
            each.failed.connect(self._fail)
        jobs.told.connect(self._hear)

    def event(self, event: QEvent) -> bool:
        """Stop for good when napari takes the dock away."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.jobs.close()
            self.opening.close()
            # by Qt and in its thread: Python would delete it wherever it next collects garbage
            self.deleteLater()
        return bool(super().event(event))

    def _add_files(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(self, "Images")
        if names:
            self.add(names)

    def _add_folder(self) -> None:
        if name := QFileDialog.getExistingDirectory(self, "Images"):
            self.add([name])

    def _choose_out(self) -> None:
        if name := QFileDialog.getExistingDirectory(self, "Labels"):
            self.panel.out.setText(name)

    def add(self, names: list[str]) -> None:
        """Queue the images that files, folders and patterns name.

        Parameters
        ----------
        names : list of str
            An empty one names nothing.
        """
        names = [name for name in names if name.strip()]
        if not names:
            self._fail("There is no name; type a file, a folder or a pattern of images.")
            return
        self.opening.run("Looking for images", partial(_find, names=names), self._queue)

    def _queue(self, images: list[Path]) -> None:
        added = self.table.add(images)
        self.panel.pattern.clear()
        if images and not self.panel.out.text():
            folder = images[0].absolute().parent
            self.panel.out.setText(str(folder.with_name(f"{folder.name}_labels")))
        self.panel.say(f"{added} added; {len(self.table.images)} in the list.")

    def start(self) -> None:
        """Segment the images that are not done yet."""
        if not self.table.images:
            self._fail("There are no images in the list; add files, a folder or a pattern.")
            return
        if not self.panel.out.text().strip():
            self._fail("There is no folder for the labels; choose one.")
            return
        try:
            asked = self._asked()
        except DataError as error:
            self._fail(str(error))
            return
        self.panel.out.setText(str(asked.out))  # where a relative name leads to
        with suppress(OSError):  # then it is remembered while the window is open
            write_settings(self._file, self.panel.computing.settings)
        self.table.wait(asked.out, anew=asked.anew)
        self.panel.say("")
        self.panel.set_running(True)
        self.panel.show_progress(0, 0)
        self.jobs.run("Segmenting", partial(work, asked=asked), self._done)

    def _asked(self) -> Asked:
        panel = self.panel
        return Asked(
            images=tuple(self.table.images),
            out=_path(panel.out.text().strip()).absolute(),
            **panel.computing.settings,
            channel_axis=CHANNELS[panel.channels.currentText()],
            channels=channel_numbers(panel.seen.text()),
            thresholds=last_thresholds() if THRESHOLDS[panel.thresholds.currentText()] else {},
            cluster=panel.cluster.text().strip(),
            anew=panel.anew.isChecked(),
        )

    def _hear(self, news: AtHand | Finished) -> None:
        if isinstance(news, Finished):
            self.table.finish(news.row, news.labels, news.channel_axis)
        else:
            self.table.run(news.image, news.done, news.total)

    def cancel(self) -> None:
        """Stop; what is done stays."""
        self.jobs.cancel()
        self.panel.say("Cancelled; what is done is kept, and Start goes on from there.")

    def _done(self, rows: list[Row]) -> None:
        failed = sum(bool(row.error) for row in rows)
        objects = sum(row.objects for row in rows)
        text = f"{len(rows) - failed} of {len(rows)} images are done, with {objects} objects."
        if failed:
            text += f" {failed} failed: the table and summary.csv say why."
        if noted := sum(bool(row.note) for row in rows):
            text += f" Of {noted} with several images, only the first was taken."
        if failed < len(rows):
            text += " Double-click one to look at it."
        self.panel.say(text, error=bool(failed))

    def _ended(self) -> None:
        self.panel.set_running(False)
        self.table.interrupt()

    def _fail(self, text: str) -> None:
        self.panel.say(text, error=True)

    def open(self, index: int) -> None:
        """Show an image and its labels in the viewer.

        Parameters
        ----------
        index : int
            Of its row in the table.
        """
        entry = self.table.entries[index]
        if entry.labels is None:
            self._fail(f"{entry.image.name} has no labels{WHY.get(entry.state, f': {entry.told}')}")
            return
        # whatever is chosen by now: along another axis there may be hundreds of layers
        work = partial(_read, image=entry.image, labels=entry.labels, channel_axis=entry.channel_axis)
        self.opening.run("Opening", work, self._show)

    def _show(self, found: Found) -> None:
        from .opening import show

        busy = show(self._viewer, found)
        ours = f" The dock still annotates {busy}; press Stop and Start there for this image." if busy else ""
        self.panel.say(f"{found.path.name} is open, with its labels.{ours}")


def _find(_: Job, names: list[str]) -> list[Path]:
    """Run in the worker: find the images that names mean, each with its whole path, by which it is known."""
    from napari_sam.automatic.batch.files import images_of
    from napari_sam.automatic.batch.names import full_path

    return [full_path(image) for image in images_of([str(_path(name)) for name in names])]


def _path(text: str) -> Path:
    """Return what was typed as a path, with the folder that ~ means.

    Raises
    ------
    DataError
        If it begins with ~ and the name of nobody here.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise DataError(
            f"{text} is the folder of a user who is not known here; give the whole path."
        ) from error


def _read(_: Job, image: Path, labels: Path, channel_axis: int | None) -> Found:
    """Run in the worker: read an image and its labels."""
    from .opening import read

    return read(image, labels, channel_axis)
