"""Every edit of a session on disk, line by line, so that a crash loses none.

A journal is a file of JSON lines that only grows. Each line carries a checksum and is on the disk before the
edit is reported; a line that a crash cut short is recognised and cut off.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from psygnal import Signal

from napari_sam.errors import JournalError

from .object_json import as_json, from_json
from .objects import Edit, Object
from .session import ADOPT, AnnotationSession

VERSION = 2
Entry = dict[str, Any]


class Journal:
    """A journal that grows by a line whenever objects are edited, or an edit is taken back.

    It is locked while it is open: two windows would write over each other's labels.

    Signals
    -------
    failed : str
        An edit of the session that is followed could not be written down; one sentence. Nothing is
        written from then on, so that the journal never has a gap.

    Parameters
    ----------
    path : Path
        Made, with its folder, if it is missing. A torn last line is cut off.
    shape : tuple of int, optional
        Of the image that is annotated.

    Raises
    ------
    JournalError
        If the file cannot be opened, is open elsewhere, is no journal of this version, or belongs to an
        image of another shape; it stays as it is.
    """

    failed = Signal(str)

    def __init__(self, path: Path, shape: Sequence[int] = ()) -> None:
        self.path = path
        self._lock = FileLock(f"{path}.lock", blocking=False)
        begins = {"version": VERSION, "shape": list(shape)}
        entries = self._opened()
        if entries and entries[0] != begins:
            self.close()
            raise JournalError(
                f"{path} is of another version, or of an image of another shape, so commits are not kept on"
                " disk; move it away to begin a new one."
            )
        self.adopted, self.done, self.undone = history(entries)
        if not entries:
            self._append(begins)

    def _opened(self) -> list[Entry]:
        """Return what the file holds, and cut off what a crash has torn."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self.path.touch()
            content = self.path.read_bytes()
            entries, end = whole_entries(content)
            if end < len(content):
                os.truncate(self.path, end)
        except Timeout as error:
            raise JournalError(
                f"{self.path} is open in another window, so commits made here are not kept on disk; close"
                " the other window and start again."
            ) from error
        except OSError as error:
            raise JournalError(_unwritable(self.path, error)) from error
        return entries

    def close(self) -> None:
        """Let others open the file."""
        self._lock.release()

    def follow(self, session: AnnotationSession) -> None:
        """Give a session what the journal holds, and write down what it does from now on."""
        session.restore(self.adopted, self.done, self.undone)

        def record(how: str, edit: Edit) -> None:
            try:
                self.record(how, edit)
            except JournalError as error:
                session.recorded.disconnect(record)
                self.failed.emit(str(error))

        session.recorded.connect(record)

    def record(self, how: str, edit: Edit) -> None:
        """Write down an edit, or that the last one was taken back or brought back.

        Parameters
        ----------
        how : str
            "do", "adopt", "undo" or "redo".
        edit : Edit

        Raises
        ------
        JournalError
            If it cannot be written; the file is as it was before.
        """
        if how == "do":
            self._append(_entry(edit))
        elif how == ADOPT:
            self._append({ADOPT: [as_json(each) for each in edit.after]})
        else:
            self._append({how: edit.what})

    def _append(self, entry: Entry) -> None:
        before = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open("ab") as file:
                file.write(line_of(entry))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with suppress(OSError):
                os.truncate(self.path, before)
            raise JournalError(_unwritable(self.path, error)) from error


def _unwritable(path: Path, error: Exception) -> str:
    return (
        f"{path} could not be written ({error}), so commits are not kept on disk; free space and start again."
    )


def line_of(entry: Entry) -> bytes:
    """Return an entry as a line with its checksum before it."""
    text = json.dumps(entry, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def whole_entries(content: bytes) -> tuple[list[Entry], int]:
    """Read lines up to the first that is torn or damaged; return the entries and where they end."""
    entries: list[Entry] = []
    end = 0
    for line in content.splitlines(keepends=True):
        checksum, _, text = line.rstrip(b"\n").partition(b" ")
        if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
            break
        entries.append(json.loads(text))
        end += len(line)
    return entries, end


def history(entries: Sequence[Entry]) -> tuple[tuple[Object, ...], list[Edit], list[Edit]]:
    """Do again what was written down.

    Returns
    -------
    adopted : tuple of Object
    done, undone : list of Edit
        What stands, and what can be brought back.
    """
    adopted: list[Object] = []
    done: list[Edit] = []
    undone: list[Edit] = []
    for entry in entries:
        if ADOPT in entry:
            adopted += [from_json(each) for each in entry[ADOPT]]
        elif "undo" in entry:
            undone.append(done.pop())
        elif "redo" in entry:
            done.append(undone.pop())
        elif "do" in entry:
            before, after = ([from_json(each) for each in entry[side]] for side in ("before", "after"))
            done.append(Edit(entry["do"], tuple(before), tuple(after), entry["arguments"]))
            undone.clear()
    return tuple(adopted), done, undone


def _entry(edit: Edit) -> Entry:
    return {
        "do": edit.what,
        "arguments": dict(edit.arguments),
        "before": [as_json(each) for each in edit.before],
        "after": [as_json(each) for each in edit.after],
    }


def journal_path(image: Path | None, key: str, labels: str, fallback: Path) -> Path:
    """Return where the journal of an image's labels lies: beside the image, or in a folder of the user's.

    Parameters
    ----------
    image : Path, optional
        The image's file, if it has one.
    key : str
        What tells the image from others, where it has no file or a folder that cannot be written.
    labels : str
        Name of the label image; several of one image have journals of their own.
    fallback : Path
        A folder of the user's.
    """
    name = f"{_safe(labels)}.journal"
    if image is not None and os.access(image.parent, os.W_OK):
        return image.parent / f"{image.stem}.napari-sam" / name
    return fallback / f"{zlib.crc32(key.encode()):08x}" / name


def _safe(name: str) -> str:
    """Return a name that every file system takes."""
    kept = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in name)
    return kept if kept == name else f"{kept}-{zlib.crc32(name.encode()):08x}"
