"""Image files of the usual kinds, read into memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_sam.errors import DataError
from napari_sam.tiff_files import TIFF, TOO_LARGE, is_jpeg, opened_tiff

JPEG = (".jpg", ".jpeg")
IMAGE_SUFFIXES = (*TIFF, ".png", *JPEG)
GREY_MODES = ("L", "I;16", "I", "F")
"""What Pillow calls images of one number a pixel."""


def read_image(path: Path) -> NDArray[np.generic]:
    """Read a PNG, TIFF or JPEG as (Y, X) or (Y, X, C).

    Raises
    ------
    DataError
        If the file cannot be read as an image.
    """
    return read_pixels(path, (*GREY_MODES, "RGB"))


def read_pixels(path: Path, modes: Sequence[str]) -> NDArray[Any]:
    """Read a file's first image; what Pillow opens in none of these modes becomes RGB.

    Raises
    ------
    DataError
        If the file cannot be read as an image.
    """
    try:
        if path.suffix.lower() in TIFF:
            with opened_tiff(path) as (file, index):
                return np.asarray(file.asarray(series=index))
        with Image.open(path) as opened:
            return np.asarray(opened if opened.mode in modes else opened.convert("RGB"))
    except Exception as error:  # a damaged file raises whatever its damage makes of it
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> DataError:
    """Return what tells why a file cannot be read as an image: memory, the system, or what is in it."""
    if isinstance(error, MemoryError):
        return DataError(f"{path.name} {TOO_LARGE}")
    if isinstance(error, OSError) and error.strerror:
        return DataError(f"{path} cannot be read ({error.strerror}); check that it is there and may be read.")
    why = str(error).replace(str(path), path.name)
    return DataError(f"{path.name} cannot be read as an image ({why}); replace or remove the file.")


def check_keeps_numbers(path: Path) -> None:
    """Make sure that the format of a file, which can be read, has the numbers of labels as they were.

    Raises
    ------
    DataError
        If it is JPEG, which puts other numbers along the borders of objects.
    """
    if path.suffix.lower() in JPEG or (path.suffix.lower() in TIFF and is_jpeg(path)):
        raise DataError(
            f"{path.name} is compressed by JPEG, which changes the numbers that tell objects; save the labels"
            " as PNG, or as TIFF without JPEG."
        )


def without_single_sides(pixels: NDArray[Any], last: int = 2) -> NDArray[Any]:
    """Leave out axes of length 1, but for the last ones."""
    first = [side for side in pixels.shape[:-last] if side > 1]
    return pixels.reshape((*first, *pixels.shape[-last:]))
