"""Label images as TIFF, with axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_sam.errors import DataError

from .regions import Region, Shape, labels_from_regions, regions_from_labels

AXES = {2: "YX", 3: "ZYX", 4: "TZYX", 5: "TZCYX"}


def write_tiff(path: Path, regions: Sequence[Region], shape: Shape) -> None:
    """Write a label image of the smallest unsigned type that holds the numbers, later objects on top.

    Raises
    ------
    DataError
        If there are more than five axes, or no pixels.
    """
    if len(shape) not in AXES:
        raise DataError(f"A TIFF has no place for {len(shape)} axes; export planes, or use COCO JSON.")
    if 0 in shape:
        raise DataError(f"A TIFF has no place for an image of {shape}, without pixels; use OME-Zarr.")
    labels = labels_from_regions(regions, shape)
    kind = np.uint16 if labels.max(initial=0) < 2**16 else np.uint32
    tifffile.imwrite(
        path,
        labels.astype(kind),
        compression="zlib",
        photometric="minisblack",
        metadata={"axes": AXES[len(shape)]},
    )


def read_labels(path: Path) -> tuple[list[Region], Shape]:
    """Read a label image of a TIFF, PNG or .npy file.

    Raises
    ------
    DataError
        If the file holds no labels.
    """
    try:
        labels, is_colour = _array_in(path)
    except (OSError, ValueError) as error:
        hint = "export it again"
        if path.suffix.lower() == ".npy":
            hint = "Cellpose's _seg.npy could hold code, so save its masks as TIFF"
        raise DataError(f"{path.name} cannot be read as labels ({error}); {hint}.") from error
    if is_colour:
        raise DataError(
            f"{path.name} is a picture in colour, which does not tell objects by numbers; save the labels as"
            " one channel of whole numbers."
        )
    return regions_from_labels(labels), labels.shape


def _array_in(path: Path) -> tuple[NDArray[Any], bool]:
    """Read a file by its ending, and say whether its last axis are colours."""
    ending = path.suffix.lower()
    if ending == ".npy":
        return np.load(path, allow_pickle=False), False
    if ending == ".png":
        with Image.open(path) as opened:
            return np.asarray(opened), len(opened.getbands()) > 1
    with tifffile.TiffFile(path) as file:
        return np.asarray(file.asarray()), file.series[0].axes.endswith("S")
