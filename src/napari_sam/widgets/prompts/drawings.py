"""What is drawn in a Shapes layer, as prompts: boxes, scribbles and lassos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_sam.predict.drawn import box_around, deepest_point, drawn_prompt, lasso_region, scribble_points

from ..layers.planes import on_plane

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_sam.predict.prompts import Box, MaskPrompt, Shape
    from napari_sam.session import Plane

SMALLEST_BOX = 1.0
"""A click makes a rectangle of 0.6 pixels; a box is drawn, and larger."""
STROKES = ("path", "line")
Drawing = tuple["NDArray[np.float64]", str, bool]
"""Vertices (K, D), napari's type of a shape, and whether it says what is inside."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What the drawings on a plane say.

    Attributes
    ----------
    marks : tuple of (box, mask)
        One an object: boxes without a mask, and lassos with one.
    points : (N, 2)
        Of scribbles, and of lassos around what is outside.
    labels : (N,)
        1 inside, 0 outside.
    """

    marks: tuple[tuple[Box, MaskPrompt | None], ...]
    points: NDArray[np.float64]
    labels: NDArray[np.int64]


NOTHING = Drawn((), np.zeros((0, 2)), np.zeros(0, np.int64))


def read_drawings(drawings: Iterable[Drawing], plane: Plane, shape: Shape) -> Drawn:
    """Turn shapes into prompts: a line into points along it, a polygon into a mask, all others into boxes.

    Parameters
    ----------
    drawings : iterable of Drawing
    plane : tuple of int
        Those on others are passed over.
    shape : (Y, X)
        Of the plane; what lies beyond it is left out.
    """
    found = [NOTHING]
    for vertices, kind, inside in drawings:
        if not on_plane(vertices[0], plane):
            continue
        read = _stroke if kind in STROKES else _lasso if kind == "polygon" else _box
        found.append(read(vertices[:, -2:], inside, shape))
    marks = tuple(mark for each in found for mark in each.marks)
    return Drawn(
        tuple(mark for mark in marks if _reaches(mark[0], shape)) or marks,  # a box alone is told of
        np.concatenate([each.points for each in found]),
        np.concatenate([each.labels for each in found]),
    )


def _stroke(path: NDArray[np.float64], inside: bool, shape: Shape) -> Drawn:
    points = _within(scribble_points(path), shape)
    return Drawn((), points, np.full(len(points), int(inside)))


def _lasso(corners: NDArray[np.float64], inside: bool, shape: Shape) -> Drawn:
    region = lasso_region(corners, shape)
    if not region[1].size:
        return NOTHING
    if inside:
        return replace(NOTHING, marks=((box_around(region), drawn_prompt(region)),))
    return Drawn((), np.array([deepest_point(region)]), np.array([0]))


def _box(corners: NDArray[np.float64], inside: bool, shape: Shape) -> Drawn:  # noqa: ARG001 (as all kinds)
    if (np.ptp(corners, axis=0) < SMALLEST_BOX).any():
        return NOTHING
    (top, left), (bottom, right) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return replace(NOTHING, marks=(((top, left, bottom, right), None),))


def _reaches(box: Box, shape: Shape) -> bool:
    top, left, bottom, right = box
    return bottom > -0.5 and right > -0.5 and top < shape[0] - 0.5 and left < shape[1] - 0.5


def _within(points: NDArray[np.float64], shape: Shape) -> NDArray[np.float64]:
    return points[((points >= -0.5) & (points <= np.array(shape) - 0.5)).all(axis=1)]
