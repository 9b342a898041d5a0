"""Masks as outlines: few vertices, true to the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.measure import approximate_polygon, find_contours

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERTICES = 150
"""At most about as many for one mask: drawing costs a third of a millisecond each."""


def outlines(mask: NDArray[np.bool_], origin: tuple[int, int]) -> list[NDArray[np.float64]]:
    """Return the closed outlines of a mask, holes too.

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
    contours = find_contours(level, 0.5)
    tolerance = 0.3
    while True:
        simple = [approximate_polygon(contour, tolerance) for contour in contours]
        simple = [contour for contour in simple if len(contour) > 3]
        if sum(map(len, simple)) <= VERTICES or tolerance > max(mask.shape):
            return [contour - 1 + np.array(origin) for contour in simple]
        tolerance *= 1.6
