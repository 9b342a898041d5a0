from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from napari_sam.automatic.stack.matching import matches


def squares(count: int, side: int) -> NDArray[np.int64]:
    """Draw rows and columns of as many squares."""
    numbers = np.arange(1, count * count + 1).reshape(count, count)
    plane = np.kron(numbers, np.ones((side, side), np.int64))
    plane[::side] = plane[:, ::side] = 0
    return plane


def ious(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the IoU of all labels of one plane with all of the other."""
    masks = [np.array([plane == label for label in range(1, plane.max() + 1)]) for plane in (one, other)]
    ours, theirs = (each.reshape(len(each), -1).astype(float) for each in masks)
    both = ours @ theirs.T
    return np.asarray(both / (ours.sum(1)[:, None] + theirs.sum(1) - both))


def test_matches_when_labels_compete_then_their_ious_sum_up_to_the_largest() -> None:
    rng = np.random.default_rng(0)
    for least in (0.1, 0.25):
        for shift in rng.integers(1, 5, (8, 2)):
            one = squares(6, 7)
            other = np.roll(one, shift, (0, 1))
            other[rng.random(other.shape) < 0.2] = 0
            one[rng.random(one.shape) < 0.1] = 5  # which then overlaps all others
            table = ious(one, other)
            table[table < least] = 0
            best = table[linear_sum_assignment(table, maximize=True)].sum()
            found = list(matches(one, other, least))
            for side in zip(*found, strict=True):
                assert len({*side}) == len(side)
            kept = np.array([table[a - 1, b - 1] for a, b in found])
            assert (kept > 0).all()
            assert kept.sum() == pytest.approx(best)


def test_matches_when_there_are_thousands_of_labels_then_no_table_of_all_pairs_is_made() -> None:
    one = squares(60, 6)
    tracemalloc.start()
    found = list(matches(one, np.roll(one, 1, 1), 0.25))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [(label, label) for label in range(1, 3601)]
    assert peak < 40e6  # 3,600 x 3,600 numbers take 104 MB
