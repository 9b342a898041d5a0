"""What a person draws, as prompts: a scribble along an object, a lasso around it, a mask by hand."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import polygon

from napari_sam.masks import Mask, Region

from .frames import Frame, Positions
from .prompts import Box, MaskPrompt, Shape

SPACING, MOST = 8.0, 3
"""Pixels of a scribble for each of its points, and how many these are at most: each takes a decoding."""
MARGIN = 8
"""Pixels that a drawn mask prompt shows around its region."""
STEEPEST = 8.0
"""Logits of a drawn mask prompt end here; the decoder's own rarely go further."""


def scribble_points(path: Positions) -> Positions:
    """Return points along a stroke: in the middles of equal parts of it, one in so many pixels.

    Parameters
    ----------
    path : (N, 2)
        Its vertices (row, col); at least one.

    Returns
    -------
    (K, 2) float64
        On the stroke, in its order; 1 to `MOST`.
    """
    steps = np.hypot(*np.diff(path, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    count = min(max(math.ceil(along[-1] / SPACING), 1), MOST)
    middles = (np.arange(count) + 0.5) / count * along[-1]
    return np.stack([np.interp(middles, along, path[:, axis]) for axis in (0, 1)], axis=1)


def lasso_region(corners: Positions, shape: Shape) -> Region:
    """Return the pixels whose centres a polygon holds; 0 x 0 if it holds none of the plane's.

    Parameters
    ----------
    corners : (N, 2)
        Its vertices (row, col); it closes itself, and may cross itself.
    shape : (Y, X)
        Of the plane.
    """
    rows, cols = polygon(corners[:, 0], corners[:, 1], shape)
    if not len(rows):
        return (0, 0), np.zeros((0, 0), bool)
    top, left = int(rows.min()), int(cols.min())
    mask = np.zeros((int(rows.max()) - top + 1, int(cols.max()) - left + 1), bool)
    mask[rows - top, cols - left] = True
    return (top, left), mask


def box_around(region: Region) -> Box:
    """Return the box to the outer edges of a region's pixels."""
    (row, col), (height, width) = region[0], region[1].shape
    return row - 0.5, col - 0.5, row + height - 0.5, col + width - 0.5


def deepest_point(region: Region) -> tuple[float, float]:
    """Return the position (row, col) farthest from a region's edge."""
    (row, col), mask = region
    depth: NDArray[np.float64] = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    at = np.unravel_index(int(np.argmax(depth)), mask.shape)
    return float(row + at[0]), float(col + at[1])


def drawn_prompt(region: Region) -> MaskPrompt:
    """Return a mask prompt for a region that the decoder did not draw: its signed distance as logits."""
    (row, col), mask = region
    side = max(mask.shape) + 2 * MARGIN
    square = np.zeros((side, side), bool)
    square[MARGIN : MARGIN + mask.shape[0], MARGIN : MARGIN + mask.shape[1]] = mask
    logits = np.clip(signed_distance(square), -STEEPEST, STEEPEST).astype(np.float32)
    return MaskPrompt(logits, Frame(row - MARGIN, col - MARGIN, 1.0, side))


def signed_distance(mask: Mask) -> NDArray[np.float64]:
    """Return how far every pixel's centre is from the mask's edge, positive inside."""
    inside: NDArray[np.float64] = ndimage.distance_transform_edt(mask)
    outside: NDArray[np.float64] = ndimage.distance_transform_edt(~mask)
    return np.where(mask, inside - 0.5, 0.5 - outside)
