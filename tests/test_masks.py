from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_sam.masks import cropped, meets

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
