"""Masks as outlines of few vertices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.measure import find_contours

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERTICES = 160
"""About as many for one mask: drawing costs as much as computing the mask at some hundreds."""
SIDE = 256
"""Larger masks are shrunk to this before they are traced, which is a matter of their area."""
PIECES = 20
"""At most as many outlines of one mask, the longest: more would be specks."""


def outlines(mask: NDArray[np.bool_], origin: tuple[int, int]) -> list[NDArray[np.float64]]:
    """Return the longest closed outlines of a mask, holes too; they skip vertices evenly.

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
    block = -(-max(mask.shape) // SIDE)
    contours = sorted(find_contours(_shrunk(mask, block), 0.5), key=len, reverse=True)[:PIECES]
    step = -(-sum(map(len, contours)) // VERTICES)
    # every outline keeps four corners, and its first vertex at its end
    thinned = [contour[:-1][:: min(step, max(len(contour) // 4, 1))] for contour in contours]
    # vertices count blocks, of which the first one is padding
    corner = np.array(origin) + (block - 1) / 2 - block
    return [np.concatenate([contour, contour[:1]]) * block + corner for contour in thinned]


def _shrunk(mask: NDArray[np.bool_], block: int) -> NDArray[np.float32]:
    """Return the covered share of each square block of a mask, with a free border."""
    height, width = mask.shape
    padded = np.pad(mask, [(block, block + -height % block), (block, block + -width % block)])
    rows, cols = padded.shape[0] // block, padded.shape[1] // block
    shares: NDArray[np.float32] = padded.reshape(rows, block, cols, block).mean(axis=(1, 3), dtype=np.float32)
    return shares
