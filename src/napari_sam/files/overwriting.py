"""What is never written over, whoever asks for it."""

from __future__ import annotations

from pathlib import Path

from ..errors import DataError


def check_not_the_image(image: Path, *outputs: Path | None) -> None:
    """Raise `DataError` if something would be written over the image itself."""
    for path in outputs:
        if path is not None and path.exists() and path.samefile(image):
            raise DataError(f"{path} is the image itself; choose another name for what is written.")
