"""Layers of outlines over an image, with no line to begin with."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Vectors

if TYPE_CHECKING:
    from napari.components import Dims
    from numpy.typing import NDArray


def line_layer(name: str, ndim: int, dims: Dims, **looks: Any) -> Vectors:
    """Return a layer to draw lines in; somebody else shows it.

    Over an image of two axes it hides while the view is 3-D, where napari fails to draw a layer that has no
    line just now.

    Parameters
    ----------
    name : str
    ndim : int
        Of the image.
    dims : napari.components.Dims
        The viewer's.
    **looks
        Its place, colours and widths, as Vectors takes them.
    """
    layer = Vectors(np.zeros((0, 2, ndim)), ndim=ndim, name=name, vector_style="line", **looks)
    if ndim == 2:
        vars(layer)["_hiding"] = _Hiding(layer, dims)  # napari does not keep who listens
    return layer


def draw_lines(layer: Vectors, lines: NDArray[np.float64], colour: Any = None) -> None:
    """Let a layer have these lines and no others, and spare the viewer: its axes stay the image's.

    Parameters
    ----------
    layer : napari.layers.Vectors
    lines : (N, 2, D) float64
        Where each begins and how it goes on, in data pixels.
    colour : any, optional
        One for all, or one a line, as Vectors takes them; as before without it.
    """
    with layer.events.data.blocker():
        layer.data = lines
    if colour is not None and len(lines):
        # of a hidden layer, napari would look up the colours of the lines before; shown again, it looks anew
        with nullcontext() if layer.visible else layer.events.edge_color.blocker():
            layer.edge_color = colour


class _Hiding:
    def __init__(self, layer: Vectors, dims: Dims) -> None:
        self._layer, self._dims, self._hidden = ref(layer), dims, False
        dims.events.ndisplay.connect(self._turn)
        self._turn()

    def _turn(self) -> None:
        layer, deep = self._layer(), self._dims.ndisplay == 3
        if layer is not None and (layer.visible if deep else self._hidden):
            layer.visible, self._hidden = not deep, deep
