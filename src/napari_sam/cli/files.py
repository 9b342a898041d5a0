"""Images in, labels out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

LABEL_SUFFIXES = (".tif", ".tiff", ".png", ".npy")


def read_image(path: Path) -> NDArray[Any]:
    """Read one image from a TIFF, PNG, JPEG or .npy file.

    Raises
    ------
    DataError
        If the file is not there or is no image.
    """
    from ..training.samples import read_image as read_picture

    if not path.is_file():
        raise DataError(f"There is no image {path}; check the name.")
    if path.suffix.lower() != ".npy":
        return read_picture(path)
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DataError(f"{path} holds no array ({error}); give one saved by numpy.save.") from error
    return array


def check_label_path(path: Path) -> None:
    """Raise `DataError` now if `write_labels` could not write there later."""
    if path.suffix.lower() not in LABEL_SUFFIXES:
        raise DataError(f"{path} has an ending that cannot hold labels; use {', '.join(LABEL_SUFFIXES)}.")
    if not path.absolute().parent.is_dir():
        raise DataError(f"The folder of {path} does not exist; make it first.")


def write_labels(path: Path, labels: NDArray[np.uint16]) -> None:
    """Write (Y, X) labels as .tif, .png (16-bit) or .npy, by the ending of `path`."""
    if path.suffix.lower() == ".npy":
        np.save(path, labels)
    elif path.suffix.lower() == ".png":
        from PIL import Image

        Image.fromarray(labels).save(path)
    else:
        import tifffile

        tifffile.imwrite(path, labels, compression="zlib")
