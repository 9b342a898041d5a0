import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_sam.predict import Candidate, Candidates, Frame, Prompts
from napari_sam.training.measuring.evaluate import (
    all_found,
    candidate_ious,
    chosen_labels,
    correction,
    deepest_point,
    jittered_box,
    outer_masks,
    spread,
)
from napari_sam.training.measuring.report import MEASURES, AutomaticScore, ImageScore, ObjectScore, Report
from napari_sam.training.samples import Sample, zoomed


def candidates(mask: np.ndarray, origin: tuple[int, int], shape: tuple[int, int]) -> Candidates:
    item = Candidate(origin, mask, 0.9, np.zeros((4, 4), np.float32), Frame(0, 0, 1, 16))
    return Candidates(shape, (item,), 0, "test", "0")


def score(diameter: float, kind: str = "grey dark small", **values: float) -> ObjectScore:
    return ObjectScore("a", kind, 1, diameter, **{name: values.get(name, 0.5) for name in MEASURES})


def test_deepest_point_when_the_mask_is_a_rectangle_then_on_its_middle_line() -> None:
    mask = np.zeros((40, 60), bool)
    mask[10:21, 20:50] = True
    row, col = deepest_point(mask)
    assert row == 15
    assert 25 <= col <= 44


def test_deepest_point_when_the_mask_touches_the_border_then_the_border_counts() -> None:
    mask = np.zeros((30, 30), bool)
    mask[:9, :9] = True
    assert deepest_point(mask) == (4, 4)


def test_candidate_ious_when_shifted_then_exact() -> None:
    truth = np.zeros((40, 40), bool)
    truth[10:20, 10:20] = True
    shifted = candidates(np.ones((10, 10), bool), (15, 10), (40, 40))
    assert candidate_ious(shifted, truth) == [pytest.approx(50 / 150)]


def test_correction_when_missed_then_positive_and_when_spilled_then_negative() -> None:
    truth = np.zeros((40, 40), bool)
    truth[10:20, 10:30] = True
    missed = candidates(np.ones((10, 8), bool), (10, 10), (40, 40))
    point, label = correction(missed, truth)
    assert label == 1
    assert 18 <= point[1] < 30
    spilled = candidates(np.ones((25, 20), bool), (10, 10), (40, 40))
    point, label = correction(spilled, truth)
    assert label == 0
    assert point[0] >= 20


@given(
    top=st.integers(0, 30), left=st.integers(0, 30), height=st.integers(1, 20), width=st.integers(1, 20),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_jittered_box_when_drawn_then_inside_the_image_and_near_the_object(
    top: int, left: int, height: int, width: int, seed: int
) -> None:
    mask = np.zeros((50, 50), bool)
    mask[top : top + height, left : left + width] = True
    row0, col0, row1, col1 = jittered_box(mask, np.random.default_rng(seed))
    assert -0.5 <= row0 < row1 <= 49.5
    assert -0.5 <= col0 < col1 <= 49.5
    assert abs(row0 - (top - 0.5)) <= 0.1 * height + 1e-9
    assert abs(col1 - (left + width - 0.5)) <= 0.1 * width + 1e-9


def test_chosen_labels_when_limited_then_a_repeatable_subset() -> None:
    labels = np.arange(20, dtype=np.int32).reshape(4, 5)
    first = chosen_labels(labels, 6, np.random.default_rng(3))
    assert first == chosen_labels(labels, 6, np.random.default_rng(3))
    assert len(set(first)) == 6
    assert 0 not in first
    assert chosen_labels(labels, None, np.random.default_rng(3)) == list(range(1, 20))


def test_report_when_written_then_means_and_groups_agree_with_the_scores() -> None:
    report = Report("m", "h", (score(6, point=0.2), score(45, point=0.8), score(50, "colour bright large")))
    values = json.loads(report.to_json())
    assert values["mean"]["point"] == pytest.approx(0.5)
    assert values["groups"]["005 px and more"] == {"objects": 1, **report.means([report.objects[0]])}
    assert values["groups"]["040 px and more"]["objects"] == 2
    lines = report.to_table().splitlines()
    assert lines[0].split() == ["objects", *MEASURES]
    assert lines[1].split()[:3] == ["all", "3", "0.500"]


def test_report_when_objects_are_nested_then_the_levels_are_averaged_over_those_alone() -> None:
    nested = ObjectScore("a", "k", 1, 9, *[0.5] * 6, outer=(0.9, 0.5), all_levels=1.0)
    missed = ObjectScore("a", "k", 2, 9, *[0.5] * 6, outer=(0.1,), all_levels=0.0)
    report = Report("m", "h", (nested, missed, score(45)))
    assert report.means()["outer"] == pytest.approx(0.5)
    assert report.means()["all_levels"] == pytest.approx(0.5)
    assert report.to_table().splitlines()[0].split() == ["objects", *MEASURES, "outer", "all_levels"]
    assert "outer" not in report.means([score(45)])


def test_all_found_when_two_levels_share_a_mask_then_not() -> None:
    inner, outer = np.zeros((2, 40, 40), bool)
    inner[10:20, 10:20], outer[10:21, 10:20] = True, True
    one = candidates(np.ones((10, 10), bool), (10, 10), (40, 40))
    both = Candidates((40, 40), (one.items[0], one.items[0]), 0, "test", "0")
    assert all_found(one, [inner]) == 1
    assert all_found(one, [inner, outer]) == 0
    assert all_found(both, [inner, outer]) == 1


def test_outer_masks_when_a_level_repeats_an_object_or_lacks_it_then_left_out() -> None:
    inner, same, outer, nothing = np.zeros((4, 40, 40), np.int32)
    inner[10:20, 10:20], same[10:20, 10:21], outer[5:30, 5:30] = 1, 7, 2
    sample = Sample("a", np.zeros((3, 40, 40), np.uint8), (inner, same, outer, nothing), 11.0)
    masks = outer_masks(sample, Prompts([(15, 15)], [1]))
    assert [mask.sum() for mask in masks] == [625]


def test_report_when_the_model_finds_objects_by_itself_then_their_precision_is_given_by_kind() -> None:
    images = (ImageScore("a", "k", 0.2), ImageScore("b", "k", 0.4), ImageScore("c", "l", 0.9))
    report = Report("m", "h", (score(45),), images)
    assert report.dense_means() == {"all": pytest.approx(0.5), "k": pytest.approx(0.3), "l": 0.9}
    assert report.to_table().splitlines()[-2].split() == ["k", "2", "0.300"]
    assert "dense AP" not in Report("m", "h", (score(45),)).to_table()


def test_report_when_methods_are_measured_then_their_means_stand_side_by_side() -> None:
    automatic = (
        AutomaticScore("a", "k", "auto", 0.2, 0.4),
        AutomaticScore("a", "k", "grid", 0.1, 0.3),
        AutomaticScore("b", "l", "auto", 0.6, 0.8),
        AutomaticScore("b", "l", "grid", 0.5, 0.7),
    )
    report = Report("m", "0", (score(20),), (), automatic)
    means = report.automatic_means()
    assert means["all"]["auto"] == {"images": 2, "precision": pytest.approx(0.4), "f1": pytest.approx(0.6)}
    assert means["k"]["grid"] == {"images": 1, "precision": pytest.approx(0.1), "f1": pytest.approx(0.3)}
    lines = report.to_table().splitlines()
    assert lines[-4].split() == ["images", "auto", "AP", "auto", "F1", "grid", "AP", "grid", "F1"]
    assert lines[-3].split() == ["all", "2", "0.400", "0.600", "0.300", "0.500"]
    assert json.loads(report.to_json())["automatic"] == means


def test_spread_when_limited_then_even_and_without_repeats() -> None:
    assert spread(10, None) == spread(10, 12) == list(range(10))
    assert spread(10, 5) == [0, 2, 4, 6, 8]
    assert spread(7, 3) == [0, 2, 4]


@pytest.mark.parametrize("factor", [0.5, 3])
def test_zoomed_when_larger_or_smaller_then_image_and_labels_still_match(factor: float) -> None:
    y, x = np.mgrid[:80, :60]
    disc = np.hypot(y - 40, x - 30) < 20
    labels = np.where(disc, 7, 0).astype(np.int32)
    image = np.where(disc, 200, 20).astype(np.uint8)[None].repeat(3, axis=0)
    seen = zoomed(Sample("disc", image, (labels, labels), 40.0), factor)
    assert seen.labels.shape == seen.image.shape[1:] == (80 * factor, 60 * factor)
    assert seen.diameter == pytest.approx(40 * factor, rel=0.03)
    assert len(seen.levels) == 2
    bright = seen.image[0] > 110
    assert (bright & (seen.labels == 7)).sum() / (bright | (seen.labels == 7)).sum() > 0.9
