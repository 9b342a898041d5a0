"""Every commit of a session on disk, line by line, so that a crash loses none.

A journal is a file of JSON lines that only grows. Each line carries a checksum and is on the disk before the
commit is reported; a line that a crash cut short is recognised and cut off.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from psygnal import Signal
from pycocotools import mask as rle

from napari_sam.errors import JournalError
from napari_sam.predict import Prompts

from .objects import Object
from .session import AnnotationSession, Step

VERSION = 1
Entry = dict[str, Any]


class Journal:
    """An open journal; closed by `close`, or by the end of the process however sudden.

    Signals
    -------
    failed : str
        A commit of the session that is followed could not be written down; one sentence. Nothing is
        written from then on, so that the journal never has a gap.

    Parameters
    ----------
    path : Path
        Made, with its folder, if it is missing. A torn last line is cut off.

    Raises
    ------
    JournalError
        If the file cannot be opened, or is no journal of this version.
    """

    failed = Signal(str)

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
            self._file.seek(0)
            entries, end = whole_entries(self._file.read())
            if end < self._file.seek(0, os.SEEK_END):
                self._file.truncate(end)
        except OSError as error:
            raise JournalError(_unwritable(path, error)) from error
        if entries and entries[0].get("version") != VERSION:
            self._file.close()
            raise JournalError(f"{path} is no journal of this version; move it away to begin a new one.")
        self.done, self.undone = steps_of(entries)
        if not entries:
            self._append({"version": VERSION})

    def follow(self, session: AnnotationSession) -> None:
        """Give a session what the journal holds, and write down what it does from now on."""
        session.restore(self.done, self.undone)

        def leave(error: JournalError) -> None:
            session.committed.disconnect(committed)
            session.removed.disconnect(removed)
            self.failed.emit(str(error))

        def committed(step: Step) -> None:
            try:
                self.added(step)
            except JournalError as error:
                leave(error)

        def removed(step: Step) -> None:
            try:
                self.removed(step)
            except JournalError as error:
                leave(error)

        session.committed.connect(committed)
        session.removed.connect(removed)

    def added(self, step: Step) -> None:
        """Write down a commit, or one that was brought back.

        Raises
        ------
        JournalError
            If it cannot be written; the file is as it was before.
        """
        self._append({"added": [as_json(each) for each in step]})

    def removed(self, step: Step) -> None:
        """Write down that a commit was taken back; raises as `added` does."""
        self._append({"removed": [each.id for each in step]})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, entry: Entry) -> None:
        before = self._file.seek(0, os.SEEK_END)
        try:
            self._file.write(line_of(entry))
            self._file.flush()
            os.fsync(self._file.fileno())
        except (OSError, ValueError) as error:
            self._take_back(before)
            raise JournalError(_unwritable(self.path, error)) from error

    def _take_back(self, end: int) -> None:
        """Cut off what a failed write left, if the disk still allows as much."""
        try:
            self._file.truncate(end)
        except (OSError, ValueError):
            return


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


def steps_of(entries: Sequence[Entry]) -> tuple[list[Step], list[Step]]:
    """Do again what was written down; return what is committed and what can be brought back."""
    done: list[Step] = []
    undone: list[Step] = []
    for entry in entries:
        if "added" in entry:
            step = tuple(from_json(each) for each in entry["added"])
            again = bool(undone) and [o.id for o in undone[-1]] == [o.id for o in step]
            undone = undone[:-1] if again else []
            done.append(step)
        elif "removed" in entry and done:
            undone.append(done.pop())
    return done, undone


def as_json(each: Object) -> Entry:
    """Return an object as plain JSON values, its mask run-length encoded as COCO does."""
    counts: Any = rle.encode(np.asfortranarray(each.mask.astype(np.uint8)))["counts"]
    prompts = each.prompts
    return {
        "id": each.id,
        "plane": list(each.plane),
        "origin": list(each.origin),
        "mask": {"size": list(each.mask.shape), "counts": bytes(counts).decode("ascii")},
        "points": prompts.positions.tolist(),
        "point_labels": prompts.labels.tolist(),
        "box": None if prompts.box is None else list(prompts.box),
        "choice": each.choice,
        "iou_prediction": each.iou_prediction,
        "model": each.model,
        "weights_hash": each.weights_hash,
    }


def from_json(values: Entry) -> Object:
    """Return the object that `as_json` wrote."""
    box = None if values["box"] is None else tuple(values["box"])
    kept: Any = {**values["mask"], "counts": values["mask"]["counts"].encode("ascii")}
    return Object(
        id=values["id"],
        plane=tuple(values["plane"]),
        origin=(values["origin"][0], values["origin"][1]),
        mask=rle.decode(kept).astype(bool),
        prompts=Prompts(values["points"], values["point_labels"], box=box),
        choice=values["choice"],
        iou_prediction=values["iou_prediction"],
        model=values["model"],
        weights_hash=values["weights_hash"],
    )


def journal_path(image: Path | None, name: str, fallback: Path) -> Path:
    """Return where the journal of an image lies: beside it, or in a folder of the user's.

    Parameters
    ----------
    image : Path, optional
        The image's file, if it has one.
    name : str
        What the image is called, where it has no file or a folder that cannot be written.
    fallback : Path
        A folder of the user's.
    """
    if image is not None and os.access(image.parent, os.W_OK):
        return image.parent / f"{image.stem}.napari-sam" / "journal.jsonl"
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
    key = f"{zlib.crc32(str(image or name).encode()):08x}"
    return fallback / f"{safe}-{key}" / "journal.jsonl"
