from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_sam.predict.candidates import Decoded
from napari_sam.predict.consensus import consensus
from napari_sam.predict.frames import Frame
from napari_sam.predict.likeness import Rings

SIZE = 64
CENTRE = np.array([40.0, 40.0])
OWN, FINER, COARSER = (
    Frame(8.0, 8.0, 1.0, SIZE),
    Frame(24.5, 24.5, 2.0, SIZE),
    Frame(-56.0, -56.0, 1 / 3, SIZE),
)


def disc(frame: Frame, radius: float, strength: float = 4.0, middle: NDArray[np.float64] = CENTRE) -> Decoded:
    """Return the mask of a disc as a network that is right would give it."""
    steps = np.arange(SIZE, dtype=float)
    rows, cols = frame.to_data(np.stack([steps, steps], axis=1)).T
    away = np.hypot(rows[:, None] - middle[0], cols[None] - middle[1])
    return Decoded(np.clip(radius - away, -1, 1).astype(np.float32) * strength, frame, 0.8, 1)


def radius_of(decoded: Decoded) -> float:
    return float(np.sqrt((decoded.logits > 0).sum() / np.pi) / decoded.frame.scale)


def agreed(pool: list[Decoded], worth: list[float], agreeing: float = 0.4) -> Decoded:
    rings = Rings.around(CENTRE)
    overlaps, _ = rings.compare(rings.inside(pool), rings.inside(pool))
    return consensus(pool, np.array(worth, np.float32), 0, overlaps[0] >= agreeing)


def test_consensus_when_masks_of_two_windows_agree_then_the_outline_lies_between_them() -> None:
    pool = [disc(OWN, 12), disc(FINER, 13)]
    found = agreed(pool, [0.8, 0.8])
    assert found.frame == OWN
    assert radius_of(found) == pytest.approx(12.5, abs=0.2)


def test_consensus_when_one_is_rated_higher_then_it_decides() -> None:
    found = agreed([disc(OWN, 10), disc(OWN, 13)], [0.3, 0.8])
    assert radius_of(found) == pytest.approx(13, abs=0.2)


def test_consensus_when_one_is_far_surer_then_it_does_not_outvote_two_others() -> None:
    pool = [disc(OWN, 12), disc(OWN, 12), disc(OWN, 14, strength=40.0)]
    assert radius_of(agreed(pool, [0.8, 0.8, 0.8])) < 13


@pytest.mark.parametrize("other", [disc(OWN, 30), disc(COARSER, 12), disc(OWN, 12, middle=CENTRE + 15)])
def test_consensus_when_another_mask_is_of_something_else_or_too_coarse_then_it_is_not_heard(
    other: Decoded,
) -> None:
    own = disc(OWN, 12)
    found = agreed([own, other], [0.8, 0.9])
    np.testing.assert_array_equal(found.logits > 0, own.logits > 0)


def test_consensus_when_a_window_does_not_reach_then_the_rest_is_left_to_the_others() -> None:
    pool = [disc(OWN, 20), disc(FINER, 20)]
    found = agreed(pool, [0.7, 0.8])
    assert np.isfinite(found.logits).all()
    assert radius_of(found) == pytest.approx(20, abs=0.3)


def test_consensus_when_a_click_may_mean_part_or_whole_then_they_are_not_averaged() -> None:
    pool = [disc(OWN, 12), disc(OWN, 16.5)]
    np.testing.assert_array_equal(agreed(pool, [0.8, 0.8], agreeing=0.7).logits > 0, pool[0].logits > 0)
    assert radius_of(agreed(pool, [0.8, 0.8])) > radius_of(pool[0]) + 0.5
