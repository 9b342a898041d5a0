from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_sam.masks import DENSE, cropped, labelled, meets

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=8))


@given(masks, st.integers(-3, 3), st.integers(-3, 3))
def test_a_mask_when_cropped_then_covers_the_same_pixels_with_no_empty_border(
    mask: np.ndarray, top: int, left: int
) -> None:
    origin, part = cropped((top, left), mask)
    pixels = {(row + top, col + left) for row, col in np.argwhere(mask)}
    assert {(row + origin[0], col + origin[1]) for row, col in np.argwhere(part)} == pixels
    assert all(edge.any() for edge in (part[:1], part[-1:], part[:, :1], part[:, -1:]) if edge.size)
    assert part.size or not pixels
    assert not np.shares_memory(part, mask)


@pytest.mark.parametrize(
    ("origin", "shape", "there"),
    [((5, 5), (5, 5), True), ((9, 9), (1, 1), True), ((10, 5), (2, 2), False), ((5, 2), (9, 2), False)],
)
def test_a_box_meets_a_window_when_they_have_a_pixel_in_common(
    origin: tuple[int, int], shape: tuple[int, int], there: bool
) -> None:
    assert meets(origin, shape, (slice(4, 10), slice(4, 10))) == there


@settings(deadline=None)
@given(
    arrays(np.int64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(-2, 4)),
    st.sampled_from([1, 1000, DENSE]),
    st.sampled_from(["int64", "uint64", "uint32"]),
)
def test_labels_above_0_then_come_in_their_order_with_all_of_their_pixels(
    numbers: np.ndarray, spread: int, dtype: str
) -> None:
    pixels = numbers * spread if dtype == "int64" else (np.maximum(numbers, 0) * spread).astype(dtype)
    found = dict(labelled(pixels))
    assert list(found) == np.unique(pixels[pixels > 0]).tolist()
    drawn = np.zeros_like(pixels)
    for label, ((row, col), mask) in found.items():
        assert mask.any(axis=0)[[0, -1]].all()
        assert mask.any(axis=1)[[0, -1]].all()
        drawn[row : row + mask.shape[0], col : col + mask.shape[1]][mask] = label
    assert np.array_equal(drawn, np.where(pixels > 0, pixels, 0))


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
def test_labels_of_a_plane_when_it_has_no_pixels_then_there_are_none(shape: tuple[int, int]) -> None:
    assert list(labelled(np.zeros(shape, np.int32))) == []


def test_labels_when_one_is_larger_than_any_index_then_it_comes_too() -> None:
    pixels = np.array([[0, 5], [2**64 - 1, 5]], np.uint64)
    assert [label for label, _ in labelled(pixels)] == [5, 2**64 - 1]
