"""Candidates on the image: an outline in its own colour each, with number, size and predicted IoU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .outlines import outlines
from .planes import alignment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Shapes
    from numpy.typing import NDArray

    from napari_sam.predict import Candidates
    from napari_sam.session import Proposal

COLOURS = ("#56b4e9", "#ffb000", "#e8489b")
"""Told apart by people with any colour vision."""
SIZES = {1: ("refined",), 2: ("small", "large"), 3: ("small", "medium", "large")}
LINE = 15
"""Height of a caption's line on the screen, in pixels."""
REDRAW = 1.3
"""Lines are redrawn when the zoom has changed by this factor."""


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
    """One Shapes layer that shows what a session proposes.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image
        What to lie over.
    """

    def __init__(self, viewer: ViewerModel, image: Image) -> None:
        self._viewer = viewer
        self._drawn: Sequence[Proposal] = ()
        self._zoom = viewer.camera.zoom
        self.layer: Shapes = viewer.add_shapes(
            ndim=image.ndim, name="Candidates", face_color="transparent", **alignment(image)
        )
        viewer.camera.events.zoom.connect(self._zoomed)

    def close(self) -> None:
        """Stop listening and take the layer away."""
        self._viewer.camera.events.zoom.disconnect(self._zoomed)
        if self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)

    def show(self, proposals: Sequence[Proposal]) -> None:
        """Draw all candidates of one proposal, or the suggested ones of several."""
        self._drawn, self._zoom = proposals, self._viewer.camera.zoom
        self.layer.data = []
        if not proposals:
            return
        pixel = 1 / max(self._zoom, 1e-6) / float(self.layer.scale[-1])
        lines = _one(proposals[0], pixel) if len(proposals) == 1 else _many(proposals)
        paths = [self._in_plane(path, proposals[0].plane) for path, _, _, _ in lines]
        colours = [colour for _, colour, _, _ in lines]
        self.layer.add(
            paths,
            shape_type="path",
            edge_width=[width * pixel for _, _, width, _ in lines],
            edge_color=colours,
            face_color="transparent",
        )
        self.layer.features = {"caption": [text for _, _, _, text in lines]}
        self.layer.text = {
            "string": "{caption}", "size": 11, "color": colours, "anchor": "upper_left"
        }  # fmt: skip

    def _in_plane(self, path: NDArray[np.float64], plane: tuple[int, ...]) -> NDArray[np.float64]:
        return np.column_stack([np.broadcast_to(np.array(plane, float), (len(path), len(plane))), path])

    def _zoomed(self) -> None:
        zoom = self._viewer.camera.zoom
        if self._drawn and not 1 / REDRAW < zoom / self._zoom < REDRAW:
            self.show(self._drawn)


Line = tuple[Any, str, float, str]
"""A path, its colour, its width on the screen, and its caption."""


def _one(proposal: Proposal, pixel: float) -> list[Line]:
    """Return the outlines of one object's candidates, and their captions in lines beside them."""
    candidates = proposal.candidates
    lines: list[Line] = []
    for index, item in enumerate(candidates.items):
        width = 3.0 if index == candidates.best else 2.0
        lines += [(path, COLOURS[index], width, "") for path in outlines(item.mask, item.origin)]
    if not lines:
        return []
    everything = np.concatenate([path for path, _, _, _ in lines])
    top, right = everything[:, 0].min(), everything[:, 1].max()
    for index in range(len(candidates)):
        at = np.array([top + index * LINE * pixel, right + 6 * pixel])
        place = np.array([at, [at[0], at[1] + 0.01 * pixel]])
        lines.append((place, COLOURS[index], 0.01, caption(candidates, index)))
    return lines


def _many(proposals: Sequence[Proposal]) -> list[Line]:
    """Return the suggested outline of every object."""
    return [
        (path, COLOURS[number % len(COLOURS)], 2.0, "")
        for number, proposal in enumerate(proposals)
        for item in [proposal.candidates.items[proposal.candidates.best]]
        for path in outlines(item.mask, item.origin)
    ]
