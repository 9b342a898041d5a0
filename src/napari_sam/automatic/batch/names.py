"""What the labels of a batch are called, so that no image's labels replace another's."""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

NO_LABELS: Mapping[Path, str] = {}
LONGEST = 200
"""Bytes of a name; file systems take 255, with the endings that are added to it."""


def full_path(path: Path, folder: Path | None = None) -> Path:
    """Return a path from the root on, of a folder or of where the program runs; links stay as they are."""
    return Path(os.path.normpath((folder or Path()).absolute() / path))


def label_names(images: Sequence[Path], held: Mapping[Path, str] = NO_LABELS) -> dict[Path, str]:
    """Return a name without an ending for each image's labels: its own, or its path where some share it.

    A name that still is another's, is too long for a file or not UTF-8 has a checksum of the path at the end.
    After an interruption the same images get the same names.

    Parameters
    ----------
    images : sequence of Path
    held : dict
        The names of labels that are there, by the full path of their image: these stay.
    """
    paths = {image: full_path(image) for image in images}
    every = {*held, *paths.values()}
    stems = Counter(path.stem.casefold() for path in every)
    if all(stems[path.stem.casefold()] == 1 for path in paths.values()):
        names = {path: path.stem for path in paths.values()}
    else:
        shared = _parts_shared(every)
        names = {path: "_".join(path.parts[shared:]) for path in paths.values()}
    count = Counter(name.casefold() for name in names.values())
    others = {name.casefold() for path, name in held.items() if names.get(path) != name}
    for path, name in names.items():
        short = os.fsencode(name)[:LONGEST].decode(errors="ignore")  # nor what is not UTF-8
        if count[name.casefold()] > 1 or name.casefold() in others or short != name:
            names[path] = f"{short}-{zlib.crc32(os.fsencode(path.as_posix())):08x}"
    return {image: held.get(path, names[path]) for image, path in paths.items()}


def _parts_shared(paths: set[Path]) -> int:
    """Return how many parts the folders of all paths have in common; 1, the root, on several drives."""
    if len({path.anchor for path in paths}) > 1:
        return 1
    return len(Path(os.path.commonpath([path.parent for path in paths])).parts)
