"""Every commit of a session on disk, line by line, so that a crash loses none.

A journal is a file of JSON lines that only grows. Each line carries a checksum and is on the disk before the
commit is reported; a line that a crash cut short is recognised and cut off.
"""

from __future__ import annotations

import json
import os
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal
from pycocotools import mask as rle

from napari_sam.errors import JournalError
from napari_sam.predict import Frame, MaskPrompt, Prompts

from .objects import Object
from .session import AnnotationSession, Step

VERSION = 1
Entry = dict[str, Any]


class Journal:
    """A journal that grows by a line whenever something is committed or taken back.

    Signals
    -------
    failed : str
        A commit of the session that is followed could not be written down; one sentence. Nothing is
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
        If the file cannot be opened, is no journal of this version, or belongs to an image of another
        shape; it stays as it is.
    """

    failed = Signal(str)

    def __init__(self, path: Path, shape: Sequence[int] = ()) -> None:
        self.path = path
        begins = {"version": VERSION, "shape": list(shape)}
        entries = self._opened()
        if entries and entries[0] != begins:
            raise JournalError(
                f"{path} is of another version, or of an image of another shape, so commits are not kept on"
                " disk; move it away to begin a new one."
            )
        self.done, self.undone = steps_of(entries)
        if not entries:
            self._append(begins)

    def _opened(self) -> list[Entry]:
        """Return what the file holds, and cut off what a crash has torn."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
            content = self.path.read_bytes()
            entries, end = whole_entries(content)
            if end < len(content):
                os.truncate(self.path, end)
        except OSError as error:
            raise JournalError(_unwritable(self.path, error)) from error
        return entries

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
        "mask_prompt": _mask_prompt_as_json(prompts.mask),
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
        prompts=Prompts(values["points"], values["point_labels"], box, _mask_prompt(values["mask_prompt"])),
        choice=values["choice"],
        iou_prediction=values["iou_prediction"],
        model=values["model"],
        weights_hash=values["weights_hash"],
    )


def _mask_prompt_as_json(mask: MaskPrompt | NDArray[np.floating] | None) -> Entry | None:
    """Return the logits that a prompt began with, packed, and the frame they cover."""
    if mask is None:
        return None
    logits = np.asarray(mask.logits if isinstance(mask, MaskPrompt) else mask, np.float32)
    packed = b64encode(zlib.compress(logits.tobytes())).decode("ascii")
    frame = asdict(mask.frame) if isinstance(mask, MaskPrompt) else None
    return {"logits": packed, "size": list(logits.shape), "frame": frame}


def _mask_prompt(values: Entry | None) -> MaskPrompt | NDArray[np.float32] | None:
    if values is None:
        return None
    logits = np.frombuffer(zlib.decompress(b64decode(values["logits"])), np.float32)
    logits = logits.reshape(values["size"])
    return MaskPrompt(logits, Frame(**values["frame"])) if values["frame"] else logits


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
