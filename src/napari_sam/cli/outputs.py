"""What a command makes sure of before it works: that what it writes can go where it is to go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError
from ..files.overwriting import check_not_the_image
from ..files.writing import check_folder_of


class Kind(NamedTuple):
    """What is written, and the endings of files that can hold it; any, if none are given."""

    what: str
    endings: tuple[str, ...] = ()


LABELS = Kind("labels", (".tif", ".tiff", ".png", ".npy"))
PLANES = Kind("labels of planes", (".tif", ".tiff", ".npy"))
PICTURE = Kind("a picture", (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"))
TEXT = Kind("text")


def check_outputs(source: Path, *outputs: tuple[Path | None, Kind], overwrite: bool) -> None:
    """Raise `DataError` now if something could not be written later, or would be lost by it.

    Parameters
    ----------
    source : Path
        What is read; it has to be there, and nothing may be written over it.
    *outputs : (Path or None, Kind)
        The files to write; None where one is not asked for.
    overwrite : bool
        Whether a person said that files that are there may go.
    """
    if not source.exists():
        raise DataError(f"There is no image {source}; check the name.")
    check_not_the_image(source, *(path for path, _ in outputs))
    check_apart(*(path for path, _ in outputs))
    for path, kind in outputs:
        if path is not None:
            check_output(path, kind, overwrite=overwrite)


def check_apart(*paths: Path | None) -> None:
    """Raise `DataError` if two things, None where one is not asked for, would go into one file."""
    real: set[str] = set()
    for path in paths:
        if path is None:
            continue
        if (place := os.path.realpath(path)) in real:  # which has one name, however it is written
            raise DataError(f"{path} is named for two things that are written; choose another for one.")
        real.add(place)


def check_output(path: Path, kind: Kind, *, overwrite: bool) -> None:
    """Raise `DataError` now if a file could not be written later, or would be replaced unasked."""
    if kind.endings and path.suffix.lower() not in kind.endings:
        raise DataError(f"{path} has an ending that cannot hold {kind.what}; use {', '.join(kind.endings)}.")
    check_folder_of(path)
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise DataError(f"{path} may not be written to; choose another output.")
    if path.is_dir():
        raise DataError(f"{path} is a folder; choose another output.")
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists; choose another output, or give --overwrite.")
