"""Keeps a session's commits on disk, and gives back those of the last time."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from napari_sam.errors import JournalError
from napari_sam.session import AnnotationSession
from napari_sam.session.fingerprint import fingerprint
from napari_sam.session.journal import Journal, journal_path
from napari_sam.settings import config_folder

from .editing import counted
from .planes import image_shape

if TYPE_CHECKING:
    from napari.layers import Image, Labels

AGAIN = 5000
"""Milliseconds until a disk that refused is tried again."""


class Keeping:
    """Follows a session with the journal of its image and labels.

    What an earlier session committed comes back into the session. What the disk refuses is tried again
    until it takes it.

    Signals
    -------
    said : str
        One sentence for the person.
    failed : str
        Why an edit was not written down, in one sentence.

    Parameters
    ----------
    session : AnnotationSession
        Without commits.
    image : napari.layers.Image
    labels : napari.layers.Labels
    parent : QObject
        Of the timer, so that Python's garbage collection, in whatever thread, never deletes it.

    Attributes
    ----------
    journal : Journal or None
        None if there can be none. It may be one to look at only, as its `trouble` says.
    greeting : str
        What is wrong, and what is back, for the person; mostly empty.
    """

    said = Signal(str)
    failed = Signal(str)

    def __init__(self, session: AnnotationSession, image: Image, labels: Labels, parent: QObject) -> None:
        self.journal, self.greeting = _opened(image, labels)
        self._timer = QTimer(parent)
        self._timer.setInterval(AGAIN)
        self._timer.timeout.connect(self._try_again)
        if self.journal is None:
            return
        self.journal.follow(session)
        self.journal.failed.connect(self._refused)
        restored = _restored(len(session.objects))
        self.greeting = " ".join(filter(None, (self.journal.trouble, self.journal.notice, restored)))
        if self.journal.waiting:
            self._timer.start()

    def close(self) -> None:
        """Let others open the journal; what the disk refuses even now is lost."""
        self._timer.stop()
        self._timer.deleteLater()
        if self.journal is not None:
            self.journal.retry()
            self.journal.close()

    @property
    def trouble(self) -> str:
        """Why commits are not kept on disk, in one sentence; empty while they are."""
        return self.greeting if self.journal is None else self.journal.trouble

    def _refused(self, why: str) -> None:
        self._timer.start()
        self.failed.emit(why)

    def _try_again(self) -> None:
        if self.journal is not None and self.journal.retry():
            self._timer.stop()
            self.said.emit("The disk has room again, and all commits are kept on it.")


def _opened(image: Image, labels: Labels) -> tuple[Journal | None, str]:
    """Return the journal of an image and labels, or why there is none."""
    path, pixels = _file_of(image), fingerprint(image.data)
    key = str(path) if path else f"{image.name} {pixels}"
    try:
        where = journal_path(path, key, labels.name, config_folder() / "journals")
        return Journal(where, image_shape(image), path, pixels), ""
    except JournalError as error:
        return None, str(error)


def _restored(count: int) -> str:
    verb = "is" if count == 1 else "are"
    return f"Your last session's {counted(count)} {verb} back." if count else ""


def _file_of(image: Image) -> Path | None:
    """Return the file that an image was read from, if it is one on this machine."""
    source = image.source.path
    return Path(os.fspath(source)) if source and Path(os.fspath(source)).exists() else None


def user_name() -> str:
    """Return the name of who is logged in; empty where nobody is."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
