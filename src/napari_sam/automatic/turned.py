"""An image asked upright and turned by half a turn: what both answers agree on is nearer the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_sam.predict import Frame, Prompts
from napari_sam.predict.candidates import Decoded
from napari_sam.predict.resampling import resample

Shape = tuple[int, int]


def turned(prompts: Prompts, shape: Shape) -> Prompts:
    """Return points and a box on an image of (Y, X) as they lie on it once it is turned."""
    ends = np.array(shape) - 1
    box = prompts.box
    if box is not None:
        low, high = ends - np.array(box[2:]), ends - np.array(box[:2])
        box = (*low.tolist(), *high.tolist())
    return replace(prompts, points=ends - prompts.positions, box=box)


def turned_back(frame: Frame, shape: Shape) -> Frame:
    """Return where a frame on the turned image lies on the image of (Y, X)."""
    last = frame.to_data(np.full((1, 2), frame.size - 1.0))[0]
    row, col = (np.array(shape) - 1 - last).tolist()
    return replace(frame, row=row, col=col)


def in_common(upright: Decoded, other: Decoded, shape: Shape) -> Decoded:
    """Return the mean of two answers to the same prompts, the other one on the turned image of (Y, X)."""
    logits = upright.logits
    seen = np.ascontiguousarray(other.logits[::-1, ::-1])
    moved = resample(seen, turned_back(other.frame, shape), upright.frame, len(logits), np.nan)
    mean = np.where(np.isfinite(moved), (logits + moved) / 2, logits)
    return Decoded(mean, upright.frame, (upright.iou + other.iou) / 2, 0)
