"""Label images as TIFF, with axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.errors import DataError
from napari_sam.files.images import check_keeps_numbers, opened_picture, unreadable, whole_numbers
from napari_sam.files.label_tiff import write_label_tiff
from napari_sam.files.pixel_size import pixel_size_of
from napari_sam.files.tiff import TIFF, opened_tiff

from .reading import Contents, numbered
from .regions import Region, Shape, labels_from_regions, regions_from_labels
from .space import USUAL, Space, known_axes, plain_space, size_in, space_named


def write_tiff(path: Path, regions: Sequence[Region], shape: Shape, space: Space | None = None) -> None:
    """Write a label image of the smallest unsigned type that holds the numbers, later objects on top.

    Axes and the size of a pixel are those of the space, as far as it says them.

    Raises
    ------
    DataError
        If there are more than five axes, or no pixels.
    """
    if not 2 <= len(shape) <= 5:
        raise DataError(f"A TIFF has no place for {len(shape)} axes; export planes, or use COCO JSON.")
    if 0 in shape:
        raise DataError(f"A TIFF has no place for an image of {shape}, without pixels; use OME-Zarr.")
    space = space or plain_space(len(shape))
    write_label_tiff(path, labels_from_regions(regions, shape), space.axes.upper(), size_in(space))


def read_labels(path: Path, _: int) -> Contents:
    """Read a label image of a TIFF, PNG or .npy file.

    Raises
    ------
    DataError
        If the file cannot be read, or holds no labels.
    """
    try:
        labels, axes = _array_in(path)
    except Exception as error:  # a damaged file raises whatever its damage makes of it
        hint = "export it again"
        if path.suffix.lower() == ".npy":
            hint = "Cellpose's _seg.npy could hold code, so save its masks as TIFF"
        raise unreadable(path, error, "labels", hint) from error
    if axes.endswith("S"):
        raise DataError(
            f"{path.name} is a picture in colour, which does not tell objects by numbers; save the labels as"
            " one channel of whole numbers."
        )
    check_keeps_numbers(path)
    regions = numbered(regions_from_labels(whole_numbers(labels, path.name)))
    if path.suffix.lower() not in TIFF or labels.ndim not in USUAL:
        return Contents(regions, labels.shape)
    space = space_named(axes, labels.ndim, pixel_size_of(path))
    return Contents(regions, labels.shape, space, named=bool(known_axes(axes)))


def _array_in(path: Path) -> tuple[NDArray[Any], str]:
    """Read a file by its ending, and return a letter for each axis that it names; S for colours."""
    ending = path.suffix.lower()
    if ending == ".npy":
        return np.lib.format.open_memmap(path, mode="r"), ""
    if ending == ".png":
        with opened_picture(path) as opened:
            return np.asarray(opened), "S" if len(opened.getbands()) > 1 else ""
    with opened_tiff(path) as (file, index):
        return np.asarray(file.asarray(series=index)), file.series[index].axes
