"""A Labels layer as it was before Start, where Start fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..layers.planes import TRANSFORMS

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Labels


class AsBefore:
    """Puts a Labels layer back where it lay, or takes a new one away again.

    Parameters
    ----------
    labels : napari.layers.Labels
    layers : napari.components.LayerList
        Of the viewer.

    Attributes
    ----------
    wanted : bool
        Whether `close` is to put it back.
    """

    def __init__(self, labels: Labels, layers: LayerList) -> None:
        self.wanted = False
        self._labels, self._layers, self._there = labels, layers, labels in layers
        transforms = {name: getattr(labels, name) for name in TRANSFORMS}
        self._was: dict[str, Any] = {
            **{name: np.array(getattr(each, "affine_matrix", each)) for name, each in transforms.items()},
            **{name: getattr(labels, name) for name in ("units", "visible")},
        }

    def close(self) -> None:
        """Put the layer back, if that is wanted."""
        if not self.wanted:
            return
        if self._there:
            for name, value in self._was.items():
                setattr(self._labels, name, value)
        elif self._labels in self._layers:
            self._layers.remove(self._labels)
