"""Where journals lie, under names that Windows, macOS and Linux all take and tell apart."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from .record import image_at

LONGEST = 200
"""Bytes of a name; file systems take 255, with what is added to it."""
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}
"""Names that are devices on Windows, whatever comes after their first full stop."""


def journal_path(image: Path | None, key: str, labels: str, fallback: Path) -> Path:
    """Return where the journal of an image's labels lies: beside the image, or in a folder of the user's.

    One that lies beside the image is looked at even where it cannot be written. Its folder is made, and
    has the image's name without its ending; or with it, where another image is called so but for the ending.

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
    if image is not None:
        path = min(_beside(image, labels), key=lambda each: _strangeness(each, image))
        if path.exists() or _made(path.parent):
            return path
    folder = fallback / f"{zlib.crc32(key.encode()):08x}"
    return folder / _name_in(folder, labels)


def _beside(image: Path, labels: str) -> Iterator[Path]:
    """Yield where a journal beside an image may lie, the best place first."""
    for name in (_short(image.stem), _short(image.name), _told_apart(image.name, image.name)):
        folder = image.parent / f"{name}.napari-sam"
        yield folder / _name_in(folder, labels)


def _strangeness(path: Path, image: Path) -> int:
    """Return 0 for the journal of an image, 3 for that of another one that is there, and less in between.

    One that names no image, or one that is gone, may be this image's by another name.
    """
    if not path.exists():
        return 2
    named = image_at(path)
    try:
        return 1 if named is None else 3 * (not named.samefile(image))
    except OSError:
        return 1


def _made(folder: Path) -> bool:
    """Make a folder that can be written, and say whether it is there."""
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
        return False
    try:  # Windows only knows once it is tried
        folder.mkdir(exist_ok=True)
    except OSError:
        return False
    return True


def _name_in(folder: Path, labels: str) -> str:
    """Return a journal's name; another one than any that differs from it by capital letters alone."""
    name = f"{safe_name(labels)}.journal"
    try:
        there = {path.name for path in folder.iterdir()}
    except OSError:
        return name
    alike = name.casefold() in {each.casefold() for each in there - {name}}
    return f"{_told_apart(safe_name(labels), labels)}.journal" if alike and name not in there else name


def safe_name(name: str) -> str:
    """Return a name that every file system takes; one that had to be changed is told from others by a sum."""
    kept = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in name)
    reserved = kept.split(".")[0].strip().casefold() in DEVICES
    return _told_apart(kept, name) if kept != name or reserved else _short(name)


def _short(name: str) -> str:
    """Return a name, cut if no file could have it with what is added; a file's own name needs no more."""
    return name if len(name.encode()) <= LONGEST else _told_apart(name, name)


def _told_apart(kept: str, name: str) -> str:
    """Return the beginning of a name with a sum of the whole, before any full stop that Windows minds."""
    short = kept.encode()[: LONGEST - 9].decode(errors="ignore")
    reserved = "_" if short.split(".")[0].strip().casefold() in DEVICES else ""
    return f"{reserved}{short}-{zlib.crc32(name.encode()):08x}"
