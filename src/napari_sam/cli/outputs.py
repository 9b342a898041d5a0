"""What a command makes sure of before it works: that what it writes can go where it is to go."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataError
from ..overwriting import check_not_the_image

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")


def check_outputs(image: Path, *outputs: Path | None, overwrite: bool) -> None:
    """Raise `DataError` now if something could not be written later, or would be lost by it.

    Parameters
    ----------
    image : Path
        What is read; it has to be there, and nothing may be written over it.
    *outputs : Path or None
        The files to write; None where one is not asked for.
    overwrite : bool
        Whether a person said that files that are there may go.
    """
    if not image.exists():
        raise DataError(f"There is no image {image}; check the name.")
    check_not_the_image(image, *outputs)
    written = [path for path in outputs if path is not None]
    for path in written:
        _check_output(path, overwrite)
        if written.count(path) > 1:
            raise DataError(f"{path} is named for two things that are written; choose another for one.")


def check_picture_path(path: Path) -> None:
    """Raise `DataError` now if no picture could be written with this ending later."""
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise DataError(
            f"{path} has an ending that cannot hold a picture; use {', '.join(PICTURE_SUFFIXES)}."
        )


def _check_output(path: Path, overwrite: bool) -> None:
    if not path.absolute().parent.is_dir():
        raise DataError(f"The folder of {path} does not exist; make it first.")
    if path.is_dir():
        raise DataError(f"{path} is a folder; choose another output.")
    if path.exists() and not overwrite:
        raise DataError(f"{path} exists; choose another output, or give --overwrite.")
