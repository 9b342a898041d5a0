"""An image of a batch and its labels, read for the viewer."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam.automatic.batch.axes import opened_plane
from napari_sam.automatic.batch.files import opened
from napari_sam.errors import DataError

from ..layers.image_file import FILE

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


@dataclass(frozen=True, eq=False)
class Found:
    """An image and its labels.

    Attributes
    ----------
    path : Path
        Of the image.
    version : (str, int)
        Tells the labels from others, of other images or made at another time.
    image, labels : array
        In memory, or lazy where they are large.
    channel_axis : int, optional
    files : ExitStack
        Holds the files of lazy arrays open, for as long as it is referred to.
    """

    path: Path
    version: tuple[str, int]
    image: Any
    labels: Any
    channel_axis: int | None
    files: ExitStack


def read(image: Path, labels: Path, channel_axis: int | None) -> Found:
    """Read an image and its labels, or large ones only when they are looked at.

    Raises
    ------
    DataError
        If one cannot be read.
    """
    if not labels.exists():
        raise DataError(f"{labels} is gone; press Start to segment {image.name} again.")
    with ExitStack() as files:
        pixels = _array(files.enter_context(opened_plane(image, channel_axis)))
        found = _array(files.enter_context(opened(labels)))
        return Found(
            image, (str(image), labels.stat().st_mtime_ns), pixels, found, channel_axis, files.pop_all()
        )


def _array(array: Any) -> Any:
    """Return what napari takes: numpy as it is, else dask."""
    if isinstance(array, np.ndarray) or hasattr(array, "dask"):
        return array
    import dask.array

    return dask.array.from_array(array, chunks=array.chunks)


def show(viewer: Viewer, found: Found) -> str:
    """Add an image and its labels to the viewer, or bring them to sight if they are there.

    Returns
    -------
    str
        The name of another image, which is still being annotated; empty if there is none.
    """
    ours = [layer for layer in viewer.layers if "batch" in layer.metadata]
    here = [layer for layer in ours if layer.metadata["batch"] == found.version]
    for layer in ours:
        layer.visible = layer in here
    shown = here or _added(viewer, found)
    viewer.layers.selection.active = shown[-1]
    viewer.reset_view()
    return _choose(viewer, shown[0], shown[-1])


def _choose(viewer: Viewer, image: Layer, labels: Layer) -> str:
    """Choose an image and its labels in the dock "Segment Anything", if it is open."""
    from ..annotator import AnnotatorWidget

    window = getattr(viewer, "window", None)
    docks = getattr(window, "dock_widgets", {})  # younger than napari 0.6
    annotators = [dock for dock in docks.values() if isinstance(dock, AnnotatorWidget)]
    busy = [dock.choose(image, labels) for dock in annotators]
    return next(filter(None, busy), "")


def _added(viewer: Viewer, found: Found) -> list[Layer]:
    kept = {"metadata": {"batch": found.version, "files": found.files, FILE: str(found.path.absolute())}}
    images = viewer.add_image(found.image, name=found.path.stem, **kept, **_channels(found))
    labels = viewer.add_labels(found.labels, name=f"{found.path.stem} labels", **kept)
    return [*(images if isinstance(images, list) else [images]), labels]


def _channels(found: Found) -> dict[str, Any]:
    """Return how napari is to take the image's third axis."""
    if found.image.ndim < 3:
        return {}
    colours = found.image.dtype == np.uint8 and found.image.shape[-1] in (3, 4)
    if found.channel_axis is None and colours:
        return {"rgb": True}
    return {"channel_axis": -1 if found.channel_axis is None else found.channel_axis}
