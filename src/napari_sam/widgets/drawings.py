"""What is drawn in a Shapes layer, as prompts: boxes, scribbles and lassos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam.predict.drawn import box_around, deepest_point, drawn_prompt, lasso_region, scribble_points

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
    marks: list[tuple[Box, MaskPrompt | None]] = []
    points: list[NDArray[np.float64]] = [np.zeros((0, 2))]
    labels: list[bool] = []
    for vertices, kind, inside in drawings:
        if not (np.rint(vertices[0, :-2]) == np.array(plane)).all():
            continue
        flat = vertices[:, -2:]
        if kind in STROKES:
            found = _within(scribble_points(flat), shape)
            points.append(found)
            labels += [inside] * len(found)
        elif kind == "polygon":
            region = lasso_region(flat, shape)
            if not region[1].size:
                continue
            if inside:
                marks.append((box_around(region), drawn_prompt(region)))
            else:
                points.append(np.array([deepest_point(region)]))
                labels.append(False)
        elif (np.ptp(flat, axis=0) >= SMALLEST_BOX).all():
            (top, left), (bottom, right) = flat.min(axis=0).tolist(), flat.max(axis=0).tolist()
            marks.append(((top, left, bottom, right), None))
    return Drawn(tuple(marks), np.concatenate(points), np.array(labels, np.int64))


def _within(points: NDArray[np.float64], shape: Shape) -> NDArray[np.float64]:
    return points[((points >= -0.5) & (points <= np.array(shape) - 0.5)).all(axis=1)]
