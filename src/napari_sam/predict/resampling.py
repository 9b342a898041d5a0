"""Logits that cover a frame, read at other positions and in other frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .frames import Frame, Positions


def linear_weights(positions: NDArray[np.floating], count: int) -> NDArray[np.float32]:
    """Return the matrix that interpolates `count` samples linearly at positions; (P, count) float32.

    Beyond the first and the last sample their values go on.
    """
    clipped = np.clip(positions, 0, count - 1)
    first = np.minimum(clipped.astype(np.int64), max(count - 2, 0))
    share = (clipped - first).astype(np.float32)
    weights = np.zeros((len(positions), count), np.float32)
    rows = np.arange(len(positions))
    weights[rows, first] = 1 - share
    weights[rows, np.minimum(first + 1, count - 1)] += share
    return weights


def logit_weights(frame: Frame, inputs: NDArray[np.floating], count: int) -> NDArray[np.float32]:
    """Return the matrix that reads `count` logits along a side of a frame at input positions; (P, count)."""
    return linear_weights((inputs + 0.5) * count / frame.size - 0.5, count)


def resample(
    logits: NDArray[np.float32], source: Frame, target: Frame, size: int, outside: float
) -> NDArray[np.float32]:
    """Move logits from one frame to another.

    Parameters
    ----------
    logits : (h, w) float32
        Logits that cover `source`.
    source, target : Frame
    size : int
        Side of the result.
    outside : float
        Value where the target leaves the source.

    Returns
    -------
    (size, size) float32
    """
    step = target.size / size
    centres = (np.arange(size) + 0.5) * step - 0.5
    inputs = source.to_input(target.to_data(np.stack([centres, centres], axis=1)))
    weights, known = [], []
    for axis, count in enumerate(logits.shape):
        weights.append(logit_weights(source, inputs[:, axis], count))
        known.append((inputs[:, axis] >= -0.5) & (inputs[:, axis] <= source.size - 0.5))
    moved = weights[0] @ logits @ weights[1].T
    return np.where(np.outer(*known), moved, np.float32(outside)).astype(np.float32)


def covered_extent(logits: NDArray[np.float32], frame: Frame) -> Positions:
    """Return the least and largest data positions where logits are positive; (2, 2), or (0, 2) if nowhere."""
    inside = logits > 0
    rows, cols = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((0, 2))
    low, high = [rows[0], cols[0]], [rows[-1], cols[-1]]
    steps = frame.size / np.array(logits.shape)
    return frame.to_data((np.array([low, high]) + 0.5) * steps - 0.5)
