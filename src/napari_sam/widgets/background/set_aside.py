"""Python's garbage collection, spared all that is there to stay while somebody annotates."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import LayerList
    from qtpy.QtCore import QObject


class SetAside:
    """Sets aside what there is, until a layer of it goes.

    With napari and torch there are a million objects. To look for garbage among all of them takes a quarter
    of a second, in which nothing else runs, whichever thread began it; and napari does so for each layer that
    is removed. What is set aside is not looked at, so it is brought back when some of it may be garbage.

    Parameters
    ----------
    layers : napari.components.LayerList
    owner : QObject
        With which all is brought back.
    """

    def __init__(self, layers: LayerList, owner: QObject) -> None:
        self._layers = layers
        self._held: set[Any] = set()
        layers.events.removed.connect(self._removed)
        owner.destroyed.connect(gc.unfreeze)

    def close(self) -> None:
        """Bring all back for good."""
        self._layers.events.removed.disconnect(self._removed)
        self.bring_back()

    def set_aside(self) -> None:
        """Look at nothing that is there now any more."""
        self._held = {layer.unique_id for layer in self._layers}
        gc.freeze()

    def bring_back(self) -> None:
        """Look at everything again."""
        self._held = set()
        gc.unfreeze()

    def _removed(self, event: Any) -> None:
        if event.value.unique_id in self._held:
            self.bring_back()
