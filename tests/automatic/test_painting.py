from __future__ import annotations

import numpy as np

from napari_sam.automatic import AutomaticSettings, MaskRecord, paint
from napari_sam.automatic.painting import painted
from napari_sam.automatic.records import run_lengths


def record(origin: tuple[int, int], side: tuple[int, int], worth: float) -> MaskRecord:
    mask = np.ones(side, bool)
    return MaskRecord(
        origin, side, run_lengths(mask), int(mask.sum()), worth, 1.0, (0.0, 0.0), (0, 0, 40, 40)
    )


def test_paint_when_masks_overlap_then_the_best_keeps_the_pixels() -> None:
    labels = paint([record((0, 0), (10, 10), 0.5), record((0, 6), (10, 10), 0.9)], (40, 40))
    assert np.bincount(labels.ravel()).tolist() == [1600 - 160, 100, 60]
    assert labels[0, 6] == 1


def test_paint_when_most_of_a_mask_is_taken_or_it_is_everything_then_left_out() -> None:
    covered = [record((0, 0), (10, 10), 0.9), record((0, 5), (10, 10), 0.8), record((0, 0), (40, 40), 1.0)]
    assert paint(covered, (40, 40)).max() == 2
    assert paint(covered, (40, 40), AutomaticSettings(shared=0.3)).max() == 1
    assert paint([], (4, 5)).shape == (4, 5)


def test_paint_when_a_mask_surrounds_a_better_one_then_no_ring_is_left() -> None:
    nested = [record((10, 10), (6, 6), 0.9), record((5, 5), (20, 20), 0.8)]
    assert np.bincount(paint(nested, (40, 40)).ravel()).tolist() == [1600 - 36, 36]


def test_paint_when_a_mask_has_no_free_pixel_and_all_may_be_shared_then_it_has_no_label() -> None:
    twice = [record((0, 0), (4, 4), 0.9), record((0, 0), (4, 4), 0.8), record((4, 4), (4, 4), 0.7)]
    labels, kept = painted(twice, (9, 9), AutomaticSettings(shared=1.0))
    assert [each.worth for each in kept] == [0.9, 0.7]
    assert np.bincount(labels.ravel()).tolist() == [81 - 32, 16, 16]
