"""Which ending means which format; files appear whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from napari_sam.errors import DataError

from .coco import read_coco, write_coco
from .geojson import read_geojson, write_geojson
from .imagej import read_rois, write_rois
from .labels import read_labels, write_tiff
from .regions import Region, Shape
from .table import write_table

Write = Callable[[Path, Sequence[Region], Shape], None]
Read = Callable[[Path], tuple[list[Region], Shape]]

WRITERS: dict[str, Write] = {
    ".tif": write_tiff,
    ".tiff": write_tiff,
    ".json": write_coco,
    ".geojson": write_geojson,
    ".zip": write_rois,
    ".csv": write_table,
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
}
SUFFIXES = ", ".join(WRITERS)


def write_regions(path: Path, regions: Sequence[Region], shape: Shape, *, overwrite: bool = False) -> None:
    """Write objects in the format of the file's ending.

    Parameters
    ----------
    path : Path
    regions : sequence of Region
    shape : (..., Y, X)
        Of the image.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    DataError
        If the ending is unknown, the file is there already, or it cannot be written; a file that was
        there stays as it was.
    """
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise DataError(f"{path.name} has an ending that is not known here; use one of {SUFFIXES}.")
    if path.exists() and not overwrite:
        raise DataError(f"{path} is there already; choose another name, or overwrite it.")
    try:
        with TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            write(part, regions, shape)
            part.replace(path)
    except OSError as error:
        raise DataError(
            f"{path} could not be written ({error}); free space or choose another place."
        ) from error


def read_regions(path: Path) -> tuple[list[Region], Shape]:
    """Read objects in the format of the file's ending.

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
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise DataError(f"{path.name} has an ending that is not known here; use one of {', '.join(READERS)}.")
    if not path.is_file():
        raise DataError(f"There is no file {path}; check the name.")
    return read(path)
