"""Whether a picture shows what its truth claims: truth that nobody can see teaches guessing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .layouts import Labels, borders

VISIBLE = 0.7
"""A level can be seen if its borders are steeper than what lies beside them in so many of all comparisons."""
REACH = 4
"""What lies beside: pixels inside the objects, and so many pixels around them."""
BINS = 128


def steepness(image: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return how steep the neighbourhood of every pixel of a (3, Y, X) picture is, from 0 to `BINS` - 1."""
    x = image.astype(np.float32)
    channels = x[:1] if np.array_equal(x[0], x[2]) else x
    slopes = np.max([ndimage.gaussian_gradient_magnitude(channel, 1) for channel in channels], axis=0)
    wide = grown(slopes, 1)  # a thin line is flat in its middle
    bins: NDArray[np.intp] = np.minimum(wide * (BINS / (wide.max() + 1e-6)), BINS - 1).astype(np.intp)
    return bins


def grown(values: NDArray[Any], reach: int) -> NDArray[Any]:
    """Return each pixel's maximum over a square that reaches so many pixels on every side."""
    for _ in range(2):  # down, then turned and across
        wide = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
        values = wide[: len(values)].copy()
        for shift in range(1, 2 * reach + 1):
            np.maximum(values, wide[shift : shift + len(values)], out=values)
        values = values.T
    return values


def border_contrast(steep: NDArray[np.intp], labels: Labels) -> float:
    """Return how surely the borders of objects are steeper than what lies beside them.

    Parameters
    ----------
    steep : (Y, X)
        What `steepness` returned.
    labels : (Y, X) int32

    Returns
    -------
    float
        The area under the ROC curve: 1 where every border pixel is steeper than every other, 0.5 where
        borders cannot be told from the rest. 1 if there is nothing to compare.
    """
    edge = borders(labels)
    beside = grown(labels > 0, REACH) & ~grown(edge, 2)
    if not edge.any() or not beside.any():
        return 1.0
    lines = np.bincount(steep[edge], minlength=BINS) / edge.sum()
    others = np.bincount(steep[beside], minlength=BINS) / beside.sum()
    return float(lines @ (np.cumsum(others) - others / 2))


def visible(image: NDArray[np.uint8], levels: tuple[Labels, ...]) -> bool:
    """Say whether the borders of every level stand out of a (3, Y, X) picture."""
    steep = steepness(image)
    return all(border_contrast(steep, labels) >= VISIBLE for labels in levels)
