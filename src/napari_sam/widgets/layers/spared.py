"""Layers that napari spends no time on but to draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


def spare(viewer: ViewerModel, layer: Layer) -> None:
    """Keep napari from what a helper layer in the viewer does not need whenever its data change.

    It measures all layers anew for the sliders, which are the image's, and paints the layer's thumbnail for
    the list of layers. At each click that takes as long as the network does for two prompts.
    """
    measure = getattr(getattr(viewer, "__wrapped__", viewer), "_on_layers_change", None)
    if measure is not None:
        layer.events.data.disconnect(measure)
    vars(layer)["_update_thumbnail"] = _nothing


def _nothing() -> None:
    """Stand in for what is not needed."""
