"""Which labels of two planes are one object."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def matches(one: NDArray[np.integer], other: NDArray[np.integer], least: float) -> Iterator[tuple[int, int]]:
    """Yield the labels of two planes that belong together, one to one with the largest sum of IoUs.

    Parameters
    ----------
    one, other : (Y, X) int
        Labels from 0 on, which is background.
    least : float
        Of the IoU of two labels.
    """
    both = (one > 0) & (other > 0)
    if not both.any():
        return
    width = int(other.max()) + 1
    codes, shared = np.unique(one[both].astype(np.int64) * width + other[both], return_counts=True)
    pairs = np.divmod(codes, width)
    area, other_area = np.bincount(one.ravel()), np.bincount(other.ravel())
    iou = shared / (area[pairs[0]] + other_area[pairs[1]] - shared)
    near = iou >= least
    yield from _assigned(pairs[0][near], pairs[1][near], iou[near])


def _assigned(
    one: NDArray[np.int64], other: NDArray[np.int64], iou: NDArray[np.float64]
) -> Iterator[tuple[int, int]]:
    """Yield those of some pairs that match labels one to one.

    Labels that no chain of pairs connects do not compete, so each group is solved by itself: a table of
    all labels of two planes may not fit into memory.
    """
    names, places = zip(*(np.unique(row, return_inverse=True) for row in (one, other)), strict=True)
    count = len(names[0]) + len(names[1])
    links = coo_array((iou, (places[0], places[1] + len(names[0]))), shape=(count, count))
    group = connected_components(links, directed=False)[1][places[0]]
    order = np.argsort(group, kind="stable")
    for pairs in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(pairs) == 1:
            yield int(one[pairs[0]]), int(other[pairs[0]])
            continue
        rows, cols = (np.unique(row[pairs], return_inverse=True) for row in (one, other))
        table = np.zeros((len(rows[0]), len(cols[0])))
        table[rows[1], cols[1]] = iou[pairs]
        for row, col in zip(*linear_sum_assignment(table, maximize=True), strict=True):
            if table[row, col]:
                yield int(rows[0][row]), int(cols[0][col])
