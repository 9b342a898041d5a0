"""Where journals lie, under names that Windows, macOS and Linux all take and tell apart."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from glob import escape
from pathlib import Path

from filelock import FileLock

from napari_sam.files.writing import let_go, write_bytes

from ..fingerprint import same_pixels
from .image import first_line, image_at

FOLDER = ".napari-sam"
"""How the name of a folder of journals ends that lies beside an image."""

LONGEST = 200
"""Bytes of a name; file systems take 255, with what is added to it."""
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")}
"""Names that are devices on Windows, whatever comes after their first full stop."""


def journal_path(image: Path | None, key: str, labels: str, fallback: Path, pixels: str = "") -> Path:
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
    pixels : str
        What the image's are like, as `fingerprint` says.
    """
    if image is not None:
        path = min(_beside(image, labels), key=lambda each: _strangeness(each, image, pixels))
        if path.exists() or _made(path.parent):
            return path
    folder = fallback / f"{zlib.crc32(key.encode()):08x}"
    return folder / _name_in(folder, labels)


def _beside(image: Path, labels: str) -> Iterator[Path]:
    """Yield where a journal beside an image may lie, the best place first."""
    for folder in folders_of(image):
        yield folder / _name_in(folder, labels)


def folders_of(image: Path) -> list[Path]:
    """Return the folders beside an image that its journals may lie in, the best first."""
    names = (_short(image.stem), _short(image.name), _told_apart(image.name, image.name))
    return [image.parent / f"{name}{FOLDER}" for name in names]


def _strangeness(path: Path, image: Path, pixels: str) -> int:
    """Return 0 for the journal of an image, 3 for that of another one that is there, and less in between.

    One that names no image, or one that is gone, may be this image's by another name; and so may one of the
    same pixels in a folder that is not the named image's, which only has the old name by now.
    """
    if not path.exists():
        return 2
    named = image_at(path)
    try:
        if named is None or named.samefile(image):
            return int(named is None)
    except OSError:
        return 1
    renamed = path.absolute().parent not in folders_of(named) and _is_of(path, pixels)
    return 1 if renamed else 3


def _is_of(path: Path, pixels: str) -> bool:
    """Say whether a journal is of an image with these pixels, as far as it knows."""
    known = str(first_line(path).get("pixels", ""))
    return bool(known and pixels) and same_pixels(known, pixels)


def bring_along(path: Path, image: Path, labels: str, fallback: Path, pixels: str) -> str:
    """Put a journal where it belongs that is of an image by its older name or place: of the same pixels.

    Or of the image itself, from when nothing could be written beside it.

    Parameters
    ----------
    path : Path
        Where the image's journal belongs; one that is there stays.
    image : Path
    labels, fallback, pixels
        As of `journal_path`.

    Returns
    -------
    str
        What to tell of it; mostly empty.
    """
    if path.exists():
        return ""
    for old in _of_images_gone(image, fallback):
        named = image_at(old)
        if named is None or not _is_of(old, pixels):
            continue
        kept = old.is_relative_to(fallback) and named == image.absolute()
        if os.path.exists(named) and not kept:  # noqa: PTH110
            continue
        if old.stem != safe_name(labels.replace(image.stem, named.stem, 1)):
            continue
        why = "kept in your config folder" if kept else "which is gone and had the same pixels"
        try:
            _move(old, path)
        except (OSError, NotImplementedError) as error:
            return (
                f"The work on {named}, {why}, could not be moved to {path}"
                f" ({error}); press Stop, copy {old} there yourself, and press Start."
            )
        return f"The work on {named}, {why}, goes on here, in {path}."
    best = next(_beside(image, labels))
    other = image_at(best)
    if other is None or path == best or best.absolute().parent in folders_of(other):
        return ""
    return f"{best} is of {other.name}, whose folder was copied here, so commits are kept in {path} instead."


def _move(old: Path, path: Path) -> None:
    """Move a journal that is open nowhere, and take away a folder that is empty then."""
    lock = FileLock(f"{old}.lock", blocking=False)
    lock.acquire()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, old.read_bytes())  # which may lie on another disk, and is whole or not there
        old.unlink()
    finally:
        let_go(lock)
    with suppress(OSError):
        old.parent.rmdir()


def _of_images_gone(image: Path, fallback: Path) -> Iterator[Path]:
    """Yield journals that may be of an image by its older name: in its folders, and in others without one."""
    names = set(os.listdir(image.parent) if os.access(image.parent, os.R_OK) else ())  # noqa: PTH208
    folders = {name.removesuffix(FOLDER) for name in names if name.endswith(FOLDER)}
    files = names - {f"{name}{FOLDER}" for name in folders}
    gone = folders - files - {Path(name).stem for name in files}
    for folder in (*folders_of(image), *(image.parent / f"{name}{FOLDER}" for name in sorted(gone))):
        yield from sorted(folder.glob("*.journal"))
    yield from sorted(fallback.glob("*/*.journal"))


def copies_told(path: Path) -> str:
    """Return what to tell of copies of a journal with edits of their own, as programs that synchronise leave.

    They, or their folder, have its name with something added, which says that they are in conflict; or they
    begin with the same edit.
    """
    began, name, folder = _first_edit(path), escape(path.stem), escape(path.parent.stem)
    found = [*path.parent.glob(f"{name}?*.journal")]
    found += path.parent.parent.glob(f"{folder}*[Cc]onflict*/{name}*.journal")
    for each in sorted(found):
        added = each.parent.name.removeprefix(path.parent.stem) + each.name.removeprefix(path.stem)
        alike = "conflict" in added.casefold() or (began and _first_edit(each) == began)
        if alike and each != path and not _holds(path, each):
            return (
                f"{each} is a copy of the journal with edits that are not here, as programs that synchronise"
                " leave; see them by `napari-sam convert`, then remove it, or put it in the journal's place."
            )
    return ""


def _first_edit(path: Path) -> bytes:
    """Return the line of the first edit, which tells when it was made; labels that were there are none."""
    try:
        with path.open("rb") as file:
            return next((line for line in file if line[9:].startswith(b'{"do"')), b"")
    except OSError:
        return b""


def _holds(path: Path, copy: Path) -> bool:
    """Say whether a journal has all that a copy has, as far as that can be read."""
    try:
        return path.read_bytes().startswith(copy.read_bytes())
    except OSError:
        return True


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
