"""Images in, labels out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..files.images import images_beside
from ..files.label_tiff import narrowed, write_label_tiff
from ..files.pixel_size import PixelSize
from ..files.writing import at_once, disk_errors
from ..wording import amount

if TYPE_CHECKING:
    from ..session.journal.record import Record
    from ..training.config import DataConfig

LOOKED_AT = 5
"""Label files that are looked into for what they are."""


def read_image(path: Path) -> NDArray[Any]:
    """Read one image from a TIFF, PNG, JPEG or .npy file.

    Raises
    ------
    DataError
        If the file is not there or is no image.
    """
    from ..files.images import read_image as read_picture

    if not path.is_file():
        raise DataError(f"There is no image {path}; check the name.")
    return _read_opened(path) if path.suffix.lower() == ".npy" else read_picture(path)


def tell_of_images_beside(path: Path) -> None:
    """Say it if a file has several images, of which the first is taken."""
    if told := images_beside(path):
        print(told, file=sys.stderr)


def tell_of_damage(record: Record) -> None:
    """Say it if lines of a journal could not be read."""
    if record.damage:
        print(record.damage, file=sys.stderr)


def tell_of_set(data: DataConfig) -> None:
    """Say what of a training set is left out, empty, or may not be meant, before anything is learnt from it.

    Raises
    ------
    DataError
        If a file of it cannot be used.
    """
    if not data.stems:
        tell_of_labels(data.images, data.labels)
    tell_of_empty_labels(data)
    tell_of_corrections(data.images, data.labels)


def tell_of_labels(images: Path, labels: Sequence[Path]) -> None:
    """Say it if images or labels have none of the same name, and are left out, or labels look like masks."""
    from ..training.samples import looks_unnumbered, paired_levels, unlabelled, unused

    if left := unlabelled(images, labels):
        print(f"left out, without labels of the same name: {_some(left)} in {images}", file=sys.stderr)
    for folder in labels:
        if left := unused(images, folder):
            told = f"left out, without an image of the same name: {_some(left, 'label image')} in {folder}"
            print(told, file=sys.stderr)
    with suppress(DataError):  # what cannot be read is told where it is used
        if not looks_unnumbered([files[0] for _, files in paired_levels(images, labels)[:LOOKED_AT]]):
            return
        told = "all that has the same number in an image counts as one object; if these are masks of many"
        print(told, "cells, `napari-sam convert MASK -o LABELS.tif --pieces` numbers them", file=sys.stderr)


def tell_of_corrections(images: Path, labels: Sequence[Path]) -> None:
    """Say it if images were annotated in napari after their labels were written, which may lack it then."""
    from ..session.journal.image import image_at
    from ..session.journal.place import folders_of
    from ..training.samples import paired_levels

    later = []
    for image, files in paired_levels(images, labels):
        written = max(file.stat().st_mtime for file in files)
        journals = [each for folder in folders_of(image) for each in folder.glob("*.journal")]
        if any(image_at(each) == image.absolute() and each.stat().st_mtime > written for each in journals):
            later.append(image.name)
    if later:
        told = (
            f"annotated in napari after their labels were written: {_some(later)}; save the labels, or make"
        )
        print(told, "them of the journals by `napari-sam convert`, if they lack corrections", file=sys.stderr)


def tell_of_empty_labels(data: DataConfig) -> None:
    """Read all that is to be learnt from, and say it if labels show no object.

    Raises
    ------
    DataError
        If a file cannot be used: before a model is loaded, or downloaded.
    """
    from ..training.samples import without_objects

    tell_of_empty(without_objects(data), data.images)


def tell_of_empty(names: Sequence[str], images: Path) -> None:
    """Say it if the labels of some images show no object."""
    if names:
        print(f"without an object in their labels: {_some(names)} in {images}", file=sys.stderr)


def _some(names: Sequence[str], noun: str = "image") -> str:
    few = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{amount(len(names), noun)} ({few})"


def write_labels(
    path: Path, labels: NDArray[np.integer], axes: str = "YX", size: PixelSize | None = None
) -> None:
    """Write labels as .tif, .png or .npy, at once or not at all; TIFF tells axes and a pixel's size.

    Parameters
    ----------
    path : Path
    labels : (Y, X) or, but for .png, (..., Y, X) integers
    axes : str
        What they are, such as ZYX.
    size : PixelSize, optional

    Raises
    ------
    DataError
        If the disk is full, the file may not be written to, or there are too many labels for a PNG.
    """
    suffix, values = path.suffix.lower(), narrowed(labels)
    if suffix == ".png" and values.dtype != np.uint16:
        raise DataError(f"{labels.max()} labels are more than the 16 bits of a PNG can count; give a .tif.")
    with disk_errors(path), at_once(path) as part:
        if suffix == ".npy":
            with part.open("wb") as file:
                np.save(file, values)
        elif suffix == ".png":
            from PIL import Image

            Image.fromarray(values).save(part, "PNG")
        else:
            write_label_tiff(part, values, axes, size)


def read_stack(path: Path, channel_axis: int | None = None, *, in_time: bool = False) -> NDArray[Any]:
    """Read the planes of a TIFF, .npy or zarr image.

    Parameters
    ----------
    path : Path
    channel_axis : int, optional
        The axis of the channels of 4 dimensions; by default the one that the file names so, or the last one
        if that looks like RGB.
    in_time : bool
        Whether planes are frames, unless the file names both.

    Returns
    -------
    (T, Z, Y, X) or (T, Z, Y, X, C)
        One frame of planes, or frames of one plane, unless the file names both.

    Raises
    ------
    DataError
        If the file is not there, is no image, or no stack of planes.
    ImageError
        If a part of it cannot be read.
    """
    array, names = _named(path)
    if not array.size:
        raise DataError(f"{path} has the shape {array.shape}, without a pixel; give a stack of planes.")
    if channel_axis is not None and names[channel_axis:][:1] != "C":
        names = ""  # a person knows it better
    if {"T", "Z"} <= set(names) and len(names) <= 4 + ("C" in names):
        return array.transpose([names.index(name) for name in "TZYX" + "C" * ("C" in names)])
    if channel_axis is None:
        array, names = _upright(array, names)
    planes = _planes(path, array, names, channel_axis)
    return planes[:, None] if in_time else planes[None]


def _upright(array: NDArray[Any], names: str) -> tuple[NDArray[Any], str]:
    """Turn an image whose file names x before y, or planes after them, to (..., Y, X)."""
    if not {"Y", "X"} <= set(names) or "YX" in names:
        return array, names
    order = sorted(range(len(names)), key=lambda axis: "YX".find(names[axis]))  # others first, as they are
    return array.transpose(order), "".join(names[axis] for axis in order)


def _planes(path: Path, array: NDArray[Any], names: str, channel_axis: int | None) -> NDArray[Any]:
    """Return the planes of a stack with their channels last; (N, Y, X) or (N, Y, X, C)."""
    if channel_axis is None and "C" in names:
        channel_axis = names.index("C")
    coloured = array.ndim > 2 and array.shape[-1] in (3, 4)
    if array.ndim == 2 or (array.ndim == 3 and (coloured or channel_axis is not None)):
        raise DataError(
            f"{path} is one plane, of shape {array.shape}; give a stack of planes, or use napari-sam auto."
        )
    if array.ndim == 3:
        return array
    if array.ndim != 4 or not (coloured or channel_axis is not None):
        raise DataError(
            f"{path} has the shape {array.shape}, which is no stack of planes; save one channel of it, or say"
            " which of 4 axes the channels are on by --channel-axis."
        )
    axis = -1 if channel_axis is None else channel_axis
    if not -4 <= axis < 4:
        raise DataError(f"The channel axis {axis} is none of {path}; of 4 axes, give 0, 1, 2 or 3.")
    return np.moveaxis(array, axis, -1)


def _named(path: Path) -> tuple[NDArray[Any], str]:
    """Read an image and its axes' names, if it has them; of too many axes, none of length 1."""
    from ..files.axes import named_axes, without_single
    from ..files.images import without_single_sides

    array = _read_opened(path) if path.is_dir() else read_image(path)
    axes = named_axes(path)
    if array.ndim > 4 or array.ndim < len(axes) or {"T", "Z"} <= {name for name, _ in axes}:
        axes = without_single(axes)
        if array.ndim > len(axes) >= 2:
            array = without_single_sides(array)
    if array.shape != tuple(length for _, length in axes):
        return array, ""
    names = "".join(name for name, _ in axes)
    return array, names if len(names) < 4 or "C" in names else names.replace("S", "C")  # of RGB


def _read_opened(path: Path) -> NDArray[Any]:
    """Read a .npy file, or the finest level of an OME-Zarr image without needless axes of length 1."""
    from ..automatic.batch.files import opened, read_whole

    with opened(path) as held:
        return read_whole(held, path)
