"""Clicks that mean nothing, because a layer is active that takes none: a person is told what to press."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.layers import Image

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

STRAY = "This click meant nothing, since another layer is active: press Points or Boxes, and click again."


class StrayClicks:
    """Hears of clicks, once a person has changed the contrast of an image, say, whose layer is active then.

    Parameters
    ----------
    viewer : napari.Viewer
    layers : sequence of napari.layers.Layer
        In which a click is meant for a cell, but does nothing while they only pan and zoom, as in any image.
    say : callable
        Is called with the sentence.
    possible : callable
        Says whether what is seen takes clicks in any layer, and tells why if it does not.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        layers: Sequence[Layer],
        say: Callable[[str], object],
        possible: Callable[[], bool],
    ) -> None:
        self._viewer, self._layers, self._say, self._possible = viewer, tuple(layers), say, possible
        viewer.mouse_drag_callbacks.append(self._clicked)

    def close(self) -> None:
        """Stop listening."""
        self._viewer.mouse_drag_callbacks.remove(self._clicked)

    def _clicked(self, _: Any, event: Any) -> Generator[None, None, None]:
        layer = self._viewer.layers.selection.active
        if event.modifiers or event.button != 1 or not self._takes_none(layer):
            return
        yield
        if event.type == "mouse_release" and self._possible():  # at once, so that nothing was dragged
            self._say(STRAY)

    def _takes_none(self, layer: Layer | None) -> bool:
        meant = layer in self._layers or isinstance(layer, Image)
        return layer is None or (meant and str(layer.mode) == "pan_zoom")
