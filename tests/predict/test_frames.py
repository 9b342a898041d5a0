from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_sam.predict import Frame
from napari_sam.predict.frames import Layout, resized_shape, useful_scales

LAYOUT = Layout((1.0, 0.5, 0.25), 128, 8)
POSITIONS = st.tuples(st.floats(-0.5, 5000), st.floats(-0.5, 5000)).map(np.array)


@settings(max_examples=200, deadline=None)
@given(POSITIONS, st.integers(0, 2))
def test_window_around_any_position_holds_it_near_its_middle(position: NDArray[Any], level: int) -> None:
    window = LAYOUT.window(level, position)
    inputs = window.frame.to_input(position[None])[0]
    assert np.abs(inputs - 63.5).max() <= 4 + 1e-6
    np.testing.assert_allclose(window.frame.to_data(inputs[None])[0], position, atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2), st.integers(-20, 500), st.integers(-20, 500))
def test_matching_finds_the_window_of_its_own_frame(level: int, row: float, col: float) -> None:
    window = LAYOUT.window_at(level, (row, col))
    assert LAYOUT.matching(window.frame) == window


@pytest.mark.parametrize("frame", [Frame(0.3, 0, 1, 128), Frame(0, 0, 0.7, 128), Frame(0, 0, 1, 256)])
def test_matching_when_the_frame_is_off_the_grid_finds_nothing(frame: Frame) -> None:
    assert LAYOUT.matching(frame) is None


def test_window_pixel_centres_follow_the_scale() -> None:
    # at half the scale, the first input pixel of the image covers data pixels 0 and 1
    assert LAYOUT.window_at(1, (0, 0)).frame.row == 0.5
    assert LAYOUT.window_at(2, (0, 1)).frame.col == 32 + 1.5


@pytest.mark.parametrize(("side", "level"), [(10, 0), (80, 0), (81, 1), (160, 1), (161, 2), (5000, 2)])
def test_box_level_is_the_finest_that_fits_or_the_coarsest(side: float, level: int) -> None:
    assert LAYOUT.box_level(side) == level


def test_windows_for_one_point_are_one_a_scale() -> None:
    assert [window.level for window in LAYOUT.windows(np.array([[50.0, 60.0]]), box=False, count=3)] == [
        0,
        1,
        2,
    ]


def test_windows_for_points_far_apart_leave_out_scales_at_which_they_do_not_fit() -> None:
    windows = LAYOUT.windows(np.array([[0.0, 0.0], [200.0, 10.0]]), box=False, count=3)
    assert [window.level for window in windows] == [1, 2]
    assert all(window.frame.contains(np.array([[0.0, 0.0], [200.0, 10.0]])).all() for window in windows)


def test_finer_windows_are_those_that_hold_a_small_mask_with_room() -> None:
    layout = Layout((1.0, 0.5, 2.0, 4.0), 128, 8)
    point = np.array([[50.0, 60.0]])

    def levels(side: float) -> list[int]:
        extent = np.array([[50 - side / 2, 60.0], [50 + side / 2, 60.0]])
        return [window.level for window in layout.finer_windows(point, extent, 2)]

    assert levels(10) == [2, 3]
    assert levels(30) == [2]
    assert levels(40) == []
    assert [window.level for window in layout.windows(point, box=False, count=2)] == [0, 1]
    assert layout.box_level(15) == 3
    assert layout.finer_windows(point, np.zeros((0, 2)), 2)[0].frame.contains(point).all()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((64, 64), (1.0,)),
        ((65, 20), (1.0, 0.5)),
        ((256, 256), (1.0, 0.5, 0.25)),
        ((300, 9), (1.0, 0.5, 0.25)),
    ],
)
def test_useful_scales_end_where_one_shows_the_whole_image(
    shape: tuple[int, int], expected: tuple[float, ...]
) -> None:
    assert useful_scales((1.0, 0.5, 0.25), 128, shape) == expected


def test_mask_window_stays_while_prompts_are_inside_and_widens_when_one_is_not() -> None:
    window = LAYOUT.window(0, np.array([100.0, 100.0]))
    extent = np.array([[90.0, 90.0], [110.0, 110.0]])
    assert LAYOUT.mask_window(window.frame, np.array([[120.0, 120.0]]), extent) == window
    far = np.array([[100.0, 100.0], [250.0, 100.0]])
    wider = LAYOUT.mask_window(window.frame, far, extent)
    assert wider.level == 1
    assert wider.frame.contains(np.concatenate([far, extent])).all()


def test_mask_window_of_an_empty_mask_without_points_stays_in_place() -> None:
    frame = Frame(10.3, 20.0, 1.0, 128)
    window = LAYOUT.mask_window(frame, np.zeros((0, 2)), np.zeros((0, 2)))
    assert abs(window.frame.row - frame.row) <= 4


@pytest.mark.parametrize(
    ("shape", "expected"), [((180, 240), (192, 256)), ((1, 4096), (1, 256)), ((3, 3), (256, 256))]
)
def test_resized_shape_rounds_as_meta_does(shape: tuple[int, ...], expected: tuple[int, int]) -> None:
    assert resized_shape(shape, 256) == expected


def test_finer_windows_for_several_points_lie_around_all_of_them() -> None:
    layout = Layout((1.0, 2.0), 128, 8)
    points = np.array([[50.0, 60.0], [54.0, 68.0], [52.0, 64.0]])
    (window,) = layout.finer_windows(points, np.zeros((0, 2)), 1)
    assert window == layout.window(1, np.array([52.0, 64.0]))
