"""Keeps a session's commits on disk, and says what is back of those of the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from napari_sam.wording import amount

if TYPE_CHECKING:
    from .earlier import Earlier

AGAIN = 5000
"""Milliseconds until a disk that refused is tried again."""


NAMED = 3
"""Labels whose new numbers are told."""


class Keeping:
    """Looks after the journal that follows a session: what the disk refuses is tried again until it takes it.

    Signals
    -------
    said : str
        One sentence for the person.
    failed : str
        Why an edit was not written down, in one sentence.

    Parameters
    ----------
    earlier : Earlier
        Whose session goes on.
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

    def __init__(self, earlier: Earlier, parent: QObject) -> None:
        self.journal, self.greeting = earlier.journal, earlier.trouble
        self._timer = QTimer(parent)
        self._timer.setInterval(AGAIN)
        self._timer.timeout.connect(self._try_again)
        if self.journal is None:
            return
        self.journal.failed.connect(self._refused)
        told = (self.journal.trouble, self.journal.notice, _restored(earlier), _renamed(earlier))
        self.greeting = " ".join(filter(None, told))
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


def _restored(earlier: Earlier) -> str:
    count = earlier.returned
    verb = "is" if count == 1 else "are"
    if earlier.session.read_only:
        return f"Its {amount(count, 'label')} {verb} shown." if count else ""
    return f"Your last session's {amount(count, 'label')} {verb} back." if count else ""


def _renamed(earlier: Earlier) -> str:
    """Tell which labels have another number, because what was committed elsewhere has theirs."""
    pairs = sorted(earlier.merged.names.items())
    told = ", ".join(f"{old} is {new}" for old, new in pairs[:NAMED])
    more = f" and {len(pairs) - NAMED} more are others" if len(pairs) > NAMED else ""
    return f"Label {told}{more} now, since the number was given twice." if pairs else ""
