"""The two layers a person prompts with: points inside and outside; and boxes, scribbles and lassos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points, Shapes
from psygnal import Signal

from napari_sam.predict.prompts import Prompts

from ..layers.planes import alignment, camera_of, image_shape, moved, on_plane, screen_pixel
from .drawings import Drawing, read_drawings
from .half_drawn import drop_half_drawn
from .prompt_history import PromptHistory

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_sam.session import Plane

INSIDE, OUTSIDE = "inside", "outside"
COLOURS = {INSIDE: "#2fc46b", OUTSIDE: "#ff3b30"}
SYMBOLS = {INSIDE: "disc", OUTSIDE: "x"}
BOX_COLOUR = "#ffd23f"
BOX_TOOL = "add_rectangle"
POINT_SIZE = 12
"""On the screen, in pixels, whatever the zoom."""


class PromptLayers:
    """A Points and a Shapes layer to lie over an image, read together; somebody else shows them.

    Signals
    -------
    changed
        The prompts are others now.
    polarity_changed : bool
        The next click is positive, or negative.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image
        What to lie over.

    Attributes
    ----------
    history : PromptHistory
        What of it was drawn last.
    in_no_box : int
        How many of the points that were read last, scribbles aside, lie in none of several boxes.
    """

    changed = Signal()
    polarity_changed = Signal(bool)

    def __init__(self, viewer: ViewerModel, image: Image) -> None:
        self._viewer = viewer
        self._camera = camera_of(viewer)
        self._positive, self.in_no_box = True, 0
        rows, cols = image_shape(image)[-2:]
        self._shape = (rows, cols)
        aligned = alignment(image, viewer.dims)
        self.boxes = Shapes(
            ndim=image.ndim,
            name="Boxes",
            features={"label": np.array([], dtype=object)},
            face_color="transparent",
            edge_color=BOX_COLOUR,
            **aligned,
        )
        self.points = Points(
            np.zeros((0, image.ndim)),
            ndim=image.ndim,
            name="Points",
            features={"label": np.array([], dtype=object)},
            face_color=COLOURS[INSIDE],
            border_color="white",
            border_width=0.1,
            **aligned,
        )
        self.points.mouse_drag_callbacks.insert(0, self._choose_polarity)
        self._point_looks(positive=True)
        self._draw(BOX_TOOL)
        self._zoomed()
        self._camera.events.zoom.connect(self._zoomed)
        self.history = PromptHistory(self.points, self.boxes)
        self.points.events.features.connect(self._points_added)
        self.history.changed.connect(self.changed.emit)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The two layers, the lower one first."""
        return self.boxes, self.points

    @property
    def positive(self) -> bool:
        """Whether the next click without a modifier says "inside"."""
        return self._positive

    @positive.setter
    def positive(self, value: bool) -> None:
        if value != self._positive:
            self._positive = value
            self._point_looks(value)
            self._draw(str(self.boxes.mode))
            self.polarity_changed.emit(value)

    @property
    def empty(self) -> bool:
        """Whether there is no prompt on any plane."""
        return not any(len(layer.data) for layer in self.layers)

    def swap_polarity(self) -> None:
        """Let the next clicks be of the other kind."""
        self.positive = not self.positive

    def close(self) -> None:
        """Stop listening; whoever shows the layers takes them away."""
        self._camera.events.zoom.disconnect(self._zoomed)
        self.history.close()
        self.points.events.features.disconnect(self._points_added)

    def use_points(self) -> None:
        """Let the next click be a point."""
        self._take_up(self.points, "add")

    def use_boxes(self) -> None:
        """Let the next drag be a box."""
        self._use_shapes(BOX_TOOL)

    def use_scribbles(self) -> None:
        """Let the next drag be a line along the inside of an object, or along what is not it."""
        self._use_shapes("add_path")

    def use_lassos(self) -> None:
        """Let the next drag go around an object, or around what is not it."""
        self._use_shapes("add_polygon_lasso")

    def _use_shapes(self, mode: str) -> None:
        self._take_up(self.boxes, mode)
        self._draw(mode)

    def _take_up(self, layer: Points | Shapes, mode: str) -> None:
        self.drop_half_drawn()
        layer.visible = True  # or napari lets nothing be drawn in it
        self._viewer.layers.selection.active = layer
        layer.mode = mode

    def _draw(self, mode: str) -> None:
        """Let what is drawn next say inside or outside; a box is always around an object."""
        kind = INSIDE if self._positive or mode == BOX_TOOL else OUTSIDE
        with self.boxes.events.data.blocker():
            self.boxes.selected_data = set()
            self.boxes.feature_defaults = {"label": [kind]}
            self.boxes.current_edge_color = BOX_COLOUR if mode == BOX_TOOL else COLOURS[kind]

    def clear(self, plane: Plane | None = None) -> None:
        """Take all prompts away, silently, or those of a plane; and what is half drawn."""
        self.drop_half_drawn()
        if plane is not None and self.history.keep_others(plane):
            return
        self.history.forget()
        for layer in self.layers:
            with layer.events.data.blocker():
                layer.selected_data = set()
                layer.data = np.zeros((0, layer.ndim)) if layer is self.points else []
        if len(self.boxes.features):  # napari keeps them, and the next shapes would be what these were
            self.boxes.features = self.boxes.features.iloc[:0]
            self._draw(str(self.boxes.mode))

    def drop_half_drawn(self) -> bool:
        """Take away what is still being drawn, silently; say whether there was something."""
        return drop_half_drawn(self.boxes)

    def put(self, prompts: Sequence[Prompts], plane: Plane) -> None:
        """Show prompts on a plane, silently."""
        self._draw(BOX_TOOL)
        with self.points.events.data.blocker(), self.boxes.events.data.blocker():
            for each in prompts:
                self._add_points(each, plane)
                if each.box is not None:
                    top, left, bottom, right = each.box
                    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
                    self.boxes.add_rectangles(np.array([(*plane, *corner) for corner in corners]))
        self._point_looks(self._positive)
        self._draw(str(self.boxes.mode))

    def _add_points(self, prompts: Prompts, plane: Plane) -> None:
        # one by one: their order is the order in which the network was asked
        for position, label in zip(prompts.positions, prompts.labels, strict=True):
            self._point_looks(bool(label))
            self.points.add([(*plane, *position)])

    def take(self, layer: Points | Shapes) -> None:
        """Copy the prompts of another layer, wherever its own scale, rotation and units put them.

        Points are inside the object, unless a feature `label` says "outside"; of a shape, its bounding
        box is taken.

        Parameters
        ----------
        layer : napari.layers.Points or napari.layers.Shapes
            Of the image's axes, see `check_prompts`.
        """
        if not len(layer.data):
            return
        (self._take_boxes if hasattr(layer, "shape_type") else self._take_points)(layer)
        self.history.forget()

    def _take_points(self, layer: Points) -> None:
        kinds = list(layer.features["label"]) if "label" in layer.features else [INSIDE] * len(layer.data)
        for outside in (False, True):
            chosen = [p for p, kind in zip(layer.data, kinds, strict=True) if (kind == OUTSIDE) == outside]
            self._point_looks(not outside)
            if chosen:
                self.points.add(moved(np.array(chosen), layer, self.points, self._viewer.dims))
        self._point_looks(self._positive)

    def _take_boxes(self, layer: Shapes) -> None:
        corners = []
        for vertices in layer.data:
            there = moved(vertices, layer, self.boxes, self._viewer.dims)
            (top, left), (bottom, right) = there[:, -2:].min(axis=0), there[:, -2:].max(axis=0)
            around = [(top, left), (top, right), (bottom, right), (bottom, left)]
            corners.append(np.array([(*there[0, :-2], *corner) for corner in around]))
        self.boxes.add_rectangles(corners)

    def read(self, plane: Plane) -> list[Prompts]:
        """Return the prompts on a plane, one an object.

        Points, scribbles and at most one box or lasso are one object; several boxes or lassos are one
        object each, with the points that lie in them.

        Raises
        ------
        PromptError
            If the prompts make no sense together.
        """
        drawn = read_drawings(self._drawings(), plane, self._shape)
        clicked, kinds = self._points_on(plane)
        points, labels = np.concatenate([clicked, drawn.points]), np.concatenate([kinds, drawn.labels])
        self.in_no_box = 0
        if len(drawn.marks) < 2:
            if not len(points) and not drawn.marks:
                return []
            return [Prompts(points, labels, *(drawn.marks[0] if drawn.marks else ()))]
        held = np.array([[_contains(box, p) for p in points] for box, _ in drawn.marks], bool)
        self.in_no_box = len(clicked) - int(np.sum(held[:, : len(clicked)].any(axis=0)))
        pairs = zip(drawn.marks, held, strict=True)
        return [Prompts(points[inside], labels[inside], *mark) for mark, inside in pairs]

    def _points_on(self, plane: Plane) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        data = np.asarray(self.points.data, float)
        here = on_plane(data, plane)
        labels = np.array([value != OUTSIDE for value in self.points.features["label"]], np.int64)
        return data[here, -2:], labels[here]

    def _drawings(self) -> list[Drawing]:
        kinds = [value != OUTSIDE for value in self.boxes.features["label"]]
        # when all shapes go at once, napari tells before their features are gone
        return list(zip(map(np.asarray, self.boxes.data), self.boxes.shape_type, kinds, strict=False))

    def _choose_polarity(self, _: Points, event: Any) -> Generator[None, None, None]:
        """Before a click adds its point: with Alt or Control it is of the other kind."""
        # some window managers keep Alt to themselves
        held = any(key in event.modifiers for key in ("Alt", "Control"))  # equal to keys, but no strings
        self._point_looks(self._positive != held)
        yield

    def _point_looks(self, positive: bool) -> None:
        kind = INSIDE if positive else OUTSIDE
        known = str(self.points.current_symbol) == SYMBOLS[kind]
        if known and not self.points.selected_data and self.points.feature_defaults["label"].eq(kind).all():
            return  # napari looks through all points for each of these
        with self.points.events.data.blocker():
            self.points.selected_data = set()
            self.points.feature_defaults = {"label": [kind]}
            self.points.current_face_color = COLOURS[kind]
            self.points.current_symbol = SYMBOLS[kind]

    def _zoomed(self) -> None:
        """Keep points and lines of one size on the screen."""
        # of all transforms, napari scales points by this alone; its own canvas_size_limits would fill a small
        # symbol with its border's colour
        size = POINT_SIZE / max(self._camera.zoom, 1e-6) / abs(float(self.points.scale[-1]))
        self.points.current_size = size
        self.points.size = size
        pixel = screen_pixel(self.boxes, self._camera)
        with self.boxes.events.data.blocker():
            self.boxes.current_edge_width = 2 * pixel
            if self.boxes.nshapes:
                self.boxes.edge_width = 2 * pixel

    def _points_added(self) -> None:
        """Deselect a new point: the ring around it would hide whether it is inside or outside."""
        if self.points.mode == "add" and self.points.selected_data:
            self.points.selected_data = set()


def _contains(box: tuple[float, float, float, float], point: NDArray[np.float64]) -> bool:
    return bool(box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3])
