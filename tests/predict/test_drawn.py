from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_sam.predict.drawn import MOST, SPACING, box_around, drawn_prompt, lasso_region, scribble_points

PLACES = st.floats(-20, 60)
STROKES = hnp.arrays(float, st.tuples(st.integers(1, 12), st.just(2)), elements=PLACES)
LASSOS = hnp.arrays(float, st.tuples(st.integers(3, 12), st.just(2)), elements=PLACES)
SHAPE = (40, 50)


def distance_to(path: np.ndarray, point: np.ndarray) -> float:
    """Return how far a point is from a line through vertices."""
    if len(path) == 1:
        return float(np.hypot(*(point - path[0])))
    ways = []
    for start, end in pairwise(path):
        span = end - start
        share = np.clip((point - start) @ span / max(span @ span, 1e-12), 0, 1)
        ways.append(np.hypot(*(point - start - share * span)))
    return float(min(ways))


@settings(max_examples=150, deadline=None)
@given(STROKES)
def test_points_of_a_scribble_then_lie_on_it_spaced_by_its_length(path: np.ndarray) -> None:
    points = scribble_points(path)
    length = float(np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])[-1])
    assert len(points) == min(max(math.ceil(length / SPACING), 1), MOST)
    assert all(distance_to(path, point) < 1e-6 for point in points)


def test_points_of_a_straight_scribble_then_are_in_the_middles_of_equal_parts() -> None:
    assert scribble_points(np.array([(5.0, 0.0), (5.0, 60.0)])).tolist() == [[5, 10], [5, 30], [5, 50]]
    assert scribble_points(np.array([(5.0, 7.0)])).tolist() == [[5, 7]]


@settings(max_examples=150, deadline=None)
@given(LASSOS)
def test_the_region_of_a_lasso_then_is_tight_and_within_the_plane_and_its_corners(corners: Any) -> None:
    (top, left), mask = lasso_region(corners, SHAPE)
    if not mask.size:
        return
    assert all(mask.any(axis=axis)[[0, -1]].all() for axis in (0, 1))
    assert 0 <= top <= top + mask.shape[0] <= SHAPE[0]
    assert 0 <= left <= left + mask.shape[1] <= SHAPE[1]
    rows, cols = np.nonzero(mask)
    low, high = corners.min(axis=0) - 1e-6, corners.max(axis=0) + 1e-6
    assert (low <= (rows.min() + top, cols.min() + left)).all()
    assert (high >= (rows.max() + top, cols.max() + left)).all()


@settings(max_examples=60, deadline=None)
@given(LASSOS)
def test_the_prompt_of_a_lasso_then_is_positive_in_its_region_and_nowhere_else(corners: Any) -> None:
    region = lasso_region(corners, SHAPE)
    if not region[1].size:
        return
    prompt = drawn_prompt(region)
    row, col = region[0][0] - int(prompt.frame.row), region[0][1] - int(prompt.frame.col)
    height, width = region[1].shape
    assert np.array_equal(prompt.logits[row : row + height, col : col + width] > 0, region[1])
    assert np.count_nonzero(prompt.logits > 0) == np.count_nonzero(region[1])
    assert box_around(region)[2] - box_around(region)[0] == height


def test_a_lasso_that_holds_no_pixel_then_has_an_empty_region() -> None:
    assert lasso_region(np.array([(100.0, 100.0), (110, 100), (110, 110)]), SHAPE)[1].size == 0
