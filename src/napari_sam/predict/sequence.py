"""Prompts answered one after another: which of them take part in each step."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .prompts import MaskPrompt, Prompts


def steps(prompts: Prompts) -> list[list[int]]:
    """Return which points take part in each step of a sequence; at least one step."""
    order = list(range(len(prompts.positions)))
    if prompts.box is not None or not order:
        return [order[:count] for count in range(len(order) + 1)]
    first = int(np.argmax(prompts.labels))
    order = [first, *[i for i in order if i != first]]
    return [order[: count + 1] for count in range(len(order))]


def subset(prompts: Prompts, chosen: list[int], mask: MaskPrompt | NDArray[np.floating] | None) -> Prompts:
    """Return prompts with some of the points and another mask."""
    points, labels = prompts.positions[chosen], prompts.labels[chosen]
    return replace(prompts, points=points, point_labels=labels, mask=mask)


def key_of(prompts: Prompts, chosen: list[int]) -> Hashable:
    """Return what a step of a sequence depends on, besides the embedding."""
    mask = prompts.mask
    given = mask.logits.tobytes() if isinstance(mask, MaskPrompt) else mask is not None and mask.tobytes()
    frame = mask.frame if isinstance(mask, MaskPrompt) else None
    box = None if prompts.box is None else tuple(prompts.box)
    return prompts.positions[chosen].tobytes(), prompts.labels[chosen].tobytes(), box, given, frame
