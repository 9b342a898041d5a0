"""What the first line of a journal knows of its image, and whether that is the image now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_sam.errors import JournalError

from ..fingerprint import same_pixels
from ..store import fits
from .lines import entry_in
from .record import Record


def image_of(record: Record, path: Path) -> Path | None:
    """Return the image's file, as the journal at a path names it; None if it had none, or is not known."""
    return _image_named(record.begins, path)


def image_at(path: Path) -> Path | None:
    """Return the image's file, as `image_of` does; only the journal's first line is read."""
    return _image_named(first_line(path), path)


def first_line(path: Path) -> Mapping[str, Any]:
    """Return what a journal begins with; nothing if it cannot be read."""
    try:
        with path.open("rb") as file:
            return entry_in(file.readline()) or {}
    except OSError:
        return {}


def _image_named(begins: Mapping[str, Any], path: Path) -> Path | None:
    name = begins.get("image")
    return path.absolute().parent.parent / name if name else None


def begun_anew(begins: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a journal is to begin with, where its image is known by other things now; the same if not.

    Parameters
    ----------
    begins : dict
        What it begins with.
    now : dict
        What a new one would begin with. An image without a file keeps its name, and the pixels are what was
        known before, unless the shape is another one.
    """
    anew = {**begins, "image": now["image"]} if now["image"] else dict(begins)
    if begins.get("shape") != now["shape"]:
        anew |= {"shape": now["shape"], "pixels": now["pixels"]}
    return anew


def check_shape(record: Record, path: Path, shape: Sequence[int]) -> None:
    """Make sure that the journal at a path may be of an image of this shape.

    Raises
    ------
    JournalError
        If it is of another shape, but for planes or frames that came after the others.
    """
    if record.begins and not _goes_on(record.shape, shape):
        raise JournalError(
            f"{path} belongs to an image of another shape, {record.shape}; move it away to begin a new one."
        )
    if shape and record.unread and not all(fits(each, shape) for each in record.objects):
        raise JournalError(
            f"{path} is damaged, and holds objects of an image of another shape; move it away to begin a new"
            " one."
        )


def _goes_on(before: Sequence[int], now: Sequence[int]) -> bool:
    """Say whether an image has the shape of before, or, of several planes, is longer along the first axis."""
    if len(before) < 3 or len(before) != len(now):
        return tuple(before) == tuple(now)
    return before[0] <= now[0] and tuple(before[1:]) == tuple(now[1:])


def difference(record: Record, shape: Sequence[int], pixels: str) -> str:
    """Return what to tell if an image is not the one of before; a journal of another version may not know."""
    known, then = record.begins.get("pixels"), record.shape
    if record.begins and then != tuple(shape):
        told = f"The image is longer than in the last session, {shape[0]} along its first axis, not {then[0]}"
    elif known and pixels and not same_pixels(known, pixels):
        told = "The image's pixels are not those of the last session"
    else:
        return ""
    return f"{told}; check that its labels fit, or stop and start with a new Labels layer."
