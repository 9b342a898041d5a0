"""How a journal is written: lines of JSON, each with its checksum before it."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_sam.files.writing import plain

from ..objects import ADOPT, Edit
from ..operations import DESCRIBE
from .object_json import as_json

VERSION = 4
READABLE = (2, 3, 4)
"""Version 2 did not know the image's name, nor which candidate was suggested and what it was computed on.
Up to version 3 the objects that an edit takes were written whole, and no journal knew the image's pixels."""
BEGINNING = re.compile(rb"([0-9a-f]{0,8}|[0-9a-f]{8} (\{[^\n]*)?)")
"""What a crash leaves of a journal whose first line was being written."""
Entry = dict[str, Any]


def first_entry(path: Path, shape: Sequence[int], image: Path | None, pixels: str = "") -> Entry:
    """Return what a journal begins with.

    Parameters
    ----------
    path : Path
        Of the journal. A folder with the image and the journals beside it can be moved and shared.
    shape : tuple of int
    image : Path, optional
        The image's file, if it has one.
    pixels : str
        What they are like, as `fingerprint` says; empty if nobody has looked.
    """
    beside = image is not None and image.absolute().parent == path.absolute().parent.parent
    name = "" if image is None else image.name if beside else str(image.absolute())
    return {"version": VERSION, "shape": list(shape), "image": name, "pixels": pixels}


def entry_of(how: str, edit: Edit) -> Entry:
    """Return an edit as a line holds it; `how` as `AnnotationSession.recorded` has it.

    What an edit takes is known from the lines before, so its keys are enough; and of one that changes no
    mask, what it was told.
    """
    if how == "do":
        entry = {
            "do": edit.what,
            "arguments": dict(edit.arguments),
            "before": [[each.id, *each.plane] for each in edit.before],
        }
        return entry if edit.what == DESCRIBE else {**entry, "after": [as_json(each) for each in edit.after]}
    if how == ADOPT:
        return {ADOPT: [as_json(each) for each in edit.after]}
    return {how: edit.what}


def line_of(entry: Entry) -> bytes:
    """Return an entry as a line with its checksum before it."""
    text = json.dumps(entry, separators=(",", ":"), default=plain).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def entry_in(line: bytes) -> Entry | None:
    """Return what a line says; None for one that is torn or damaged."""
    checksum, _, text = line.rstrip(b"\r\n").partition(b" ")  # git or FTP may have made it Windows' text
    whole = line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(text)
    return dict(json.loads(text)) if whole else None
