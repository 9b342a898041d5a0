"""Whether labels fit the image that they are of, and how those of other programs are made to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam.errors import ImageError
from napari_sam.export.layers import MAY_GROW

from ..layers.label_writer import taken
from ..layers.planes import image_shape, layers_of

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Labels, Points, Shapes

    from .earlier import Earlier


def grow(labels: Labels | None, shape: tuple[int, ...]) -> None:
    """Make a Labels layer of a file that does not tell how large the image was as large as it is.

    Layers of GeoJSON and ImageJ's ROIs end where the last object does; background is added. Any other
    layer, and one that is larger than the image, is left as it is.

    Parameters
    ----------
    labels : napari.layers.Labels or None
    shape : tuple of int
        Of the image.
    """
    if labels is None or not labels.metadata.get(MAY_GROW) or labels.data.ndim != len(shape):
        return
    missing = np.subtract(shape, labels.data.shape)
    if missing.any() and (missing >= 0).all():
        labels.data = np.pad(labels.data, [(0, int(more)) for more in missing])


def check_labels(image: Any, labels: Any) -> None:
    """Make sure that a Labels layer fits an image and can be written.

    Raises
    ------
    ImageError
        If the shapes differ, its data cannot be changed in place, or another dock annotates it.
    """
    if labels is None:
        return
    if taken(labels):
        raise ImageError(
            f"The Labels layer {labels.name!r} is being annotated in another dock; press Stop there, or"
            " choose a new one."
        )
    if tuple(labels.data.shape) != image_shape(image):
        raise ImageError(
            f"The Labels layer {labels.name!r} has the shape {tuple(labels.data.shape)} and the image"
            f" {image_shape(image)}; choose one of the image's shape, or a new one."
        )
    lazy = hasattr(labels.data, "__dask_graph__") or not hasattr(labels.data, "__setitem__")
    if lazy or not getattr(getattr(labels.data, "flags", None), "writeable", True):
        raise ImageError(
            f"The Labels layer {labels.name!r} is lazy, multiscale or read-only and cannot be written;"
            " choose a new one, or load its data into memory."
        )


def check_prompts(image: Any, given: Points | Shapes | None) -> None:
    """Make sure that the prompts of a layer can be those of an image.

    Raises
    ------
    ImageError
        If the layer has other axes.
    """
    if given is not None and given.ndim != len(image_shape(image)):
        raise ImageError(f"The layer {given.name!r} has other axes than the image; choose another.")


def check_there(layers: LayerList, image: Any, earlier: Earlier) -> None:
    """Make sure that an image and its labels are still what earlier work was looked for.

    Raises
    ------
    ImageError
        If a layer is gone, or the image has another shape.
    """
    shown = (*layers_of(image), *filter(None, [earlier.labels]))
    gone = next((each for each in shown if each not in layers), None)
    if gone is not None:
        raise ImageError(f"The layer {gone.name!r} was removed, so annotation did not start.")
    labels = earlier.pixels if earlier.labels is None else earlier.labels.data
    if tuple(labels.shape) != image_shape(image):
        raise ImageError("The image has another shape now, so annotation did not start; press Start again.")
