"""Candidates on the image: an outline in its own colour and line style each, with number, name and IoU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from napari.layers.utils.color_encoding import DirectColorEncoding
from napari.utils.colormaps.standardize_color import transform_color

from napari_sam.session.offer import COLOURS

from ..keys.keymap import CHOICES, Keymap
from ..layers.line_layer import draw_lines, line_layer
from ..layers.outlines import dashes, in_plane, outlines, runs
from ..layers.planes import alignment, camera_of, on_screen, screen_pixel, seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_sam.predict import Candidate
    from napari_sam.session import Plane, Proposal
    from napari_sam.session.offer import Offer

    from ..keys.keyboard import Keyboard

STYLES = ((1.0, 0.0), (10.0, 5.0), (3.0, 4.0))
"""Solid, dashed, dotted: pixels of the screen that are drawn, and left out."""
LINE, GAP, WORDS, WIDTH = 18, 8, 120, 2.5
"""A caption's height, its distance and width, and an outline's width: pixels of the screen."""
SHADOW = ((-1, -1), (-1, 1), (1, -1), (1, 1))
"""Where captions are drawn dark first, so that they can be read on bright cells and labels too."""
SHADE = "#101014"
FILLED = 0.35
"""Opacity of the candidate that is filled."""


def caption(offer: Offer, number: int, marked: int, keymap: Keymap, between: str = " ") -> str:
    """Return what is written beside a candidate, such as "2 cell 0.87 *": its key, name and predicted IoU.

    Parameters
    ----------
    offer : Offer
    number : int
        Its place among the shown ones, from 0.
    marked : int
        The index that is committed next; it gets the star.
    keymap : Keymap
    between : str
        What parts the name from the IoU.
    """
    index = offer.shown[number]
    star = " *" if index == marked and len(offer.shown) > 1 else ""
    iou = min(max(offer.candidates.items[index].iou_prediction, 0), 1)
    return f"{keymap.text(CHOICES[number])} {offer.names[number]}{between}{iou:.2f}{star}"


class CandidateView:
    """Two Vectors layers with the filling and the outlines of what is offered, and a Points layer with names.

    Somebody else shows them.
    Segments of a Vectors layer are drawn ten times as fast as paths of a Shapes layer.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image
        What to lie over.
    keyboard : Keyboard
        Whose keys stand beside the candidates.
    """

    def __init__(self, viewer: ViewerModel, image: Image, keyboard: Keyboard) -> None:
        self._viewer, self._image, self._keyboard = viewer, image, keyboard
        self._camera = camera_of(viewer)
        self._offer: Offer | None = None
        self._marked = 0
        self._plane: Plane = ()
        self._paths: list[tuple[NDArray[np.float64], int]] = []
        self._filled: int | None = None
        aligned = alignment(image, viewer.dims)
        self.filling, self.outlines = (
            line_layer(name, image.ndim, viewer.dims, **aligned)
            for name in ("Candidate filling", "Candidates")
        )
        self.filling.opacity = FILLED
        colours = DirectColorEncoding(feature="colour", fallback="white")
        self.captions = Points(
            np.zeros((0, image.ndim)),
            ndim=image.ndim,
            name="Candidate names",
            size=0,
            face_color="transparent",
            border_color="transparent",
            features={"caption": np.array([], object), "colour": np.array([], object)},
            text={"string": "{caption}", "size": 11, "color": colours},
            **aligned,
        )
        self._zoomed()
        self._camera.events.zoom.connect(self._zoomed)
        self.captions.events.visible.connect(self._write_captions)
        keyboard.changed.connect(self._write_captions)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The three layers, from the lowest to the highest."""
        return self.filling, self.outlines, self.captions

    @property
    def filled(self) -> int | None:
        """The index of the candidate that is filled, None for none."""
        return self._filled

    def close(self) -> None:
        """Stop listening; whoever shows the layers takes them away."""
        self._camera.events.zoom.disconnect(self._zoomed)
        self.captions.events.visible.disconnect(self._write_captions)
        self._keyboard.changed.disconnect(self._write_captions)

    def show(self, offer: Offer, plane: Plane) -> None:
        """Draw what is offered, the suggested candidate on top; it is the marked one."""
        self._offer, self._plane, self._marked = offer, plane, offer.suggested
        items = offer.candidates.items
        order = sorted(range(len(offer.shown)), key=lambda number: offer.shown[number] == offer.suggested)
        self._paths = [(path, number) for number in order for path in _traced(items[offer.shown[number]])]
        self._redraw()

    def show_many(self, proposals: Sequence[Proposal]) -> None:
        """Draw the suggested outline of every object, without names; none of them clears the view."""
        self._offer, self._plane = None, proposals[0].plane if proposals else ()
        self._paths = [(path, 0) for each in proposals for path in _traced(each.chosen(None))]
        self._redraw()

    def mark(self, index: int) -> None:
        """Give the star to another candidate."""
        self._marked = index
        self._write_captions()

    def fill(self, index: int | None) -> None:
        """Fill one of the candidates in its colour, or none."""
        if index == self._filled:
            return
        self._filled = index
        vectors, height, colour = np.zeros((0, 2, self.filling.ndim)), 1, None
        if self._offer is not None and index is not None:
            item = self._offer.candidates.items[index]
            lines, height = runs(item.mask, item.origin)
            vectors = self._vectors(lines)
            colour = COLOURS[self._offer.shown.index(index) % len(COLOURS)]
        draw_lines(self.filling, vectors, colour)
        if len(vectors):
            self.filling.edge_width = height

    def _redraw(self) -> None:
        self.fill(None)
        self._draw_outlines()
        self._write_captions()

    def _draw_outlines(self) -> None:
        """Draw the paths in their styles, which have one size on the screen."""
        parts, colours = [np.zeros((0, 2, self.outlines.ndim))], [np.zeros((0, 4))]
        for path, number in self._paths:
            on, off = np.multiply(STYLES[number % len(STYLES)], self._pixel)
            parts.append(self._vectors(dashes([path], on, off)[0]))
            colours.append(np.tile(transform_color(COLOURS[number % len(COLOURS)]), (len(parts[-1]), 1)))
        draw_lines(self.outlines, np.concatenate(parts), np.concatenate(colours))

    def _vectors(self, lines: NDArray[np.float64]) -> NDArray[np.float64]:
        return in_plane(lines, self._plane, self.outlines.ndim)

    def _write_captions(self) -> None:
        """Write the captions of one object's candidates in lines beside it, where there is room.

        Those of a hidden layer are written when it is shown: until then, napari knows the places of earlier
        ones and would look up their words.
        """
        if not self.captions.visible:
            return
        if self._offer is None:
            self._put(np.zeros((0, self.captions.ndim)))
            return
        count = len(self._offer.shown)
        captions = [caption(self._offer, i, self._marked, self._keyboard.keymap) for i in range(count)]
        to_screen = on_screen(self.captions, self._camera)
        (row, col), right = self._corner(self._offer, to_screen)
        lines = np.array([(row + (number + 0.5) * LINE, col) for number in range(count)])
        written = np.concatenate([lines + step for step in (*SHADOW, (0, 0))])
        places = np.zeros((len(written), self.captions.ndim))
        places[:, :-2], places[:, -2:] = self._plane, written @ np.linalg.inv(to_screen).T
        self._put(places)
        self.captions.features = {
            "caption": captions * (len(SHADOW) + 1),
            "colour": [SHADE] * len(SHADOW) * count + list(COLOURS[:count]),
        }
        self.captions.text.anchor = "upper_left" if right else "upper_right"

    def _corner(self, offer: Offer, to_screen: NDArray[np.float64]) -> tuple[tuple[float, float], bool]:
        """Return where captions begin, and whether they go on to the right; always within the view.

        All in pixels of the screen, which `to_screen` makes of data pixels.
        """
        items = [offer.candidates.items[index] for index in offer.shown]
        boxes = np.array([item.bbox for item in items if item.mask.size] or [(0, 0, 0, 0)])
        (top, left), (bottom, end) = _around(seen(self._image, self._viewer).reshape(1, 4), to_screen)
        (first, before), (_, after) = _around(boxes, to_screen)
        before, after = before - GAP, after + GAP
        right = end - after >= min(before - left, WORDS)
        col = min(after, max(end - WORDS, left)) if right else max(before, min(left + WORDS, end))
        return (max(min(first, bottom - len(items) * LINE), top), col), right

    def _put(self, places: NDArray[np.float64]) -> None:
        """Give the captions other places, but spare the viewer: its axes stay the image's."""
        with self.captions.events.data.blocker():
            self.captions.data = places

    @property
    def _pixel(self) -> float:
        """One pixel of the screen, in data pixels."""
        return screen_pixel(self.outlines, self._camera)

    def _zoomed(self) -> None:
        """Keep lines and distances of one size on the screen."""
        self.outlines.edge_width = WIDTH * self._pixel
        self._draw_outlines()
        self._write_captions()


def _traced(item: Candidate) -> list[NDArray[np.float64]]:
    return outlines(item.mask, item.origin)


def _around(boxes: NDArray[Any], to_screen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first and last row and column of boxes on the screen, (2, 2), however the image lies."""
    corners = np.concatenate([boxes[:, pair] for pair in ([0, 1], [0, 3], [2, 1], [2, 3])]) @ to_screen.T
    return np.array([corners.min(axis=0), corners.max(axis=0)])
