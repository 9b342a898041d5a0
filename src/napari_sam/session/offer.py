"""What a person is offered to choose from: the candidates that differ, with numbers and names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_sam.predict import Candidate, Candidates

SAME = 0.9
"""Masks whose IoU is higher look the same, and are offered once."""
PART, CELL, CLUSTER, REFINED = "part", "cell", "cluster", "refined"
COLOURS = ("#56b4e9", "#e69f00", "#cc79a7")
"""Of the first, second and third, wherever they are drawn: Okabe and Ito's sky blue, orange and reddish
purple, told apart with any colour vision."""
GRID = 128
"""Masks are compared on about as many rows and columns."""


@dataclass(frozen=True, eq=False)
class Offer:
    """The distinct ones of some candidates, from the smallest to the largest.

    Attributes
    ----------
    candidates : Candidates
        All of them; choices are indices into its items.
    suggested : int
        The index that Enter takes.
    """

    candidates: Candidates
    suggested: int

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """The indices that are offered; the first one is number 1."""
        return tuple(_member(group, self.candidates) for group in groups(self.candidates))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the shown ones are called by their size.

        Where the model's own suggestion is the largest, it is the cell, and the others are parts of it.
        """
        found = groups(self.candidates)
        if len(found) > 1 and self.candidates.best in found[-1]:
            return (PART,) * (len(found) - 1) + (CELL,)
        order = [index for group in found for index in group]
        return tuple(_name([order.index(index) for index in group], len(order)) for group in found)

    def name_of(self, index: int) -> str:
        """Return what a candidate is called, or the one that looks like it; "" for an empty one."""
        found = groups(self.candidates)
        return next((name for group, name in zip(found, self.names, strict=True) if index in group), "")

    def at(self, row: float, col: float) -> int | None:
        """Return the index of the smallest shown candidate that covers a position, in data pixels."""
        covering = (index for index in self.shown if _covers(self.candidates.items[index], row, col))
        return next(covering, None)


def groups(candidates: Candidates) -> list[list[int]]:
    """Return the indices of candidates that look the same together, by growing area; empty ones go.

    If all are empty, one of them stays.
    """
    items = candidates.items
    filled = [index for index in range(len(items)) if items[index].area]
    found: list[list[int]] = []
    for index in sorted(filled, key=lambda each: items[each].area):
        if found and iou(items[found[-1][0]], items[index]) > SAME:
            found[-1].append(index)
        else:
            found.append([index])
    return found or [[candidates.best]]


def iou(one: Candidate, other: Candidate) -> float:
    """Return the IoU of two masks; of large ones it is sampled."""
    boxes = np.array([one.bbox, other.bbox])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    step = max(1, int((high - low).max()) // GRID)
    rows, cols = (np.arange(start, stop + 1, step) for start, stop in zip(low, high, strict=True))
    a, b = _sampled(one, rows, cols), _sampled(other, rows, cols)
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def _sampled(item: Candidate, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    picked = np.zeros((len(rows), len(cols)), bool)
    rows, cols = rows - item.origin[0], cols - item.origin[1]
    down, along = (rows >= 0) & (rows < item.mask.shape[0]), (cols >= 0) & (cols < item.mask.shape[1])
    picked[np.ix_(down, along)] = item.mask[np.ix_(rows[down], cols[along])]
    return picked


def _member(group: list[int], candidates: Candidates) -> int:
    """Return which of the same is shown: the model's own suggestion, or else the one it trusts most."""
    if candidates.best in group:
        return candidates.best
    return max(group, key=lambda index: candidates.items[index].iou_prediction)


def _name(ranks: list[int], count: int) -> str:
    """Return a name for the candidates of some ranks by area."""
    if count == 1:
        return REFINED
    middle = count // 2
    if middle in ranks and count > 2:
        return CELL
    if ranks[0] == 0:
        return PART if count > 2 else CELL
    return CLUSTER


def _covers(item: Candidate, row: float, col: float) -> bool:
    down, along = int(np.rint(row)) - item.origin[0], int(np.rint(col)) - item.origin[1]
    inside = 0 <= down < item.mask.shape[0] and 0 <= along < item.mask.shape[1]
    return inside and bool(item.mask[down, along])
