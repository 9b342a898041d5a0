"""How well a label image agrees with the truth: matched objects at thresholds of IoU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""0.50 to 0.95, as in the 2018 Data Science Bowl and in COCO."""

Labels = NDArray[np.integer]


def average_precision(
    truth: Labels, predicted: Labels, thresholds: Sequence[float] = THRESHOLDS
) -> NDArray[np.float64]:
    """Return TP / (TP + FP + FN) at each threshold, as Cellpose and StarDist report it.

    Two objects match when their IoU exceeds the threshold, so that nothing can match twice from 0.5 on. For
    the two programs an IoU that equals it is a match as well, which differs for tiny objects alone.

    Parameters
    ----------
    truth, predicted : (Y, X) int
        0 and below background, one value an object.
    thresholds : sequence of float
        At least 0.5.

    Returns
    -------
    (T,) float64
        1 where there are no objects in either.

    Raises
    ------
    ValueError
        If the shapes differ, or a threshold is under 0.5.
    """
    counts = matched(truth, predicted, thresholds)
    return np.array([tp / (tp + fp + fn) if tp + fp + fn else 1.0 for tp, fp, fn in counts])


def f1(truth: Labels, predicted: Labels, threshold: float = 0.5) -> float:
    """Return the harmonic mean of precision and recall of matched objects; 1 if there are none at all."""
    ((tp, fp, fn),) = matched(truth, predicted, [threshold])
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0


def matched(truth: Labels, predicted: Labels, thresholds: Sequence[float]) -> list[tuple[int, int, int]]:
    """Count true positives, false positives and false negatives at each threshold.

    Raises
    ------
    ValueError
        If the shapes differ, or a threshold is under 0.5.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"labels of {truth.shape} cannot be compared with labels of {predicted.shape}")
    if min(thresholds) < 0.5:
        raise ValueError("under an IoU of 0.5 an object may match twice; give thresholds from 0.5 on")
    ious = pairwise_iou(truth, predicted)
    counts = []
    for threshold in thresholds:
        hits = int((ious > threshold).sum())
        counts.append((hits, ious.shape[1] - hits, ious.shape[0] - hits))
    return counts


def pairwise_iou(truth: Labels, predicted: Labels) -> NDArray[np.float64]:
    """Return the IoU of every true with every predicted object, (T, P); what is below 0 is none."""
    a, b = _numbered(truth), _numbered(predicted)
    rows, cols = int(a.max()) + 1, int(b.max()) + 1
    overlap = np.bincount(a * cols + b, minlength=rows * cols).reshape(rows, cols).astype(float)
    overlap[0, 0] -= 1  # the background that was appended, so that it is always there
    union = overlap.sum(axis=1, keepdims=True) + overlap.sum(axis=0, keepdims=True) - overlap
    return np.asarray(overlap[1:, 1:] / np.maximum(union[1:, 1:], 1))


def _numbered(labels: Labels) -> NDArray[np.intp]:
    """Return the labels of all pixels, and of one more that is background, as 0, 1, 2 and so on."""
    objects = np.maximum(labels.ravel(), 0)
    return np.unique(np.append(objects, objects.dtype.type(0)), return_inverse=True)[1]
