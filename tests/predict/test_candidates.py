from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from napari_sam.predict.candidates import (
    Candidate,
    Candidates,
    Decoded,
    least_extent,
    overlap,
    rank,
    stability,
)
from napari_sam.predict.drawing import draw, pointed_at, whole_weights, window_weights
from napari_sam.predict.frames import Frame, Layout

LAYOUT = Layout((1.0, 0.5, 0.25), 128, 8)


def disc(
    level: int = 0,
    origin: tuple[int, int] = (0, 0),
    centre: tuple[float, float] = (60.0, 60.0),
    radius: float = 20.0,
    iou: float = 0.5,
    token: int = 1,
) -> Decoded:
    """A mask of known place and size, in data pixels."""
    frame = LAYOUT.window_at(level, origin).frame
    at = (np.arange(64) + 0.5) * 2 - 0.5
    rows, cols = frame.to_data(np.stack([at, at], axis=1)).T
    distance = np.hypot(rows[:, None] - centre[0], cols[None] - centre[1])
    return Decoded((radius - distance).astype(np.float32), frame, iou, token)


def drawn(decoded: Decoded, shape: tuple[int, ...] = (300, 300)) -> Candidate:
    return draw(decoded, *window_weights(decoded.frame, shape, 64))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2), st.floats(30, 95), st.floats(30, 95), st.floats(12, 40))
def test_draw_at_any_scale_puts_the_mask_where_the_logits_are(
    level: int, row: float, col: float, radius: float
) -> None:
    candidate = drawn(disc(level, (-2, -1), (row, col), radius), (100, 90))
    rows, cols = np.nonzero(candidate.full_mask((100, 90)))
    expected = np.hypot(*np.meshgrid(np.arange(100) - row, np.arange(90) - col, indexing="ij")) < radius
    # linear interpolation of a cone is low near its tip and flat at its rim
    assert np.count_nonzero(candidate.full_mask((100, 90)) ^ expected) < 0.1 * expected.sum() + 8
    assert candidate.area == len(rows)
    assert candidate.bbox == (rows.min(), cols.min(), rows.max(), cols.max())


def test_draw_of_an_empty_mask_is_empty() -> None:
    candidate = drawn(disc(radius=-5))
    assert candidate.mask.shape == (0, 0)
    assert candidate.area == 0
    assert not candidate.full_mask((300, 300)).any()


def test_draw_of_a_mask_beside_the_image_is_empty() -> None:
    decoded = disc(0, (-16, -16), (-60, -60), 10)
    assert drawn(decoded).area == 0


def test_draw_cuts_a_mask_at_the_border_of_the_image() -> None:
    candidate = drawn(disc(0, (-8, -8), (0, 0), 30), (300, 20))
    assert candidate.origin == (0, 0)
    assert candidate.mask.shape[1] == 20


def test_overlap_across_scales_is_that_of_the_masks() -> None:
    assert overlap(disc(0), disc(1)) > 0.9
    assert overlap(disc(0), disc(0, radius=10)) == pytest.approx(0.25, abs=0.05)
    assert overlap(disc(0), disc(1, centre=(60, 200))) == 0
    assert overlap(disc(radius=-1), disc(radius=-2)) == 1
    assert overlap(disc(radius=-1), disc()) == 0


def test_overlap_of_a_tiny_and_a_huge_mask_is_small_and_symmetric() -> None:
    tiny, huge = disc(0, radius=4), disc(2, radius=200)
    assert overlap(tiny, huge) == overlap(huge, tiny) < 0.01


def test_overlap_with_a_mask_that_its_window_cuts_counts_what_lies_outside_as_not_covered() -> None:
    half, other = disc(origin=(7, 0)), disc(origin=(0, 7))  # begin at row and column 56, near its middle
    assert overlap(disc(), half) == overlap(disc(), other) == pytest.approx(0.63, abs=0.03)
    assert overlap(half, other) == pytest.approx(0.47, abs=0.03)


def test_rank_drops_near_duplicates_before_it_fills_the_places() -> None:
    pool = [disc(iou=0.9), disc(1, iou=0.85), disc(radius=10, iou=0.5), disc(2, radius=50, iou=0.1)]
    assert rank(pool, 3) == [0, 2, 3]


def test_rank_when_distinct_masks_run_out_fills_up_with_the_next_best() -> None:
    pool = [disc(iou=0.7), disc(iou=0.9), disc(1, iou=0.8), disc(radius=10, iou=0.1)]
    assert rank(pool, 3) == [1, 3, 2]


def test_rank_puts_empty_masks_last() -> None:
    pool = [disc(radius=-5, iou=0.99), disc(iou=0.2), disc(radius=8, iou=0.1)]
    assert rank(pool, 3) == [1, 2, 0]


def test_rank_of_masks_of_one_predicted_iou_prefers_the_stable_one() -> None:
    vague = disc(iou=0.8)
    firm = Decoded(vague.logits * 10, vague.frame, 0.8, 1)
    assert stability(vague.logits) < stability(firm.logits) < 1
    assert rank([vague, firm], 1) == [1]


def test_least_extent_is_that_of_the_smallest_mask_that_is_nearly_as_good_as_the_best() -> None:
    whole, part, poor = disc(radius=30, iou=0.9), disc(radius=9, iou=0.8), disc(radius=4, iou=0.5)
    empty = disc(radius=-5, iou=0.9)
    assert np.array_equal(least_extent([whole, part, poor, empty]), part.extent)
    assert np.array_equal(least_extent([whole, poor]), whole.extent)
    assert least_extent([empty]).shape == (0, 2)


def test_stability_of_logits_that_are_all_low_is_zero() -> None:
    assert stability(np.full((4, 4), -9, np.float32)) == 0


def test_candidates_give_masks_logits_and_prompts() -> None:
    decoded = [disc(radius=10), disc(radius=20)]
    items = tuple(drawn(each, (100, 110)) for each in decoded)
    candidates = Candidates((100, 110), items, 1, "small", "hash")
    assert len(candidates) == 2
    assert candidates.masks.shape == (2, 100, 110)
    assert candidates.masks.sum(axis=(1, 2)).tolist() == [item.area for item in items]
    assert candidates.low_res_logits.shape == (2, 64, 64)
    assert candidates.iou_predictions.tolist() == [0.5, 0.5]
    prompt = candidates.mask_prompt(1)
    np.testing.assert_array_equal(prompt.logits, decoded[1].logits)
    assert prompt.frame == decoded[1].frame


@pytest.mark.parametrize("shape", [(180, 240), (301, 299), (40, 256), (1, 1), (7, 600)])
def test_whole_weights_equal_the_two_interpolations_of_meta(shape: tuple[int, ...]) -> None:
    scale = 256 / max(shape)
    extent = tuple(max(int(side * scale + 0.5), 1) for side in shape)
    logits = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    large = F.interpolate(
        torch.from_numpy(logits)[None, None], (256, 256), mode="bilinear", align_corners=False
    )
    cut = large[..., : extent[0], : extent[1]]
    expected = F.interpolate(cut, shape, mode="bilinear", align_corners=False)[0, 0].numpy()
    rows, cols = whole_weights(extent, shape, 256, 64)
    np.testing.assert_allclose(rows @ logits @ cols.T, expected, atol=5e-5)
    decoded = Decoded(logits, Frame(0, 0, scale, 256), 0.5, 1)
    np.testing.assert_array_equal(
        draw(decoded, (0, 0), (rows, cols)).full_mask(shape), rows @ logits @ cols.T > 0
    )


def test_pointed_at_keeps_the_pieces_that_points_lie_in() -> None:
    mask = np.zeros((20, 30), bool)
    mask[2:8, 3:9], mask[12:18, 3:9], mask[0, 29] = True, True, True
    mask[2, 2] = True  # touches the first piece at a corner
    item = Candidate((100, 200), mask, 0.5, np.zeros((4, 4), np.float32), Frame(0, 0, 1, 16))
    one = pointed_at(item, np.array([[104.2, 205.0]]))
    assert one.origin == (102, 202)
    assert one.area == 37
    two = pointed_at(item, np.array([[104.0, 205.0], [115.0, 205.0]]))
    assert two.area == 73
    for nowhere in (np.zeros((0, 2)), np.array([[110.0, 205.0]]), np.array([[0.0, 0.0]])):
        assert pointed_at(item, nowhere) is item
