"""What is never written over, whoever asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import DataError


def check_not_the_image(image: Path, *outputs: Path | None) -> None:
    """Raise `DataError` if something would be written over the image itself."""
    for path in outputs:
        if path is not None and path.exists() and path.samefile(image):
            raise DataError(f"{path} is the image itself; choose another name for what is written.")


def check_not_among(folders: Iterable[Path], *outputs: Path | None) -> None:
    """Raise `DataError` if something would be written over one of the files in folders that are read."""
    held = [folder for folder in folders if folder.is_dir()]
    for path in outputs:
        if path is not None and path.exists() and any(path.parent.samefile(folder) for folder in held):
            raise DataError(f"{path} is of the images and labels that are read; choose another name.")
