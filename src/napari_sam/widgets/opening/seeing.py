"""The plane of an image that is seen, and what befalls the sight of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from ..layers.planes import camera_of, layers_of, plane_or_told, plane_under_sliders

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_sam.session import Plane

    from ..layers.mixed import Mixed


class Seeing:
    """Watches sliders, camera and pixels of an image, once it has begun to.

    Signals
    -------
    moved
        Another plane is seen.
    panned
        Another part of the plane is seen.
    replaced
        The image has other pixels.
    regained
        A plane is seen again, after none could be annotated.
    failed : str
        Why what is seen now cannot be annotated, in one sentence.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image or Mixed

    Attributes
    ----------
    plane : tuple of int
        Which is seen, or was the last that could be annotated.

    Raises
    ------
    ImageError
        If no plane of the image is seen.
    """

    moved = Signal()
    panned = Signal()
    replaced = Signal()
    regained = Signal()
    failed = Signal(str)

    def __init__(self, viewer: ViewerModel, image: Image | Mixed) -> None:
        self._image, self._dims, self._camera = image, viewer.dims, camera_of(viewer)
        self.plane: Plane = plane_under_sliders(image, viewer.dims)
        self._possible = True

    def begin(self) -> None:
        """Watch, beginning with what is seen now."""
        self.plane = self._plane() or self.plane
        for event in ("point", "order", "ndisplay"):
            getattr(self._dims.events, event).connect(self._moved)
        self._camera.events.center.connect(self._panned)
        for layer in layers_of(self._image):
            layer.events.data.connect(self._replaced)

    def close(self) -> None:
        """Stop watching."""
        for event in ("point", "order", "ndisplay"):
            getattr(self._dims.events, event).disconnect(self._moved)
        self._camera.events.center.disconnect(self._panned)
        for layer in layers_of(self._image):
            layer.events.data.disconnect(self._replaced)

    def possible(self) -> bool:
        """Say whether what is seen can be annotated; why not is told."""
        self._moved()  # where napari could not show a plane, it has told nobody else that the sliders moved
        return self._possible

    def _plane(self) -> Plane | None:
        return plane_or_told(self._image, self._dims, self.failed.emit)

    def _moved(self) -> None:
        plane, before = self._plane(), self._possible
        self._possible = plane is not None
        if self._possible and not before:
            self.regained.emit()
        if plane is not None and plane != self.plane:
            self.plane = plane
            self.moved.emit()

    def _panned(self) -> None:
        self.panned.emit()

    def _replaced(self) -> None:
        self.replaced.emit()
