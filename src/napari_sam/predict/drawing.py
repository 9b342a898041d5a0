"""Masks at full resolution, computed only where they can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.masks import cropped

from .candidates import Candidate, Decoded, Logits, Mask
from .frames import Frame, Positions
from .prompts import Shape
from .resampling import linear_weights, logit_weights


def window_weights(frame: Frame, shape: Shape, size: int) -> tuple[tuple[int, int], tuple[Logits, Logits]]:
    """Return how a window's logits become data pixels.

    Parameters
    ----------
    frame : Frame
    shape : (Y, X)
        Of the image; pixels outside it are left out.
    size : int
        Side of the logits.

    Returns
    -------
    origin : (int, int)
        The first data pixel.
    weights : two float32 matrices
        (rows, size) and (cols, size): pixels = rows @ logits @ cols.T.
    """
    origin, weights = [], []
    for start, length in zip((frame.row, frame.col), shape, strict=True):
        first = start - 0.5 / frame.scale
        begin = max(int(np.ceil(first - 1e-9)), 0)
        end = min(int(np.ceil(first + frame.size / frame.scale - 1e-9)), length)
        inputs = (np.arange(begin, max(end, begin)) - start) * frame.scale
        origin.append(begin)
        weights.append(logit_weights(frame, inputs, size))
    return (origin[0], origin[1]), (weights[0], weights[1])


def whole_weights(extent: Shape, shape: Shape, frame_size: int, size: int) -> tuple[Logits, Logits]:
    """Return how a ViT's logits become data pixels: to the input's size, then to the image's, as Meta does.

    Parameters
    ----------
    extent : (int, int)
        Input rows and columns that show the image.
    shape : (Y, X)
        Of the image.
    frame_size, size : int
        Sides of the input and of the logits.
    """
    weights = []
    for inputs, length in zip(extent, shape, strict=True):
        enlarge = linear_weights(_half_pixel_positions(frame_size, size)[:inputs], size)
        positions = np.clip(_half_pixel_positions(length, inputs), 0, inputs - 1)
        first = positions.astype(np.int64)
        share = (positions - first).astype(np.float32)[:, None]
        weights.append((1 - share) * enlarge[first] + share * enlarge[np.minimum(first + 1, inputs - 1)])
    return weights[0], weights[1]


def _half_pixel_positions(large: int, small: int) -> NDArray[np.float32]:
    """Return where `large` pixels lie among `small` ones; in float32 as torch, whose rounding shows."""
    centres = np.arange(large, dtype=np.float32) + np.float32(0.5)
    return centres * np.float32(small / large) - np.float32(0.5)


def draw(
    decoded: Decoded, origin: tuple[int, int], weights: tuple[Logits, Logits], threshold: float = 0.0
) -> Candidate:
    """Interpolate logits where they can be positive, and crop to the mask.

    Parameters
    ----------
    decoded : Decoded
    origin, weights
        As `window_weights` gives them.
    threshold : float
        Logits above it are inside.
    """
    start, values = interpolated(decoded, origin, weights, threshold)
    corner, mask = cropped(start, values > threshold)
    logits = decoded.logits.copy()  # a view would hold on to all of its batch
    return Candidate(corner, mask, decoded.iou, logits, decoded.frame)


def interpolated(
    decoded: Decoded, origin: tuple[int, int], weights: tuple[Logits, Logits], threshold: float
) -> tuple[tuple[int, int], Logits]:
    """Interpolate logits at the data pixels where they can exceed a threshold.

    Parameters
    ----------
    decoded : Decoded
    origin, weights
        As `window_weights` gives them.
    threshold : float

    Returns
    -------
    origin : (int, int)
        The first of those pixels.
    logits : (h, w) float32
        0 x 0 if there are none.
    """
    above = decoded.logits > threshold
    spans, parts = [], []
    for axis, matrix in enumerate(weights):
        reach = np.flatnonzero(above.any(axis=1 - axis))
        used = matrix[:, reach[0] : reach[-1] + 1].any(axis=1) if len(reach) else np.zeros(len(matrix), bool)
        touched = np.flatnonzero(used)
        first, last = (int(touched[0]), int(touched[-1]) + 1) if len(touched) else (0, 0)
        spans.append(origin[axis] + first)
        parts.append(matrix[first:last])
    rows, logits, cols = (torch.from_numpy(each) for each in (parts[0], decoded.logits, parts[1]))
    values: Logits = (rows @ logits @ cols.T).numpy()  # numpy's threads would be in the way of torch's
    return (spans[0], spans[1]), values


def drawn_at(pool: Sequence[Decoded], positions: Positions) -> Mask:
    """Say of each mask whether it will be drawn at each of (K, 2) data positions; (N, K) bool."""
    inside = []
    for frame, group in groupby(pool, lambda each: each.frame):  # the masks of a window come together
        logits = np.stack([each.logits for each in group])
        inputs = frame.to_input(positions)
        rows, cols = (
            logit_weights(frame, inputs[:, axis], count) for axis, count in enumerate(logits.shape[1:])
        )
        values = ((rows @ logits) * cols).sum(axis=-1)
        inside.append((values > 0) & frame.contains(positions))
    return np.concatenate(inside)


def pointed_at(candidate: Candidate, points: Positions) -> Candidate:
    """Return a candidate with only those of its pieces that a point lies in; all if there is none such.

    A small network's masks have specks far from the click, and an object is one piece for each click.

    Parameters
    ----------
    candidate : Candidate
    points : (K, 2) float64
        Positive points, (row, col) in data pixels.
    """
    pieces, count = ndimage.label(candidate.mask, np.ones((3, 3)))
    pixels = np.rint(points).astype(int) - candidate.origin
    inside = ((pixels >= 0) & (pixels < candidate.mask.shape)).all(axis=1)
    wanted = np.unique(pieces[tuple(pixels[inside].T)])
    wanted = wanted[wanted > 0]
    if count == len(wanted) or not len(wanted):
        return candidate
    origin, mask = cropped(candidate.origin, np.isin(pieces, wanted))
    return replace(candidate, origin=origin, mask=mask)
