import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label
from scipy.optimize import linear_sum_assignment

from napari_sam.training.measuring.scores import THRESHOLDS, average_precision, f1, pairwise_iou


def labels(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((40, 40), np.int32)
    for number, (top, left, bottom, right) in enumerate(boxes, 1):
        image[top:bottom, left:right] = 7 * number
    return image


def test_average_precision_when_equal_up_to_numbers_then_one() -> None:
    truth = labels((0, 0, 10, 10), (20, 20, 30, 30))
    assert average_precision(truth, truth * 3).tolist() == [1.0] * len(THRESHOLDS)
    assert f1(truth, truth) == 1


def test_average_precision_when_one_is_half_right_and_one_is_made_up_then_counted_by_hand() -> None:
    truth = labels((0, 0, 10, 10), (20, 20, 30, 30), (0, 30, 10, 40))
    found = labels((0, 0, 10, 10), (20, 20, 30, 27), (30, 0, 35, 5))  # IoU 1, 0.7, nothing there
    values = dict(zip(THRESHOLDS, average_precision(truth, found), strict=True))
    assert values[0.5] == values[0.65] == pytest.approx(2 / 4)
    assert values[0.7] == values[0.95] == pytest.approx(1 / 5)
    assert f1(truth, found) == pytest.approx(2 * 2 / (3 + 3))


def test_average_precision_when_nothing_is_there_then_one_and_when_nothing_is_found_then_zero() -> None:
    empty, some = labels(), labels((0, 0, 10, 10))
    assert average_precision(empty, empty).min() == 1
    assert average_precision(some, empty).max() == average_precision(empty, some).max() == 0


def test_pairwise_iou_when_the_image_is_covered_then_the_background_counts_for_nothing() -> None:
    full = np.ones((4, 4), int)
    halves = np.repeat([[1, 1, 2, 2]], 4, axis=0)
    assert pairwise_iou(full, halves).tolist() == [[0.5, 0.5]]
    assert pairwise_iou(halves, full).tolist() == [[0.5], [0.5]]


def test_average_precision_when_pixels_are_marked_negative_then_they_are_background() -> None:
    plain = labels((0, 0, 10, 10), (20, 20, 30, 30))
    marked = plain.copy()
    marked[35:, 35:] = -1
    assert average_precision(marked, plain).min() == average_precision(plain, marked).min() == 1
    assert pairwise_iou(marked, marked).tolist() == [[1, 0], [0, 1]]


def test_pairwise_iou_when_large_unsigned_numbers_differ_by_one_then_they_are_two_objects() -> None:
    truth = np.zeros((4, 4), np.uint64)
    truth[0], truth[2] = 2**63 + 1, 2**63 + 2
    assert pairwise_iou(truth, truth).tolist() == [[1, 0], [0, 1]]


def test_average_precision_when_asked_for_what_it_cannot_say_then_refuses() -> None:
    with pytest.raises(ValueError, match=r"0\.5"):
        average_precision(labels(), labels(), [0.3])
    with pytest.raises(ValueError, match="compared"):
        average_precision(labels(), np.zeros((3, 3), int))


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_when_objects_are_assigned_one_to_one_then_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.normal(size=(120, 120)), 3)
    truth = label(field > 0.02)[0]
    found = label(field + 0.3 * gaussian_filter(rng.normal(size=field.shape), 3) > 0.025)[0]
    masks = [[labels == n for n in range(1, labels.max() + 1)] for labels in (truth, found)]
    ious = np.array([[(a & b).sum() / (a | b).sum() for b in masks[1]] for a in masks[0]])
    expected = []
    for threshold in THRESHOLDS:
        # The assignment with the most matches, and among these the largest IoUs.
        rows, cols = linear_sum_assignment(-(ious > threshold).astype(float) - ious / (2 * min(ious.shape)))
        hits = int((ious[rows, cols] > threshold).sum())
        expected.append(hits / (len(masks[0]) + len(masks[1]) - hits))
    assert 0 < expected[0] < 1
    assert average_precision(truth, found) == pytest.approx(expected)
    assert f1(truth, found) == pytest.approx(2 * expected[0] / (1 + expected[0]))
