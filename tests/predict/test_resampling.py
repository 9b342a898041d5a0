from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam.predict import Frame
from napari_sam.predict.frames import Layout
from napari_sam.predict.resampling import covered_extent, linear_weights, resample

LAYOUT = Layout((1.0, 0.5, 0.25), 128, 8)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20), st.lists(st.floats(-5, 30), min_size=1, max_size=10))
def test_linear_weights_equal_numpy_interpolation(count: int, positions: list[float]) -> None:
    samples = np.random.default_rng(0).normal(size=count).astype(np.float32)
    result = linear_weights(np.array(positions), count) @ samples
    np.testing.assert_allclose(result, np.interp(positions, np.arange(count), samples), atol=1e-5)


def test_resample_to_the_same_frame_changes_nothing() -> None:
    logits = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    frame = LAYOUT.window_at(1, (3, 4)).frame
    np.testing.assert_allclose(resample(logits, frame, frame, 64, -8), logits, atol=1e-5)


def test_resample_to_a_coarser_frame_keeps_the_place_and_fills_the_unseen() -> None:
    fine, coarse = LAYOUT.window_at(0, (4, 6)).frame, LAYOUT.window_at(2, (0, 0)).frame
    logits = np.full((64, 64), -3, np.float32)
    logits[20:40, 24:48] = 5
    moved = resample(logits, fine, coarse, 64, -8.0)
    np.testing.assert_allclose(covered_extent(moved, coarse), covered_extent(logits, fine), atol=8)
    assert moved[0, 0] == moved[-1, -1] == -8


def test_covered_extent_is_from_the_middle_of_the_first_to_that_of_the_last_positive_logit() -> None:
    logits = np.full((4, 4), -1, np.float32)
    logits[1, 2] = logits[2, 1] = 0.5
    logits[0, 0] = 0  # is not inside
    frame = Frame(10.0, 20.0, 0.5, 8)  # two input pixels a logit, two data pixels an input pixel
    np.testing.assert_array_equal(covered_extent(logits, frame), [[15, 25], [19, 29]])
    assert covered_extent(np.minimum(logits, 0), frame).shape == (0, 2)
