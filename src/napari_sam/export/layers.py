"""What napari calls to save a Labels layer and to open a file of objects as one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .formats import read_regions, write_regions
from .regions import labels_from_regions, regions_from_labels

Layer = tuple[NDArray[np.uint32], dict[str, Any], str]


def write_labels_layer(path: str, data: Any, _attributes: dict[str, Any]) -> list[str]:
    """Save a Labels layer by the ending of the path; napari has asked before replacing a file.

    Parameters
    ----------
    path : str
    data : (..., Y, X) int
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
    write_regions(Path(path), regions_from_labels(labels), labels.shape, overwrite=True)
    return [path]


def get_reader(path: str | list[str]) -> Callable[[str], list[Layer]] | None:
    """Return what opens a file, or None for several files."""
    return read_labels_layer if isinstance(path, str) else None


def read_labels_layer(path: str) -> list[Layer]:
    """Open a file of objects as one Labels layer, later objects on top.

    Raises
    ------
    DataError
        If the file holds no objects.
    """
    regions, shape = read_regions(Path(path))
    return [(labels_from_regions(regions, shape), {"name": Path(path).stem}, "labels")]
