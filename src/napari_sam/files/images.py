"""Image files of the usual kinds, read into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from napari_sam.errors import DataError

from .tiff import TIFF, TOO_LARGE, Contents, contents_of, is_jpeg, opened_tiff
from .zarr_images import count_images

JPEG = (".jpg", ".jpeg")
IMAGE_SUFFIXES = (*TIFF, ".png", *JPEG)
GREY_MODES = ("L", "I;16", "I", "F")
"""What Pillow calls images of one number a pixel."""
_LIMIT = Lock()


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
        with opened_picture(path) as opened:
            if opened.mode not in GREY_MODES and opened.tile and str(opened.tile[0][3]).endswith(";16B"):
                return _colours_of_16_bits(path)
            return np.asarray(opened if opened.mode in modes else opened.convert("RGB"))
    except Exception as error:  # a damaged file raises whatever its damage makes of it
        raise unreadable(path, error) from error


def _colours_of_16_bits(path: Path) -> NDArray[np.uint16]:
    """Read a PNG of which Pillow would leave 8 bits, as (Y, X, 3), or (Y, X) of grey beside its alpha."""
    import imagecodecs

    pixels: NDArray[np.uint16] = imagecodecs.png_decode(path.read_bytes())
    return pixels[..., :3] if pixels.shape[-1] > 2 else pixels[..., 0]


@contextmanager
def opened_picture(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Open a file by Pillow, however large: it takes images of slides for an attack on memory."""
    with _LIMIT:  # which is all Pillow's: of two threads, one would keep the other's for good
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            opened = Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with opened:
        yield opened


def unreadable(
    path: Path, error: Exception, kind: str = "an image", advice: str = "replace or remove the file"
) -> DataError:
    """Return what tells why a file cannot be read as something: memory, the system, or what is in it."""
    if isinstance(error, MemoryError):
        return DataError(f"{in_folder(path)} {TOO_LARGE}")
    if isinstance(error, OSError) and error.strerror:
        return DataError(f"{path} cannot be read ({error.strerror}); check that it is there and may be read.")
    if isinstance(error, UnidentifiedImageError):
        return DataError(
            f"{in_folder(path)} is damaged, or of a kind that is not read here; replace it, or save it as"
            " TIFF."
        )
    return DataError(f"{in_folder(path)} cannot be read as {kind} ({error}); {advice}.")


def in_folder(path: Path) -> str:
    """Return a file's name after its folder's, by which an image and its labels of the same name differ."""
    return Path(path.parent.name, path.name).as_posix()


def images_beside(path: Path, *, in_set: bool = False) -> str:
    """Return what to tell of a file with several images, of which the first is taken, or without all planes.

    It is empty for others.

    Parameters
    ----------
    path : Path
    in_set : bool
        For napari's own reader, which takes the first image of all files of a set, and all of a film.

    Returns
    -------
    str
    """
    try:
        held = _contents(path, in_set=in_set)
    except Exception:  # noqa: BLE001 (damage is told of where the image is read)
        return ""
    if held.missing:
        return (
            f"{path.name} lacks {held.missing} of its {held.planes} planes, for which zeros are read; look"
            " for the other files of its set, or save it again."
        )
    if held.images == 1:
        return ""
    of = f"{held.images} images"
    if not held.alone:
        return f"{path.name} is of a set of {of}, of which the first is shown whichever is opened."
    return f"{path.name} has {of}, and only the first is taken; save each to a file of its own."


def _contents(path: Path, *, in_set: bool) -> Contents:
    if path.suffix.lower() in TIFF:
        return contents_of(path, in_set=in_set)
    if path.is_dir():
        return Contents(count_images(path))
    if in_set:
        return Contents()
    with opened_picture(path) as opened:
        return Contents(getattr(opened, "n_frames", 1))


def check_keeps_numbers(path: Path) -> None:
    """Make sure that the format of a file, which can be read, has the numbers of labels as they were.

    Raises
    ------
    DataError
        If it is JPEG, which puts other numbers along the borders of objects.
    """
    if path.suffix.lower() in JPEG or (path.suffix.lower() in TIFF and is_jpeg(path)):
        raise DataError(
            f"{in_folder(path)} is compressed by JPEG, which changes the numbers that tell objects; save the"
            " labels as PNG, or as TIFF without JPEG."
        )


def whole_numbers(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Return labels as integers, of which programs such as ImageJ keep large ones as floats.

    Raises
    ------
    DataError
        If there are fractions in the file of this name.
    """
    if values.dtype.kind != "f":
        return values
    exact = values.astype(np.float64)
    if not ((np.abs(exact) < 2**53) & (exact == np.rint(exact))).all():
        raise DataError(f"{name} holds fractions; give labels that are whole numbers.")
    return exact.astype(np.int64)


def without_single_sides(pixels: NDArray[Any], last: int = 2) -> NDArray[Any]:
    """Leave out axes of length 1, but for the last ones."""
    first = [side for side in pixels.shape[:-last] if side != 1]
    return pixels.reshape((*first, *pixels.shape[-last:]))
