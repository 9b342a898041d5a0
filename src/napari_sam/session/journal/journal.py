"""Every edit of a session on disk, line by line, so that a crash loses none.

A journal is a file of JSON lines that only grows. Each line carries a checksum and is on the disk before the
edit is reported; a line that a crash cut short is recognised and cut off.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout
from psygnal import Signal

from napari_sam.errors import JournalError
from napari_sam.files.writing import REFUSED, let_go, write_bytes

from ..objects import ADOPT, Edit
from ..session import AnnotationSession
from .image import begun_anew, check_shape, difference
from .lines import Entry, entry_of, first_entry, line_of
from .record import parse

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What a file system answers that knows no locks, as some shared ones do."""


class _ChangedElsewhere(OSError):
    """Somebody else has written into the file, whose lock was lost or removed, or has put another there."""


class Journal:
    """A journal that grows by a line whenever objects are edited, or an edit is taken back.

    It is locked while it is open: two windows would write over each other's labels. Where it is open
    elsewhere, it can be looked at, and the session that follows it is read-only. What the disk refuses is
    written with the next edit, or by `retry`, so that the journal never has a gap.

    Signals
    -------
    failed : str
        An edit of the session that is followed could not be written down; one sentence.

    Parameters
    ----------
    path : Path
        Made, with its folder, if it is missing. A torn last line is cut off.
    shape : tuple of int, optional
        Of the image that is annotated.
    image : Path, optional
        The image's file, if it has one.
    pixels : str
        What they are like, as `fingerprint` says; nothing is compared without it. It is kept as an attribute.

    Attributes
    ----------
    record : Record
        What it held when it was opened.
    trouble : str
        Why edits are not kept on disk, in one sentence; empty while they are.
    notice : str
        What was damaged, or that the image is another one, in a sentence each; mostly empty.

    Raises
    ------
    JournalError
        If the file is no journal, of another version, or belongs to an image of another shape, but for
        planes or frames that came after the others; it stays as it is.
    """

    failed = Signal(str)

    def __init__(
        self, path: Path, shape: Sequence[int] = (), image: Path | None = None, pixels: str = ""
    ) -> None:
        self.path, self.pixels = path, pixels
        self.trouble = self.notice = ""
        self._elsewhere = self._cut_short = False
        self._stop_following: Callable[[], object] = lambda: None
        self._lock = FileLock(f"{path}.lock", blocking=False, thread_local=False)  # opened in a worker
        self._locked: os.stat_result | None = None
        self._waiting: list[bytes] = []
        try:
            self._opened()
            self._looking = bool(self.trouble)
            content = self._content()
            now = first_entry(path, shape, image, pixels)
            self.record, kept = parse(content, path, now)
            self._end = len(kept)
            check_shape(self.record, path, shape)
            if not self._looking:
                self._tidy(content, kept)
                self._begin_anew(kept, begun_anew(self.record.begins, now))
            self.notice = f"{self.notice} {difference(self.record, shape, pixels)}".strip()
        except BaseException:
            self.close()
            raise
        self._undone = bool(self.record.undone)
        if not self._looking and not self.record.begins:
            with suppress(JournalError):  # it is written with the first edit, and told by `trouble`
                self._append(line_of(now))

    def _opened(self) -> None:
        """Lock the file, or note why it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._locked = Path(self._lock.lock_file).stat()
            with self.path.open("ab"):
                pass
            _sync_folder(self.path.parent)
        except Timeout:
            self.trouble = (
                f"{self.path} is open in another window, so this one only looks and nothing can be changed"
                " here; press Stop there or close it, then Stop and Start here to take over."
            )
            self._elsewhere = True
        except (OSError, NotImplementedError) as error:
            self.trouble = _unwritable(self.path, error)

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            self.trouble = self.trouble or _unwritable(self.path, error)
            self._looking = True
            return b""

    def _tidy(self, content: bytes, kept: bytes) -> None:
        """Leave what is whole; where more than the last line is torn, all is kept in a file beside it."""
        if kept == content:
            return
        try:
            torn = content.removeprefix(kept)
            if b"\n" in torn or b"\0" in torn:  # which a power cut makes of any number of lines
                aside = self.path.with_name(f"{self.path.name}.damaged-{zlib.crc32(content):08x}")
                write_bytes(aside, content)
                self.notice = f"The journal is damaged; what could not be read of it is kept in {aside}."
                write_bytes(self.path, kept)
                return
            if self.record.begins:
                self.notice = "The last step was being written when napari ended, and is missing."
            os.truncate(self.path, self._end)
        except OSError as error:
            self.trouble, self._looking = _unwritable(self.path, error), True

    def _begin_anew(self, content: bytes, anew: Entry) -> None:
        """Have the first line say of the image what holds now, if that can be written."""
        if anew == self.record.begins or self._looking or not content:
            return
        _, _, rest = content.partition(b"\n")
        with suppress(OSError):
            write_bytes(self.path, line_of(anew) + rest)
        self._end = self.path.stat().st_size

    @property
    def waiting(self) -> bool:
        """Whether there is something that the disk has refused."""
        return bool(self._waiting)

    def retry(self) -> bool:
        """Write down what the disk has refused; say whether nothing waits any more."""
        with suppress(JournalError):
            self._write_waiting()
        return not self._waiting

    def close(self) -> None:
        """Let others open the file; what the session does from now on is not written down."""
        self._stop_following()
        if self._lock.is_locked and self._lock_is_ours():
            let_go(self._lock)
        else:
            self._lock.release()

    def _lock_is_ours(self) -> bool:
        """Say whether the lock's file is the one that was locked, or somebody else's after that was lost."""
        try:
            now = Path(self._lock.lock_file).stat()
            return self._locked is not None and os.path.samestat(now, self._locked)
        except OSError:
            return False

    def follow(self, session: AnnotationSession) -> None:
        """Give a session what the journal holds, and write down what it does from now on."""
        session.restore(self.record.line, self.record.undone)
        session.reserve(self.record.last_id)
        if self._elsewhere:
            session.read_only = self.trouble
        if self._looking:
            return

        def write_down(how: str, edit: Edit) -> None:
            if not self._says_something(how, edit):
                return
            try:
                self.write(how, edit)
            except JournalError as error:
                self.failed.emit(str(error))

        session.recorded.connect(write_down)
        self._stop_following = partial(session.recorded.disconnect, write_down)

    def _says_something(self, how: str, edit: Edit) -> bool:
        """Note a step, and say whether it has to be written down.

        One that changes no object, such as an answer to a proposal, only has to where what was taken back
        cannot be brought back after it.
        """
        if not edit.before and not edit.after and not (how == "do" and self._undone):
            return False
        if how != ADOPT:
            self._undone = how != "do"
        return True

    def write(self, how: str, edit: Edit) -> None:
        """Write down an edit, or that the last one was taken back or brought back.

        Parameters
        ----------
        how : str
            "do", "adopt", "undo" or "redo".
        edit : Edit

        Raises
        ------
        JournalError
            If it cannot be written; the file is as it was before, and the next edit brings this one along.
        """
        self._append(line_of(entry_of(how, edit)))

    def _append(self, line: bytes) -> None:
        self._waiting.append(line)
        self._write_waiting()

    def _write_waiting(self) -> None:
        lines = b"".join(self._waiting)
        if not lines:
            return
        try:
            self._cut_back()
            self._cut_short = True  # until all of it is there
            with self.path.open("ab") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.trouble = _unwritable(self.path, error)
            with suppress(OSError):
                self._cut_back()
            raise JournalError(self.trouble) from error
        self._end += len(lines)
        self._cut_short = False
        self._waiting.clear()
        self.trouble = ""

    def _cut_back(self) -> None:
        """Take away what a write that failed has left, and nothing that others have written.

        Raises
        ------
        OSError
            If that is impossible, or the file is not as it was written.
        """
        size = self.path.stat().st_size
        if size < self._end:
            raise _ChangedElsewhere("another program has changed or removed it")
        if size > self._end:
            if not self._cut_short:
                raise _ChangedElsewhere("another window has written into it")
            os.truncate(self.path, self._end)
        self._cut_short = False


def _unwritable(path: Path, error: Exception) -> str:
    advice = "free space or choose another folder"
    if isinstance(error, NotImplementedError) or getattr(error, "errno", None) in NO_LOCKS:
        advice = "its disk cannot lock files, so put the image on another one"
    elif isinstance(error, (_ChangedElsewhere, FileNotFoundError)):
        advice = "press Stop there, if it is open, then Stop and Start here, which brings both together"
    elif getattr(error, "errno", None) in REFUSED:
        advice = "copy the image and its folder to where you may write"
    return (
        f"{path} could not be written ({error}), so commits are not kept on disk; {advice}, and save the"
        " labels."
    )


def _sync_folder(folder: Path) -> None:
    """Have a new file's name on the disk, too, where the system can say so."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
