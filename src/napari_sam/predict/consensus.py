"""One mask from several that mean the same: what windows of other scales and other tokens agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .candidates import Decoded
from .resampling import resample

AGREEING = 0.4
"""IoU from which a mask has a say in another's outline."""
SAME_LEVEL = 0.6
"""The same where a click may mean a part or its whole, which are not to be averaged."""
SHARPNESS = 10.0
"""How sharply better rated masks count for more."""
CERTAIN = 3.0
"""Logits beyond this are no surer: one window's zeal must not outvote the others."""
COARSEST = 0.5
"""Masks of a scale below this share of the chosen one's are too coarse for its outline."""


def consensus(
    pool: Sequence[Decoded],
    worth: NDArray[np.float32],
    index: int,
    agreeing: NDArray[np.bool_],
) -> Decoded:
    """Average a mask's logits with those of the masks like it.

    The masks of one prompt err at their outlines in different ways; on validation images the average is
    nearer the truth than the best of them, most of all where a mask is corrected.

    Parameters
    ----------
    pool : sequence of Decoded
        N masks of one prompt.
    worth : (N,) float32
        Their rated IoU with what is meant.
    index : int
        The chosen one.
    agreeing : (N,) bool
        Which of the others mean the same and take part.

    Returns
    -------
    Decoded
        In the chosen one's frame.
    """
    chosen = pool[index]
    size, frame = chosen.logits.shape[0], chosen.frame
    total, weights = np.zeros_like(chosen.logits), np.zeros_like(chosen.logits)
    scales = np.array([each.frame.scale for each in pool])
    heard = agreeing & (scales >= COARSEST * frame.scale)
    heard[index] = True
    for each, rated, has_a_say in zip(pool, worth, heard, strict=True):
        if not has_a_say:
            continue
        weight = np.exp(SHARPNESS * (rated - worth[index]))
        logits = np.clip(each.logits, -CERTAIN, CERTAIN)
        if each.frame != frame:
            logits = resample(logits, each.frame, frame, size, np.nan)
        known = np.isfinite(logits)
        total += weight * np.where(known, logits, 0)
        weights += weight * known
    return replace(chosen, logits=total / weights)
