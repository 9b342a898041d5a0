"""What befalls the layers of an annotation from outside: removed, moved, rescaled, replaced."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from ..layers.planes import TRANSFORMS, alignment, image_shape, layers_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

    from ..layers.mixed import Mixed

FOLLOWED = "The image was moved or rescaled, so its labels and prompts follow it."
LAID = "The labels lay elsewhere, so they were laid over the image."
PUT_BACK = "The layer {name!r} lies over the image, so it was put back; move or rescale the image instead."


class Guard:
    """Keeps the layers of an annotation over its image, and tells when one of them cannot be used any more.

    Signals
    -------
    said : str
        One sentence about layers that were put in their place.
    lost : str
        One sentence about why annotation cannot go on.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image or Mixed
    labels : napari.layers.Labels
    made : sequence of napari.layers.Layer
        The layers of prompts and candidates.
    """

    said = Signal(str)
    lost = Signal(str)

    def __init__(
        self, viewer: ViewerModel, image: Image | Mixed, labels: Labels, made: Sequence[Layer]
    ) -> None:
        self._viewer, self._image, self._labels = viewer, image, labels
        self._over = (labels, *made)
        self._aligning = False
        viewer.layers.events.removed.connect(self._removed)
        labels.events.data.connect(self._labels_replaced)
        for layer in self._layers:
            for name in TRANSFORMS:
                getattr(layer.events, name).connect(self._moved)

    def close(self) -> None:
        """Stop listening."""
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._labels.events.data.disconnect(self._labels_replaced)
        for layer in self._layers:
            for name in TRANSFORMS:
                getattr(layer.events, name).disconnect(self._moved)

    @property
    def _layers(self) -> tuple[Layer, ...]:
        return (*layers_of(self._image), *self._over)

    def _removed(self, event: Any) -> None:
        if event.value in self._layers:
            self.lost.emit(f"The layer {event.value.name!r} was removed, so annotation stopped.")

    def _labels_replaced(self, _: Any) -> None:
        shape, wanted = tuple(self._labels.data.shape), image_shape(self._image)
        if shape != wanted:
            self.lost.emit(
                f"The labels have the shape {shape} now and the image {wanted}, so annotation stopped."
            )

    def _moved(self, event: Any) -> None:
        """Lay all layers over the image again."""
        if self._aligning:
            return
        self._aligning = True
        try:
            options = alignment(self._image, self._viewer.dims)
            for layer, (name, value) in product(self._over, options.items()):
                setattr(layer, name, value)
        finally:
            self._aligning = False
        moved = event.source
        self.said.emit(PUT_BACK.format(name=moved.name) if moved in self._over else FOLLOWED)
