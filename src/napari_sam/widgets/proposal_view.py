"""Proposals on the image: outlines, solid or dashed by their score, and the one that is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps.standardize_color import transform_color

from .outlines import dashes, in_plane, outlines
from .planes import alignment, camera_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Vectors
    from numpy.typing import NDArray

    from napari_sam.session import Key, Object, Plane

    from .mixed import Mixed

SURE, DOUBTFUL, CURRENT, SKETCH = "#009e73", "#d55e00", "#ffffff", "#f0e442"
"""Okabe and Ito's bluish green and vermilion, told apart by the line too; white; and yellow."""
SOLID, DASHED, DOTTED = (1.0, 0.0), (7.0, 4.0), (2.0, 3.0)
"""Pixels of the screen that are drawn, and left out."""
WIDTH, THICK = 2.0, 4.0
"""Of an outline and of the current one's, in pixels of the screen."""
MOST = 1500
"""So many are drawn at once, the least sure: more could not be told apart."""

Paths = list["NDArray[np.float64]"]


class ProposalView:
    """Two Vectors layers, made when there is something to draw.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image or Mixed
        What to lie over.
    bind : callable
        Gives a new layer the keys of the others.
    """

    def __init__(self, viewer: ViewerModel, image: Image | Mixed, bind: Callable[[Layer], None]) -> None:
        self._viewer, self._image, self._bind = viewer, image, bind
        self._camera = camera_of(viewer)
        self._aligned = alignment(image, viewer.dims)
        self._layers: dict[str, Vectors] = {}
        self._traced: dict[Key, Paths] = {}
        self._camera.events.zoom.connect(self._zoomed)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that there are, the lower one first."""
        return tuple(layer for layer in self._layers.values() if layer in self._viewer.layers)

    def close(self) -> None:
        """Stop listening and take the layers away."""
        self._camera.events.zoom.disconnect(self._zoomed)
        for layer in self.layers:
            self._viewer.layers.remove(layer)

    def hold(self, traced: Mapping[Key, Paths]) -> None:
        """Keep outlines that were traced elsewhere."""
        self._traced.update(traced)

    def show(self, proposals: Sequence[Object], current: Object | None, score: float, plane: Plane) -> None:
        """Draw proposals of a plane: those from a score on solid, the doubtful dashed, the current thick."""
        shown = proposals[:MOST]
        keys = {each.key for each in shown}
        self._traced = {key: paths for key, paths in self._traced.items() if key in keys} | {
            each.key: outlines(each.mask, each.origin) for each in shown if each.key not in self._traced
        }
        sure = [path for each in shown if (each.score or 0.0) >= score for path in self._traced[each.key]]
        rest = [path for each in shown if (each.score or 0.0) < score for path in self._traced[each.key]]
        self._draw("Proposals", plane, [(sure, SOLID, SURE), (rest, DASHED, DOUBTFUL)])
        here = [] if current is None or current.plane != plane else outlines(current.mask, current.origin)
        self._draw("Current proposal", plane, [(here, SOLID, CURRENT)])
        self._zoomed()

    def sketch(self, paths: Paths, plane: Plane) -> None:
        """Draw outlines in place of all proposals, until these are known."""
        self._draw("Proposals", plane, [(paths, DOTTED, SKETCH)])
        self._draw("Current proposal", plane, [])
        self._zoomed()

    def look_at(self, each: Object) -> tuple[float, ...]:
        """Return where the middle of a proposal is in the viewer's world."""
        layer = self._layers["Proposals"]
        return tuple(layer.data_to_world((*each.plane, *each.centre)))

    def _draw(
        self, name: str, plane: Plane, groups: Sequence[tuple[Paths, tuple[float, float], str]]
    ) -> None:
        parts, colours = [np.zeros((0, 2, self._image.ndim))], [np.zeros((0, 4))]
        for paths, style, colour in groups:
            on, off = np.multiply(style, self._pixel)
            for path in paths:
                parts.append(in_plane(dashes(path, on, off), plane, self._image.ndim))
                colours.append(np.tile(transform_color(colour), (len(parts[-1]), 1)))
        vectors = np.concatenate(parts)
        if not len(vectors) and name not in self._layers:
            return
        layer = self._layer(name)
        with layer.events.data.blocker():  # spare the viewer: its axes stay the image's
            layer.data = vectors
        if len(vectors):
            layer.edge_color = np.concatenate(colours)

    def _layer(self, name: str) -> Vectors:
        """Return a layer, made below the prompts if there is none; the active layer stays active."""
        layer = self._layers.get(name)
        if layer is not None and layer in self._viewer.layers:
            return layer
        layers, ndim = self._viewer.layers, self._image.ndim
        active = layers.selection.active
        layer = self._viewer.add_vectors(
            np.zeros((0, 2, ndim)),
            ndim=ndim,
            name=name,
            vector_style="line",
            **self._aligned,
        )
        below = next((at for at, each in enumerate(layers) if each.name == "Candidate filling"), None)
        if below is not None:
            layers.move(layers.index(layer), below)
        layers.selection.active = active
        self._bind(layer)
        self._layers[name] = layer
        return layer

    @property
    def _pixel(self) -> float:
        """One pixel of the screen, in data pixels."""
        return 1 / max(float(self._camera.zoom), 1e-6) / float(self._aligned["scale"][-1])

    def _zoomed(self) -> None:
        """Keep lines of one width on the screen."""
        for name, layer in self._layers.items():
            layer.edge_width = (THICK if name == "Current proposal" else WIDTH) * self._pixel
