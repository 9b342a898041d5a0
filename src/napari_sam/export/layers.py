"""What napari calls to save a Labels or Tracks layer and to open a file of objects as labels."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.errors import DataError, NapariSamError
from napari_sam.files.writing import check_folder_of

from .annotated import annotated_regions, objects_told, tell_more
from .formats import is_known, read_objects, write_regions
from .ome_zarr import holds_labels, name_of
from .regions import labels_from_regions
from .space import USUAL, space_of_layer

Layer = tuple[NDArray[np.uint32], dict[str, Any], str]
MAY_GROW = "napari-sam may grow"
"""Marks a layer that ends where its last object does, because its file did not tell the image's size."""
OBJECTS = "napari-sam objects"
"""Where a layer's metadata hold the `ObjectStore` of the session that draws into it."""
TOLD = "napari-sam told"
"""Where they hold the regions of the file that it was opened from, until a session takes them over."""


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a Labels layer by the ending of the path; somebody has asked before replacing a file.

    Parameters
    ----------
    path : str
    data : (..., Y, X) int
        Of the layer.
    attributes : dict
        Of the layer.

    Returns
    -------
    list of str
        The path that was written.

    Raises
    ------
    DataError
        If the data are no labels, or the file cannot be written.
    """
    labels = np.asarray(data)
    known = attributes.get("metadata", {})
    told = objects_told(known[TOLD], labels) if TOLD in known else None
    regions = annotated_regions(labels, known.get(OBJECTS, told))
    space = space_of_layer(attributes, labels.ndim) if labels.ndim in USUAL else None
    write_regions(Path(path), regions, labels.shape, overwrite=True, space=space)
    return [path]


def save_layer(ending: str, path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a Labels layer for napari, whose dialogs give names without the ending of the chosen format.

    Parameters
    ----------
    ending : str
        For a name that has none of the known ones.
    path, data, attributes
        As `write_labels_layer` takes them.

    Returns
    -------
    list of str
        The path that was written.

    Raises
    ------
    NapariSamError
        If it cannot be written, or the name with its ending, about which nobody was asked, is there already.
    """
    file = Path(path)
    if not is_known(file):
        file = _ending_with(ending, file)
    with _said_by_napari():
        return write_labels_layer(str(file), data, attributes)


def save_tracks(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a Tracks layer as a table for napari, which itself has no format for one.

    Parameters
    ----------
    path : str
        A name without the ending ``.csv`` gets it.
    data : (N, 4) to (N, 6) float
        Of the layer.
    attributes : dict
        Of the layer.

    Returns
    -------
    list of str
        The path that was written.

    Raises
    ------
    NapariSamError
        If it cannot be written, or the name with its ending, about which nobody was asked, is there already.
    """
    from napari_sam.automatic.stack.tracks import (
        write_tracks,  # with torch, which opening a file does without
    )

    file = Path(path)
    if file.suffix.lower() != ".csv":
        file = _ending_with(".csv", file)
    try:
        with _said_by_napari():
            check_folder_of(file)
            write_tracks(file, np.asarray(data), attributes["graph"])
    except OSError as error:
        raise NapariSamError(
            f"{file} could not be written ({error}); free space or choose another place."
        ) from error
    return [str(file)]


@contextmanager
def _said_by_napari() -> Iterator[None]:
    """Turn a `DataError`, which is a ValueError, of which napari says that it found no plugin."""
    try:
        yield
    except DataError as error:
        raise NapariSamError(str(error)) from error


def _ending_with(ending: str, file: Path) -> Path:
    """Return a name with an ending, or say that it is there: nobody was asked about that name."""
    named = file.with_name(file.name + ending)
    if named.exists():
        raise NapariSamError(f"{named.name} is there already; give its whole name to replace it.")
    return named


save_coco = partial(save_layer, ".json")
save_geojson = partial(save_layer, ".geojson")
save_rois = partial(save_layer, ".zip")
save_table = partial(save_layer, ".csv")
save_ome_zarr = partial(save_layer, ".ome.zarr")


def get_reader(path: str | list[str]) -> Callable[[str], list[Layer]] | None:
    """Return what opens a file, or None for several files."""
    return read_labels_layer if isinstance(path, str) else None


def get_folder_reader(path: str | list[str]) -> Callable[[str], list[Layer]] | None:
    """Return what opens OME-Zarr labels, or None for any other folder."""
    return read_labels_layer if isinstance(path, str) and holds_labels(Path(path)) else None


def read_labels_layer(path: str) -> list[Layer]:
    """Open a file of objects as one Labels layer, later objects on top; warn of what is no object.

    Raises
    ------
    DataError
        If the file holds no objects.
    """
    file = Path(path)
    found = read_objects(file)
    if found.told:
        warnings.warn(found.told, stacklevel=2)  # which napari shows
    labels = labels_from_regions(found.regions, found.shape)
    metadata = {
        **({MAY_GROW: True} if found.may_grow else {}),
        **({TOLD: found.regions} if tell_more(found.regions, labels) else {}),
    }
    place = {} if found.space is None else found.space.to_layer()
    return [(labels, {"name": name_of(file.with_suffix("")), "metadata": metadata, **place}, "labels")]
