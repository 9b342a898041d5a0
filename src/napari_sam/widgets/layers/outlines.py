"""Masks as outlines of few vertices, in dashes, and as runs of their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage.measure import find_contours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_sam.session import Plane

VERTICES = 160
"""About as many for one mask: drawing costs as much as computing the mask at some hundreds."""
SIDE = 256
"""Larger masks are shrunk to this before they are traced, which is a matter of their area."""
DASHES = 300
"""At most as many dashes of one outline."""
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


def dashes(paths: Sequence[NDArray[np.float64]], on: float, off: float) -> list[NDArray[np.float64]]:
    """Return outlines' segments, or short straight pieces of them with gaps between; of all in one go.

    Parameters
    ----------
    paths : sequence of (N, 2) float64
    on, off : float
        Lengths of a piece and of a gap; no gap keeps the segments.

    Returns
    -------
    list of (D, 2, 2) float64
        Starts and ends of each outline's, each (row, col).
    """
    if not paths:
        return []
    vertices, sizes = np.concatenate(paths), np.array([len(path) for path in paths])
    firsts = np.cumsum(sizes) - sizes
    between = firsts[1:] - 1  # steps that lead from one outline to the next
    if not off:
        segments = np.delete(np.stack([vertices[:-1], vertices[1:]], axis=1), between, axis=0)
        return np.split(segments, np.cumsum(sizes - 1)[:-1])
    steps = np.hypot(*np.diff(vertices, axis=0).T)
    steps[between] = 1  # whatever it is, as long as an outline begins beyond the end of the last one
    along = np.concatenate([[0], np.cumsum(steps)])
    lengths = along[firsts + sizes - 1] - along[firsts]
    counts = np.clip(lengths / (on + off), 3, DASHES).astype(int)
    last = np.cumsum(counts)
    numbers = np.arange(last[-1]) - np.repeat(last - counts, counts)
    pitch = np.repeat(lengths / counts, counts)
    starts = np.repeat(along[firsts], counts) + numbers * pitch
    places = np.stack([starts, starts + pitch * on / (on + off)], axis=1)
    pieces = np.stack([np.interp(places, along, vertices[:, axis]) for axis in range(2)], axis=2)
    return np.split(pieces, last[:-1])


def thinned(paths: Sequence[NDArray[np.float64]], least: float) -> list[NDArray[np.float64]]:
    """Return closed outlines with vertices about so far apart, at least four of each."""
    if not paths:
        return []
    vertices, sizes = np.concatenate(paths), np.array([len(path) for path in paths])
    ends = np.cumsum(sizes)
    steps = np.hypot(*np.diff(vertices, axis=0, append=0).T)
    steps[ends - 1] = 0  # these lead away
    lengths = np.add.reduceat(steps, ends - sizes)
    apart = np.clip(least * sizes / np.maximum(lengths, least), 1, np.maximum(sizes // 4, 1)).astype(int)
    return [
        np.concatenate([path[:-1:step], path[-1:]]) for path, step in zip(paths, apart.tolist(), strict=True)
    ]


def in_plane(lines: NDArray[np.float64], plane: Plane, ndim: int) -> NDArray[np.float64]:
    """Return (N, 2, 2) starts and ends in a plane as (N, 2, ndim) starts and ways, as Vectors layers have."""
    vectors = np.zeros((len(lines), 2, ndim))
    vectors[:, 0, :-2] = plane
    vectors[:, 0, -2:] = lines[:, 0]
    vectors[:, 1, -2:] = lines[:, 1] - lines[:, 0]
    return vectors


def runs(mask: NDArray[np.bool_], origin: tuple[int, int]) -> tuple[NDArray[np.float64], int]:
    """Return the rows of a mask as lines that fill it when they are as thick as said.

    Parameters
    ----------
    mask : (h, w) bool
    origin : (int, int)
        Row and column of its first pixel.

    Returns
    -------
    lines : (R, 2, 2) float64
        Starts and ends, each (row, col) in data pixels.
    height : int
        Rows that one line stands for: 1, or more for masks of many rows.
    """
    height = max(1, -(-len(mask) // SIDE))
    steps = np.pad(mask[height // 2 :: height], ((0, 0), (1, 1))).astype(np.int8)
    rows, starts = np.nonzero(np.diff(steps, axis=1) == 1)
    ends = np.nonzero(np.diff(steps, axis=1) == -1)[1]
    middle = rows * height + (height - 1) / 2
    lines = np.stack([np.stack([middle, starts - 0.5], 1), np.stack([middle, ends - 0.5], 1)], axis=1)
    return lines + np.array(origin), height


def _shrunk(mask: NDArray[np.bool_], block: int) -> NDArray[np.float32]:
    """Return the covered share of each square block of a mask, with a free border."""
    height, width = mask.shape
    padded = np.pad(mask, [(block, block + -height % block), (block, block + -width % block)])
    rows, cols = padded.shape[0] // block, padded.shape[1] // block
    shares: NDArray[np.float32] = padded.reshape(rows, block, cols, block).mean(axis=(1, 3), dtype=np.float32)
    return shares
