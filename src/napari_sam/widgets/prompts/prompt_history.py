"""The order in which a person drew prompts, so that the last one can be taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from ..layers.planes import on_plane

if TYPE_CHECKING:
    from napari.layers import Points, Shapes

    from napari_sam.session import Plane

TAKEN_BACK = "Took back the last prompt."


class PromptHistory:
    """Which of some layers got a prompt, one after another.

    Signals
    -------
    changed
        Prompts were drawn, moved or taken away, by a person or by `take_back`.

    Parameters
    ----------
    layers : napari.layers.Points or napari.layers.Shapes
        Where prompts are drawn; what is added while their `data` event is blocked was not drawn.
    """

    changed = Signal()

    def __init__(self, *layers: Points | Shapes) -> None:
        self._layers = layers
        self._drawn: list[Points | Shapes] = []
        self._taken_on: Plane | None = None
        for layer in layers:
            layer.events.data.connect(self._changed)

    def close(self) -> None:
        """Stop listening."""
        for layer in self._layers:
            layer.events.data.disconnect(self._changed)

    def forget(self) -> None:
        """Let what is there, or was, not be taken back any more."""
        self._drawn.clear()

    def take_back(self, plane: Plane) -> bool:
        """Take away the prompt that was drawn last on a plane; say whether there was one."""
        for place in reversed(range(len(self._drawn))):
            layer = self._drawn[place]
            here = _on(layer, plane)
            if here:
                del self._drawn[place]
                layer.selected_data = {here[-1]}
                layer.remove_selected()
                self._taken_on = plane
                return True
        return False

    def told(self, plane: Plane) -> str:
        """Say that a prompt of a plane was taken back, if that is the last thing that was done to prompts."""
        return TAKEN_BACK if plane == self._taken_on else ""

    def keep_others(self, plane: Plane) -> bool:
        """Take the prompts of a plane away, silently, if there are some on others; say whether there are."""
        gone = {layer: _on(layer, plane) for layer in self._layers}
        if all(len(here) == len(layer.data) for layer, here in gone.items()):
            return False
        for layer, here in gone.items():
            for _ in range(min(len(here), self._drawn.count(layer))):
                self._drawn.remove(layer)
            with layer.events.data.blocker():
                layer.selected_data = set(here)
                layer.remove_selected()
        return True

    def _changed(self, event: Any) -> None:
        self._taken_on, layer = None, event.source
        if event.action == "added":
            count = len(layer.data)
            if len(layer.features) > count:  # napari took it away as too short, but for its features
                layer.features = layer.features.iloc[:count]
                return
            self._drawn.append(layer)
        if event.action in ("added", "removed", "changed"):
            self.changed.emit()


def _on(layer: Points | Shapes, plane: Plane) -> list[int]:
    """Return which of a layer's prompts lie on a plane."""
    return [i for i, each in enumerate(layer.data) if on_plane(np.asarray(each), plane).all()]
