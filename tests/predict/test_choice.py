from __future__ import annotations

import numpy as np
import pytest

from napari_sam.predict import Frame, Prompts
from napari_sam.predict.candidates import Decoded
from napari_sam.predict.choice import choose
from napari_sam.predict.likeness import Likeness, likeness

SHAPE, MIDDLE = (400, 600), np.array([200.0, 300.0])
POINT = Prompts([tuple(MIDDLE)], [1]).within(SHAPE)


def disc(radius: float, scale: float = 1.0, aside: float = 0.0) -> Decoded:
    """Return a disc beside the point, of a radius in data pixels, seen at a scale around the point."""
    frame = Frame(MIDDLE[0] - 64 / scale, MIDDLE[1] - 64 / scale, scale, 128)
    at = np.arange(64) * 2 + 0.5
    rows, cols = frame.to_data(np.stack([at, at], axis=1)).T
    distance = np.hypot(rows[:, None] - MIDDLE[0], cols[None] - MIDDLE[1] - aside)
    return Decoded(((radius - distance) * scale).astype(np.float32), frame, 0.5, 1)


def compared(*pool: Decoded) -> Likeness:
    return likeness(pool, SHAPE, POINT)


def radii(*pool: Decoded, promises: tuple[float, ...], count: int = 3) -> list[float]:
    """Return the radii of what is shown of masks of which the first is the one that is meant."""
    meant = np.linspace(0.9, 0.1, len(pool))
    ratings = np.stack([promises, meant, promises], axis=1).astype(np.float32)
    shown = choose(pool, ratings, compared(*pool), count, ambiguous=count > 1)
    assert shown[0].iou == pytest.approx(promises[0])
    return [float(np.sqrt((each.logits > 0).sum() / np.pi) * 2 / each.frame.scale) for each in shown]


@pytest.mark.parametrize(("one", "other"), [(10, 12), (5, 20), (40, 45)])
def test_likeness_when_discs_share_a_centre_then_the_smaller_is_nested(one: float, other: float) -> None:
    found = compared(disc(one), disc(other))
    assert found.overlaps[0, 1] == pytest.approx((one / other) ** 2, abs=0.12)
    assert found.overlaps[1, 0] == pytest.approx(found.overlaps[0, 1])
    assert found.overlaps[0, 0] == 0
    np.testing.assert_allclose(found.nested, 1)
    overlaps, nested = found.with_mask(disc(other))
    np.testing.assert_allclose(overlaps, [found.overlaps[0, 1], 1])
    np.testing.assert_allclose(nested, 1)


def test_likeness_when_discs_lie_side_by_side_then_half_of_the_smaller_is_in_the_larger() -> None:
    found = compared(disc(40), disc(12, aside=40)).nested
    assert found[0, 1] == found[1, 0] == pytest.approx(0.5, abs=0.1)


def test_likeness_when_the_same_disc_is_seen_at_two_scales_then_nearly_one() -> None:
    found = compared(disc(30), disc(30, scale=0.5), disc(30, scale=0.25))
    assert found.overlaps[np.triu_indices(3, 1)].min() > 0.8
    assert not found.together[np.triu_indices(3, 1)].any()


def test_choose_when_masks_of_one_level_promise_most_then_another_level_gets_a_place() -> None:
    pool = disc(30), disc(29), disc(31, 0.5), disc(28, 0.25), disc(90, 0.5), disc(12)
    found = radii(*pool, promises=(0.9, 0.88, 0.87, 0.86, 0.7, 0.69))
    assert sorted(found) == pytest.approx([12, 30, 90], abs=1)
    assert found[0] == pytest.approx(30, abs=1)
    assert len(radii(*pool[:4], promises=(0.9, 0.88, 0.87, 0.86))) == 3
    assert len(radii(*pool[:2], promises=(0.9, 0.88))) == 2
    assert len(radii(*pool, promises=(0.9, 0.88, 0.87, 0.86, 0.7, 0.69), count=1)) == 1


def test_choose_when_a_mask_is_cut_by_the_chosen_ones_outline_then_the_whole_goes_first() -> None:
    found = radii(disc(30), disc(20, aside=28), disc(60), promises=(0.9, 0.75, 0.7), count=2)
    assert found == pytest.approx([30, 60], abs=1)


def test_choose_when_two_promise_the_same_then_the_one_of_the_same_window_goes_first() -> None:
    found = radii(disc(30), disc(70, 0.5), disc(12), promises=(0.9, 0.72, 0.7), count=2)
    assert found == pytest.approx([30, 12], abs=1)


def test_choose_when_masks_agree_with_another_than_the_meant_one_then_it_is_drawn_as_their_mean() -> None:
    found = radii(disc(30), disc(80, 0.5), disc(70, 0.5), promises=(0.9, 0.7, 0.7), count=2)
    assert found == pytest.approx([30, 75], abs=1)


def test_choose_when_masks_lie_between_two_that_are_shown_then_each_is_drawn_by_those_nearest() -> None:
    pool = disc(30), disc(31), disc(38), disc(39)
    found = radii(*pool, promises=(0.9, 0.5, 0.8, 0.8), count=2)
    assert found[1] == pytest.approx(38.5, abs=1)


def test_choose_when_a_click_means_what_is_told_to_be_wrong_then_what_is_told_to_be_right_is_suggested() -> (
    None
):
    pool = disc(30), disc(4), disc(60)

    def suggested(told: float, *, ambiguous: bool = True, missed: bool = False) -> float:
        ratings = np.array(
            [[0.8, 0.1, 0.9], [0.5, 0.5, told], [0.7 - missed, 0.05 - missed, 0.95]], np.float32
        )
        return choose(pool, ratings, compared(*pool), 1, ambiguous=ambiguous)[0].iou

    assert suggested(0.3) == pytest.approx(0.95)
    assert suggested(0.3, missed=True) == pytest.approx(0.9)
    assert suggested(0.6) == pytest.approx(0.6)
    assert suggested(0.3, ambiguous=False) == pytest.approx(0.3)
