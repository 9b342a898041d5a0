"""Annotated images, plane by plane: the only one of an image, or those of a stack that have labels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sam.channel_choice import chosen_channels
from napari_sam.errors import DataError
from napari_sam.files.axes import named_axes
from napari_sam.files.images import (
    GREY_MODES,
    check_keeps_numbers,
    in_folder,
    read_image,
    read_pixels,
    whole_numbers,
    without_single_sides,
)
from napari_sam.masks import counted
from napari_sam.predict.plane_shape import MAX_CHANNELS

Place = tuple[int, ...]
"""Of a plane: its position on the axes before (Y, X); empty for an image of one plane."""


@dataclass(frozen=True, eq=False)
class AnnotatedPlane:
    """One plane and its labels.

    Attributes
    ----------
    name : str
        As in reports.
    place : tuple of int
        In its stack.
    pixels : (Y, X) or (Y, X, C)
        As the file has them.
    levels : tuple of (Y, X) int32
        0 background, one value an object; what is nested comes as several, the finest first.
    """

    name: str
    place: Place
    pixels: NDArray[np.generic]
    levels: tuple[NDArray[np.int32], ...]


def read_planes(
    image: Path, labels: Sequence[Path], names: Collection[str] = (), channels: Sequence[int] = ()
) -> list[AnnotatedPlane]:
    """Read one image and its labels; of a stack, the planes whose labels show objects.

    Parameters
    ----------
    image : Path
    labels : sequence of Path
        At every level, the finest first.
    names : collection of str
        Of stems and planes: only those are read; all, if there are none.
    channels : sequence of int
        Which of the image's channels are seen; all, if there are none.

    Raises
    ------
    DataError
        If a file is unreadable, the shapes differ, labels are no whole numbers, or there is no such channel.
    """
    levels = [read_labels(path) for path in labels]
    shape = levels[0].shape
    pixels = read_plane(image, channels) if len(shape) == 2 else _read_stack(image, shape, channels)
    for path, level in zip(labels, levels, strict=True):
        if level.shape != pixels.shape[: len(shape)]:
            shapes = f"{level.shape}, its image {pixels.shape}"
            raise DataError(f"{in_folder(path)} is {shapes}; give labels of the image's size.")
    return [
        AnnotatedPlane(name_of(image, place), place, pixels[place], tuple(level[place] for level in levels))
        for place in _shown(levels)
        if is_named(image, names, place)
    ]


def places_in(image: Path, labels: Sequence[Path], names: Collection[str] = ()) -> list[Place]:
    """Return which planes `read_planes` gives, from the labels alone."""
    levels = [read_labels(path) for path in labels]
    return [place for place in _shown(levels) if is_named(image, names, place)]


def is_named(image: Path, names: Collection[str], place: Place | None = None) -> bool:
    """Say whether an image, or a plane of it, is among some names of stems and planes; all are, of none."""
    if not names or image.stem in names:
        return True
    if place is None:
        return any(name.startswith(f"{image.stem} [") for name in names)
    return name_of(image, place) in names


def name_of(image: Path, place: Place) -> str:
    """Return what a plane is called in reports: by its file's stem and its place."""
    return f"{image.stem} {list(place)}" if place else image.stem


def _shown(levels: Sequence[NDArray[np.int32]]) -> Iterable[Place]:
    """Yield the places of planes with objects, at some level; of one plane, it alone."""
    for place in np.ndindex(levels[0].shape[:-2]):
        if not place or any(level[place].any() for level in levels):
            yield place


def read_plane(path: Path, channels: Sequence[int] = ()) -> NDArray[np.generic]:
    """Read one plane, all of it or some channels, which come last where the file names their axis.

    Raises
    ------
    DataError
        If the file cannot be read as an image, is a stack by the names of its axes, or has no such channel.
    ImageError
        If a part of it cannot be read.
    """
    from napari_sam.automatic.batch.axes import opened_plane  # takes torch with it
    from napari_sam.automatic.batch.files import read_whole

    with opened_plane(path, channels=channels) as opened:
        return read_whole(opened, path)


def _read_stack(path: Path, shape: tuple[int, ...], channels: Sequence[int]) -> NDArray[np.generic]:
    """Read a stack as (..., Y, X) of this shape, or with channels last, wherever their axis is in the file.

    Raises
    ------
    DataError
        If the file cannot be read as an image, or has another shape.
    """
    pixels, named = read_image(path), named_axes(path)
    plain = without_single_sides(pixels)
    if plain.shape == shape:
        return np.asarray(chosen_channels(plain, channels, None, path.name, len(shape)))
    told = [axis for axis, (name, _) in enumerate(named) if name in ("C", "S") and len(named) == pixels.ndim]
    for axis in told or reversed(range(pixels.ndim)):
        turned = without_single_sides(np.moveaxis(pixels, axis, -1), 3)
        if turned.shape[:-1] == shape and (channels or turned.shape[-1] <= MAX_CHANNELS):
            return np.asarray(chosen_channels(turned, channels, None, path.name, len(shape)))
    raise DataError(
        f"{in_folder(path)} is {pixels.shape}, its labels {shape}; give labels of the image's planes."
    )


def read_labels(path: Path) -> NDArray[np.int32]:
    """Read labels, (..., Y, X); of a palette the numbers are the labels, whatever colours they have.

    Negative numbers, which mark what nobody annotated, become background, and numbers above a million
    small ones in the same order. Axes of length 1 are left out.

    Raises
    ------
    DataError
        If the file cannot be read as an image, holds no whole numbers, or does not keep them.
    """
    values = without_single_sides(read_pixels(path, (*GREY_MODES, "P", "1")))
    if values.ndim == 3 and values.shape[-1] in (3, 4):
        raise DataError(
            f"{in_folder(path)} is a picture in colour, which does not tell objects by numbers; give labels"
            " that are one channel of whole numbers."
        )
    check_keeps_numbers(path)
    if values.dtype.kind not in "biuf":
        raise DataError(f"{in_folder(path)} holds {values.dtype}; give labels that are whole numbers.")
    whole: NDArray[np.integer] = np.maximum(whole_numbers(values, in_folder(path)), 0)
    return counted(whole)[1].astype(np.int32)
