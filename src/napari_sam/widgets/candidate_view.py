"""Candidates on the image: an outline in its own colour each, with number, size and predicted IoU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers.utils.color_encoding import DirectColorEncoding
from napari.utils.colormaps.standardize_color import transform_color

from .outlines import outlines
from .planes import alignment, camera_of, image_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Points, Vectors
    from numpy.typing import NDArray

    from napari_sam.predict import Candidates
    from napari_sam.session import Plane, Proposal

COLOURS = ("#56b4e9", "#ffb000", "#e8489b")
"""Told apart by people with any colour vision."""
SIZES = {1: ("refined",), 2: ("small", "large"), 3: ("small", "medium", "large")}
LINE, GAP, WORDS, WIDTH = 18, 8, 120, 2.5
"""A caption's height, its distance and width, and an outline's width: pixels of the screen."""
SHADOW = ((-1, -1), (-1, 1), (1, -1), (1, 1))
"""Where captions are drawn dark first, so that they can be read on bright cells and labels too."""
SHADE = "#101014"

Line = tuple["NDArray[np.float64]", str]
"""A closed path and its colour."""


def size_names(candidates: Candidates) -> list[str]:
    """Return a name by size for each candidate, in their order."""
    names = SIZES.get(len(candidates), ())
    order = np.argsort([item.area for item in candidates.items], kind="stable")
    named = dict(zip(order.tolist(), names, strict=False))
    return [named.get(index, "") for index in range(len(candidates))]


def caption(candidates: Candidates, index: int) -> str:
    """Return what is written beside a candidate, such as "2 medium 0.87"."""
    suggested = " *" if index == candidates.best and len(candidates) > 1 else ""
    iou = candidates.items[index].iou_prediction
    return f"{index + 1} {size_names(candidates)[index]} {min(max(iou, 0), 1):.2f}{suggested}"


class CandidateView:
    """A Vectors layer with the outlines of what a session proposes, and a Points layer with their captions.

    Segments of a Vectors layer are drawn ten times as fast as paths of a Shapes layer.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image
        What to lie over.
    """

    def __init__(self, viewer: ViewerModel, image: Image) -> None:
        self._viewer = viewer
        self._camera = camera_of(viewer)
        self._drawn: Sequence[Proposal] = ()
        self._shape = image_shape(image)[-2:]
        aligned = alignment(image, viewer.dims)
        self.outlines: Vectors = viewer.add_vectors(
            np.zeros((0, 2, image.ndim)), ndim=image.ndim, name="Candidates", vector_style="line", **aligned
        )
        colours = DirectColorEncoding(feature="colour", fallback="white")
        self.captions: Points = viewer.add_points(
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

    @property
    def layers(self) -> tuple[Vectors, Points]:
        """The two layers."""
        return self.outlines, self.captions

    def close(self) -> None:
        """Stop listening and take the layers away."""
        self._camera.events.zoom.disconnect(self._zoomed)
        for layer in self.layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def show(self, proposals: Sequence[Proposal]) -> None:
        """Draw all candidates of one proposal, or the suggested ones of several."""
        self._drawn = proposals
        drawn = _one(proposals[0]) if len(proposals) == 1 else _many(proposals)
        plane = proposals[0].plane if proposals else ()
        segments = [(_segments(path, plane, self.outlines.ndim), colour) for path, colour in drawn]
        self._set(
            self.outlines, np.concatenate([np.zeros((0, 2, self.outlines.ndim)), *[s for s, _ in segments]])
        )
        if segments:
            rgba = [np.tile(transform_color(colour), (len(part), 1)) for part, colour in segments]
            self.outlines.edge_color = np.concatenate(rgba)
        self._write_captions()

    def _write_captions(self) -> None:
        """Write the captions of one object's candidates in lines beside it, where there is room."""
        if len(self._drawn) != 1:
            self._set(self.captions, np.zeros((0, self.captions.ndim)))
            return
        candidates, plane = self._drawn[0].candidates, self._drawn[0].plane
        boxes = np.array([item.bbox for item in candidates.items if item.mask.size] or [(0, 0, 0, 0)])
        left_room, right_room = boxes[:, 1].min(), self._shape[1] - boxes[:, 3].max()
        right = right_room >= min(left_room, WORDS * self._pixel)
        col = boxes[:, 3].max() + GAP * self._pixel if right else boxes[:, 1].min() - GAP * self._pixel
        rows = boxes[:, 0].min() + (np.arange(len(candidates)) + 0.5) * LINE * self._pixel
        places = np.zeros((len(candidates), self.captions.ndim))
        places[:, :-2], places[:, -2], places[:, -1] = plane, rows, col
        shadows = [places + self._shift(step) for step in SHADOW]
        self._set(self.captions, np.concatenate([*shadows, places]))
        self.captions.features = {
            "caption": [caption(candidates, i) for i in range(len(rows))] * (len(SHADOW) + 1),
            "colour": [SHADE] * len(SHADOW) * len(rows) + list(COLOURS[: len(rows)]),
        }
        self.captions.text.anchor = "upper_left" if right else "upper_right"

    def _set(self, layer: Points | Vectors, data: NDArray[np.float64]) -> None:
        """Give one of the two layers other data, but spare the viewer: its axes stay the image's."""
        with layer.events.data.blocker():
            layer.data = data

    def _shift(self, step: tuple[int, int]) -> NDArray[np.float64]:
        """Return a way of some pixels of the screen, in data coordinates."""
        way = np.zeros(self.captions.ndim)
        way[-2:] = np.array(step) * self._pixel
        return way

    @property
    def _pixel(self) -> float:
        """One pixel of the screen, in data pixels."""
        return 1 / max(float(self._camera.zoom), 1e-6) / float(self.outlines.scale[-1])

    def _zoomed(self) -> None:
        """Keep lines and distances of one size on the screen."""
        self.outlines.edge_width = WIDTH * self._pixel
        self._write_captions()


def _segments(path: NDArray[np.float64], plane: Plane, ndim: int) -> NDArray[np.float64]:
    """Return a path as (N, 2, ndim) vectors: starts and ways to the next vertex."""
    vectors = np.zeros((len(path) - 1, 2, ndim))
    vectors[:, 0, : ndim - 2] = plane
    vectors[:, 0, -2:] = path[:-1]
    vectors[:, 1, -2:] = np.diff(path, axis=0)
    return vectors


def _one(proposal: Proposal) -> list[Line]:
    """Return the outlines of one object's candidates, the suggested one last and so on top."""
    candidates = proposal.candidates
    order = [i for i in range(len(candidates)) if i != candidates.best] + [candidates.best]
    items = candidates.items
    return [(path, COLOURS[i]) for i in order for path in outlines(items[i].mask, items[i].origin)]


def _many(proposals: Sequence[Proposal]) -> list[Line]:
    """Return the suggested outline of every object."""
    suggested = [proposal.chosen(None) for proposal in proposals]
    return [
        (path, COLOURS[number % len(COLOURS)])
        for number, item in enumerate(suggested)
        for path in outlines(item.mask, item.origin)
    ]
