"""Proposals on the image: outlines, solid or dashed by their score, and the one that is looked at."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps.standardize_color import transform_color

from ..layers.active import active_stays
from ..layers.line_layer import draw_lines, line_layer
from ..layers.outlines import dashes, in_plane, outlines, thinned
from ..layers.planes import TRANSFORMS, camera_of, last_axes, lie_over, screen_pixel
from ..layers.spared import spare

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Labels, Layer, Vectors
    from numpy.typing import NDArray

    from napari_sam.session import Key, Object, Plane

SURE, DOUBTFUL, CURRENT, SKETCH = "#009e73", "#d55e00", "#ffffff", "#f0e442"
"""Okabe and Ito's bluish green and vermilion, told apart by the line too; white; and yellow."""
RGBA = {colour: transform_color(colour)[0] for colour in (SURE, DOUBTFUL, CURRENT, SKETCH)}
DASHES = {SURE: (1.0, 0.0), DOUBTFUL: (7.0, 4.0), CURRENT: (1.0, 0.0), SKETCH: (2.0, 3.0)}
"""Pixels of the screen that are drawn, and left out."""
FINEST = 3.0
"""Corners of an outline are further apart, in pixels of the screen, where many would only take time."""
WIDTH, THICK = 2.0, 4.0
"""Of an outline and of the current one's, in pixels of the screen."""
MOST = 1500
"""So many are drawn at once, the least sure: more could not be told apart."""
KEPT = 20_000
"""Outlines, and lines of one scale, are kept up to so many, for proposals that come back, as by undo."""
NONE = np.zeros((0, 2, 2))
"""No line."""

Paths = list["NDArray[np.float64]"]
Line = tuple["Key", str]
"""A proposal and the colour of its outline."""


class ProposalView:
    """Two Vectors layers, made when there is something to draw.

    Parameters
    ----------
    viewer : napari.Viewer
    over : napari.layers.Labels
        The annotation's labels, to lie where they lie.
    bind : callable
        Gives a new layer the keys of the others.
    """

    def __init__(self, viewer: ViewerModel, over: Labels, bind: Callable[[Layer], None]) -> None:
        self._viewer, self._over, self._bind = viewer, over, bind
        self._camera = camera_of(viewer)
        self._layers: dict[str, Vectors] = {}
        self._traced: dict[Key, Paths] = {}
        self._scale: float | None = None
        self._lines: dict[Line, NDArray[np.float64]] = {}
        self._drawn: tuple[Line, ...] | None = None
        self._camera.events.zoom.connect(self._zoomed)
        for name in TRANSFORMS:
            getattr(over.events, name).connect(self._follow)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that there are, the lower one first."""
        return tuple(layer for layer in self._layers.values() if layer in self._viewer.layers)

    def close(self) -> None:
        """Stop listening; somebody else takes the layers away."""
        self._camera.events.zoom.disconnect(self._zoomed)
        for name in TRANSFORMS:
            getattr(self._over.events, name).disconnect(self._follow)

    def hold(self, traced: Mapping[Key, Paths]) -> None:
        """Keep outlines that were traced elsewhere, in place of earlier ones."""
        self._traced.update(traced)
        old = [line for key in traced for line in ((key, SURE), (key, DOUBTFUL)) if line in self._lines]
        for line in old:
            del self._lines[line]
        self._drawn = None if old else self._drawn

    def show(self, proposals: Sequence[Object], current: Object | None, score: float, plane: Plane) -> None:
        """Draw those of a plane: from a score on solid, the doubtful dashed, the current thick.

        Lines are kept, so that one of thousands comes or goes quickly.
        """
        if self._scale != self._pixel:
            self._scale, self._lines, self._drawn = self._pixel, {}, None
        here = islice((each for each in proposals if each.plane == plane), MOST)
        wanted = {(each.key, SURE if (each.score or 0.0) >= score else DOUBTFUL): each for each in here}
        if self._drawn != tuple(wanted):
            lines = self._lines_of(wanted)
            colours = np.array([RGBA[colour] for _, colour in wanted]).reshape(-1, 4)
            lengths = np.array([len(each) for each in lines], int)
            self._draw("Proposals", lines, plane, np.repeat(colours, lengths, axis=0))
            self._drawn = tuple(wanted)
        looked_at = [] if current is None or current.plane != plane else self._outlines(current)
        self._draw("Current proposal", self._dashed(looked_at, CURRENT), plane)

    def _lines_of(self, wanted: Mapping[Line, Object]) -> Paths:
        """Return the lines of proposals; those that are not there yet are made of a colour in one go."""
        for colour in (SURE, DOUBTFUL):
            new = [line for line in wanted if line[1] == colour and line not in self._lines]
            traced = [self._outlines(wanted[line]) for line in new]
            made = iter(self._dashed([path for paths in traced for path in paths], colour))
            for line, paths in zip(new, traced, strict=True):
                self._lines[line] = np.concatenate([NONE, *islice(made, len(paths))])
        if len(self._lines) > KEPT:
            self._lines = {line: self._lines[line] for line in wanted}
        if len(self._traced) > KEPT:
            self._traced = {key: self._traced[key] for key, _ in wanted if key in self._traced}
        return [self._lines[line] for line in wanted]

    def _outlines(self, each: Object) -> Paths:
        if each.key not in self._traced:
            self._traced[each.key] = outlines(each.mask, each.origin)
        return self._traced[each.key]

    def _dashed(self, paths: Paths, colour: str) -> Paths:
        """Return the starts and ends of each outline's dashes, of one size on the screen."""
        pixel = self._pixel
        return dashes(thinned(paths, FINEST * pixel), *np.multiply(DASHES[colour], pixel))

    def sketch(self, paths: Paths, plane: Plane) -> None:
        """Draw outlines in place of all proposals, until these are known."""
        self._drawn = None
        self._draw("Proposals", self._dashed(paths, SKETCH), plane, RGBA[SKETCH])
        self._draw("Current proposal", [], plane)

    def look_at(self, each: Object) -> tuple[float, ...]:
        """Return where the middle of a proposal is in the viewer's world."""
        layer = self._layer("Proposals")  # there is none yet where all proposals lie on other planes
        return tuple(layer.data_to_world((*each.plane, *each.centre)))

    def _draw(self, name: str, lines: Paths, plane: Plane, colour: Any = None) -> None:
        """Let a layer have these lines and no others, in one colour, or one a line."""
        if not any(map(len, lines)) and not (name in self._layers and len(self._layers[name].data)):
            return
        vectors = in_plane(np.concatenate([NONE, *lines]), plane, self._over.ndim)
        draw_lines(self._layer(name), vectors, colour)

    def _layer(self, name: str) -> Vectors:
        """Return a layer, made below the prompts if there is none; the active layer stays active."""
        layer = self._layers.get(name)
        if layer is not None and layer in self._viewer.layers:
            return layer
        layers, over = self._viewer.layers, self._over
        width, aligned = self._width(name), last_axes(over)
        layer = line_layer(
            name, over.ndim, self._viewer.dims, edge_width=width, edge_color=CURRENT, **aligned
        )
        below = (at for at, each in enumerate(layers) if each.name == "Candidate filling")
        with active_stays(layers):
            layers.insert(next(below, len(layers)), layer)
        spare(self._viewer, layer)
        self._bind(layer)
        self._layers[name] = layer
        return layer

    @property
    def _pixel(self) -> float:
        """One pixel of the screen, in data pixels."""
        return screen_pixel(self._over, self._camera)

    def _follow(self) -> None:
        """Lie where the labels lie now."""
        for layer in self._layers.values():
            lie_over(layer, self._over)
        self._zoomed()

    def _zoomed(self) -> None:
        """Keep lines of one width on the screen."""
        for name, layer in self._layers.items():
            layer.edge_width = self._width(name)

    def _width(self, name: str) -> float:
        return (THICK if name == "Current proposal" else WIDTH) * self._pixel
