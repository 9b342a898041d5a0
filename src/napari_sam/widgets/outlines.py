"""Masks as outlines of few vertices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.measure import find_contours

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERTICES = 160
"""At most about as many for one mask: drawing costs as much as computing the mask at some hundreds."""


def outlines(mask: NDArray[np.bool_], origin: tuple[int, int]) -> list[NDArray[np.float64]]:
    """Return the closed outlines of a mask, holes too; long ones skip vertices evenly.

    Parameters
    ----------
    mask : (h, w) bool
    origin : (int, int)
        Row and column of its first pixel.

    Returns
    -------
    list of (N, 2) float64
        (row, col) in data pixels, the first vertex again at the end.
    """
    if not mask.any():
        return []
    level: Any = np.pad(mask, 1).astype(np.float32)
    contours = sorted(find_contours(level, 0.5), key=len, reverse=True)[:PIECES]
    tolerance = 0.3
    while True:
        # each round simplifies what the round before left, so that a ragged mask stays quick too
        contours = [approximate_polygon(contour, tolerance) for contour in contours]
        contours = [contour for contour in contours if len(contour) > 3]
        if sum(map(len, contours)) <= VERTICES or tolerance > max(mask.shape):
            return [contour - 1 + np.array(origin) for contour in contours]
        tolerance *= 1.6
