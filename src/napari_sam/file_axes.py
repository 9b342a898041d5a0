"""The axes of an image, by the names that its file gives them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_sam.pixel_size import told_by_ome
from napari_sam.tiff_files import TIFF, opened_tiff


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
    import zarr

    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        return []
    held: Any = node.attrs.asdict()
    image = (held.get("ome", held).get("multiscales") or [{}])[0]
    names = [str(each["name"]).upper() for each in image.get("axes", [])]
    shape = node[image["datasets"][0]["path"]].shape if names else ()  # type: ignore[union-attr]
    return list(zip(names, shape, strict=True))
