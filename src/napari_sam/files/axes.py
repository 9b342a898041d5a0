"""The axes of an image, by the names that its file gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .pixel_size import told_by_ome
from .tiff import TIFF, opened_tiff
from .zarr_images import axis_names, image_in


def named_axes(path: Path) -> list[tuple[str, int]]:
    """Return name and length of each axis of a TIFF or OME-Zarr image; none where they are not named."""
    if path.suffix.lower() in TIFF:
        with opened_tiff(path) as (file, index):
            series = file.series[index]
            return list(zip(series.axes, series.shape, strict=True))
    if path.is_dir():
        return _zarr_axes(path)
    return []


def channel_names(path: Path) -> tuple[str, ...]:
    """Return what an OME-TIFF calls the channels of its first image; nothing where one has no name."""
    import tifffile

    if path.suffix.lower() not in TIFF:
        return ()
    with tifffile.TiffFile(path) as file:
        text = file.ome_metadata
    try:
        channels = told_by_ome(text)["Channel"] if text else []
        names = [str(each["Name"]) for each in (channels if isinstance(channels, list) else [channels])]
    except (LookupError, SyntaxError, TypeError, ValueError):  # broken XML is a SyntaxError
        return ()
    return tuple(names) if len({*names}) == len(names) else ()


def without_single(axes: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Leave out axes of length 1, but for those of a plane."""
    return [(name, length) for name, length in axes if length > 1 or name in "YX"]


def _zarr_axes(path: Path) -> list[tuple[str, int]]:
    array, said = image_in(path)
    letters = [name[:1].upper() for name in axis_names(said)]
    return list(zip(letters, array.shape, strict=True)) if len(letters) == array.ndim else []
