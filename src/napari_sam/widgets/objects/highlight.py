"""Selected objects on the image: a bright outline around each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..layers.active import active_stays
from ..layers.line_layer import draw_lines, line_layer
from ..layers.outlines import dashes, in_plane, outlines
from ..layers.planes import TRANSFORMS, camera_of, last_axes, lie_over, screen_pixel
from ..layers.spared import spare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer, Vectors
    from numpy.typing import NDArray

    from napari_sam.session import Key, Object

COLOUR = "#ffffff"
WIDTH = 2.0
"""Pixels of the screen."""
OUTLINED, BOXED = 10, 400
"""More objects get a box each instead of an outline, and at most so many: drawing lines takes its time."""


class Highlight:
    """A Vectors layer around the selected objects, of one width on the screen, made for the first of them.

    Parameters
    ----------
    viewer : napari.Viewer
    over : napari.layers.Layer
        A layer of the annotation, to lie where it lies.
    """

    def __init__(self, viewer: ViewerModel, over: Layer) -> None:
        self._viewer, self._over, self._camera = viewer, over, camera_of(viewer)
        self._shown: list[tuple[Key, tuple[int, int], int]] = []
        self._held: Sequence[Object] = ()
        self.layer: Vectors | None = None
        self._camera.events.zoom.connect(self._zoomed)
        for name in TRANSFORMS:
            getattr(over.events, name).connect(self._follow)

    def close(self) -> None:
        """Stop listening; somebody else takes the layer away."""
        self._camera.events.zoom.disconnect(self._zoomed)
        for name in TRANSFORMS:
            getattr(self._over.events, name).disconnect(self._follow)

    def show(self, objects: Sequence[Object]) -> None:
        """Draw around these objects and no others."""
        shown = [(each.key, each.origin, id(each.mask)) for each in objects]
        if shown == self._shown:  # only what is said of them has changed
            return
        self._shown, self._held = shown, objects  # held, so that no other mask gets the id of one of them
        layer = self._made() if objects else self.layer
        if layer is None:
            return
        around = _outlined if len(objects) <= OUTLINED else _boxed
        parts = [np.zeros((0, 2, layer.ndim))]
        for each in objects[:BOXED]:
            parts += [in_plane(lines, each.plane, layer.ndim) for lines in around(each)]
        draw_lines(layer, np.concatenate(parts))

    def _made(self) -> Vectors:
        """Return the layer, made above all others if there is none; the active layer stays active."""
        layers, over = self._viewer.layers, self._over
        if self.layer is None or self.layer not in layers:
            self.layer = line_layer(
                "Selected objects", over.ndim, self._viewer.dims, edge_color=COLOUR, **last_axes(over)
            )
            with active_stays(layers):
                self._viewer.add_layer(self.layer)
            spare(self._viewer, self.layer)
            self._zoomed()
        return self.layer

    def _follow(self) -> None:
        if self.layer is not None:
            lie_over(self.layer, self._over)

    def _zoomed(self) -> None:
        if self.layer is not None:
            self.layer.edge_width = WIDTH * screen_pixel(self.layer, self._camera)


def _outlined(each: Object) -> list[NDArray[np.float64]]:
    return dashes(outlines(each.mask, each.origin), 1, 0)


def _boxed(each: Object) -> list[NDArray[np.float64]]:
    top, left, bottom, right = each.box
    corners = [(top, left), (top, right), (bottom, right), (bottom, left), (top, left)]
    return dashes([np.array(corners)], 1, 0)
