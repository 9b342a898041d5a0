"""Which ending means which format; files appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from napari_sam.errors import DataError
from napari_sam.files.axes import named_axes
from napari_sam.files.tiff import TIFF
from napari_sam.files.writing import at_once, check_folder_of

from .coco import read_coco, without_masks, write_coco
from .geojson import geojson_is_in_time, read_geojson, write_geojson
from .imagej import read_rois, rois_are_in_time, write_rois
from .journal import journal_damage, read_journal, space_of_journal
from .labels import read_labels, space_of_tiff, write_tiff
from .ome_zarr import enlist, find_labels, format_of, image_of, is_label_image, read_ome_zarr, write_ome_zarr
from .regions import Region, Shape
from .space import Space, completed, known_axes, space_named
from .table import write_table

Write = Callable[[Path, Sequence[Region], Shape, Space | None], None]
Read = Callable[[Path], tuple[list[Region], Shape]]

WRITERS: dict[str, Write] = {
    ".tif": write_tiff,
    ".tiff": write_tiff,
    ".json": write_coco,
    ".geojson": write_geojson,
    ".zip": write_rois,
    ".csv": write_table,
    ".zarr": write_ome_zarr,
}
READERS: dict[str, Read] = {
    ".tif": read_labels,
    ".tiff": read_labels,
    ".png": read_labels,
    ".npy": read_labels,
    ".json": read_coco,
    ".geojson": read_geojson,
    ".zip": read_rois,
    ".roi": read_rois,
    ".zarr": read_ome_zarr,
    ".journal": read_journal,
}
SUFFIXES = ", ".join(WRITERS)
TIGHT: dict[str, Callable[[Path, int], tuple[list[Region], Shape]]] = {
    ".geojson": read_geojson,
    ".zip": read_rois,
    ".roi": read_rois,
}
"""Formats that do not tell how large the image is, nor all of its axes."""
IN_TIME: dict[str, Callable[[Path], bool]] = {
    ".geojson": geojson_is_in_time,
    ".zip": rois_are_in_time,
    ".roi": rois_are_in_time,
}
"""What says of these whether the one axis before (Y, X) is t, which is z where nobody says so."""


def write_regions(
    path: str | os.PathLike[str],
    regions: Iterable[Region],
    shape: Shape,
    *,
    overwrite: bool = False,
    space: Space | None = None,
) -> None:
    """Write objects in the format of the file's ending.

    Parameters
    ----------
    path : str or path
        Labels without an ending in an OME-Zarr image's folder ``labels`` become part of it.
    regions : iterable of Region
    shape : (..., Y, X)
        Of the image.
    overwrite : bool
        Replace a file that is there.
    space : Space, optional
        Axes and pixel size of the image, for the formats that hold them.

    Raises
    ------
    DataError
        If the ending is unknown, the file is there already, or it cannot be written, or objects or space
        have other axes than the image; a file that was there stays as it was.
    """
    path, regions, shape = Path(path), list(regions), tuple(map(int, shape))
    _check_axes(regions, shape, space)
    write = WRITERS.get(_ending(path))
    if write is None:
        raise DataError(f"{path.name} has an ending that is not known here; use one of {SUFFIXES}.")
    if path.exists() and not overwrite:
        raise DataError(
            f"{path} is there already; choose another name, or overwrite it (--overwrite on the command line,"
            " overwrite=True in Python)."
        )
    if path.is_dir() and not is_label_image(path):
        raise DataError(f"{path} holds something else than labels and is kept; choose another name.")
    image = image_of(path)
    try:
        if image is not None and format_of(image):
            path.absolute().parent.mkdir(exist_ok=True)  # an image without labels has no folder for them
        check_folder_of(path)
        with at_once(path) as part:
            if write is write_ome_zarr:
                write_ome_zarr(part, regions, shape, space, image)
            else:
                write(part, regions, shape, space)
        if image is not None:
            enlist(path, image)
    except OSError as error:
        raise DataError(
            f"{path} could not be written ({error}); free space or choose another place."
        ) from error


def _check_axes(regions: Sequence[Any], shape: Shape, space: Space | None) -> None:
    """Make sure that objects are some, and that they and their space have as many axes as the image."""
    if kinds := [type(each).__name__ for each in regions if not isinstance(each, Region)]:
        raise DataError(
            f"Objects are wanted and not {kinds[0]}; give what regions_from_labels makes of labels."
        )
    if other := next((each for each in regions if len(each.plane) + 2 != len(shape)), None):
        raise DataError(f"Object {other.id} lies outside an image of {shape}; give the image's own shape.")
    if space is not None and len(space.axes) != len(shape):
        raise DataError(f"The space has the axes {space.axes}, and the image {len(shape)}; give its own.")


def is_known(path: Path) -> bool:
    """Say whether the ending of a name is that of a format."""
    return _ending(path) in WRITERS


def _ending(path: Path) -> str:
    """Return what tells the format of a file."""
    return path.suffix.lower() or (".zarr" if image_of(path) else "")


def read_regions(path: str | os.PathLike[str], axes: int = 0) -> tuple[list[Region], Shape]:
    """Read objects in the format of the file's ending.

    Parameters
    ----------
    path : str or path
    axes : int
        How many axes before (Y, X) the image has, where the format does not say: programs leave out positions
        of 0.

    Returns
    -------
    regions : list of Region
    shape : (..., Y, X)
        Of the image, or of the smallest one that holds all objects where the format does not say.

    Raises
    ------
    DataError
        If the ending is unknown, or the file cannot be read.
    """
    path = Path(path)
    ending = _ending(path)
    read = READERS.get(ending)
    if read is None:
        raise DataError(f"{path.name} has an ending that is not known here; use one of {', '.join(READERS)}.")
    if not path.exists():
        raise DataError(f"There is no file {path}; check the name.")
    return TIGHT[ending](path, axes) if ending in TIGHT else read(path)


def left_out(path: str | os.PathLike[str]) -> str:
    """Return what to tell of a file that was read and has more than objects, or lost some; mostly empty."""
    path = Path(path)
    if _ending(path) == ".journal":
        return journal_damage(path)
    return without_masks(path) if READERS.get(_ending(path)) is read_coco else ""


def space_in(path: str | os.PathLike[str], image: Space | None = None) -> Space | None:
    """Return where a file of objects, or the image of a journal, says that they lie; None if nothing does.

    Parameters
    ----------
    path : str or path
    image : Space, optional
        That of the image that they lie in, which tells axes and pixel size where the file does not.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    path = Path(path)
    if (ending := _ending(path)) in TIFF:
        names = [name for name, _ in named_axes(path)]
        return completed(space_of_tiff(path), image, named=bool(known_axes(names)))
    if ending == ".journal":
        return image or space_of_journal(path)
    if ending in IN_TIME and image is None:
        return space_named("tyx", 3, None) if IN_TIME[ending](path) else None
    if ending != ".zarr":
        return image
    found = find_labels(path)
    return completed(found.space, image, named=found.named)
