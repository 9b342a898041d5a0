from __future__ import annotations

import numpy as np

from napari_sam.automatic.filter import cut_by_crop, suppress, without_small_regions
from napari_sam.automatic.records import MaskRecord, run_lengths


def test_suppress_when_boxes_overlap_then_the_best_of_them_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60], [0, 0, 10, 5]], float)
    assert suppress(boxes, np.array([0.5, 0.9, 0.6, 0.1]), 0.7) == [1, 2, 3]
    assert suppress(boxes, np.array([0.5, 0.9, 0.6, 0.1]), 0.95) == [1, 2, 0, 3]


def test_suppress_when_scores_are_equal_then_the_first_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [20, 20, 30, 30]], float)
    assert suppress(boxes, np.ones(3), 0.5) == [0, 2]
    assert suppress(np.zeros((0, 4)), np.zeros(0), 0.5) == []


def test_suppress_when_a_box_is_one_row_then_it_is_not_lost_to_another() -> None:
    assert suppress(np.array([[3, 0, 3, 9], [3, 20, 3, 29]], float), np.array([1.0, 0.5]), 0.7) == [0, 1]


def test_cut_by_crop_when_at_an_inner_edge_then_cut_and_at_the_images_then_not() -> None:
    crop, shape = (0, 0, 100, 100), (100, 200)
    assert cut_by_crop((30, 40, 60, 99), crop, shape)
    assert not cut_by_crop((0, 0, 99, 60), crop, shape)
    assert not cut_by_crop((30, 40, 60, 79), crop, shape)


def test_without_small_regions_when_there_are_specks_and_holes_then_neither_remains() -> None:
    mask = np.zeros((20, 30), bool)
    mask[:, :15] = True
    mask[5:7, 5:7] = False
    mask[10, 29] = True
    cleaned, changed = without_small_regions(mask, 10)
    assert changed
    assert np.array_equal(cleaned, np.arange(30) < 15 * np.ones((20, 1)))
    same, changed = without_small_regions(cleaned[:, :15], 10)
    assert not changed
    assert same.all()


def test_without_small_regions_when_all_pieces_are_small_then_the_largest_stays() -> None:
    mask = np.zeros((9, 9), bool)
    mask[0, 0] = mask[4:6, 4:6] = mask[8, 8] = True
    cleaned, changed = without_small_regions(mask, 50)
    assert changed
    assert cleaned.sum() == 4
    assert cleaned[4, 4]


def test_a_record_when_its_mask_is_replaced_then_area_and_place_follow() -> None:
    mask = np.ones((4, 6), bool)
    record = MaskRecord((10, 20), (4, 6), run_lengths(mask), 24, 0.9, 0.95, (12.0, 22.0), (0, 0, 50, 60))
    assert record.corners == (10, 20, 13, 25)
    other = record.with_mask((11, 20), mask[1:])
    assert (other.corners, other.area) == ((11, 20, 13, 25), 18)
    assert np.array_equal(other.mask, mask[1:])
