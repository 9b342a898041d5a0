"""Which ending means which format; files appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from napari_sam.errors import DataError
from napari_sam.files.writing import at_once, check_folder_of

from .coco import read_coco, write_coco
from .geojson import read_geojson, write_geojson
from .imagej import read_rois, write_rois
from .journal import read_journal
from .labels import read_labels, write_tiff
from .ome_zarr import enlist, format_of, image_of, is_label_image, read_ome_zarr, write_ome_zarr
from .reading import Contents
from .regions import Region, Shape
from .space import Space
from .table import write_table

Write = Callable[[Path, Sequence[Region], Shape, Space | None], None]
Read = Callable[[Path, int], Contents]

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


def read_objects(path: str | os.PathLike[str], axes: int = 0) -> Contents:
    """Read objects in the format of the file's ending.

    Parameters
    ----------
    path : str or path
    axes : int
        How many axes before (Y, X) the image has, where the format does not say: programs leave out positions
        of 0.

    Raises
    ------
    DataError
        If the ending is unknown, or the file cannot be read.
    """
    path = Path(path)
    read = READERS.get(_ending(path))
    if read is None:
        raise DataError(f"{path.name} has an ending that is not known here; use one of {', '.join(READERS)}.")
    if not path.exists():
        raise DataError(f"There is no file {path}; check the name.")
    return read(path, axes)


def read_regions(path: str | os.PathLike[str], axes: int = 0) -> tuple[list[Region], Shape]:
    """Read the objects of a file and the shape of their image, as `read_objects` does."""
    contents = read_objects(path, axes)
    return contents.regions, contents.shape
