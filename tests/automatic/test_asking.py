from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_sam.automatic import AutomaticSettings, MaskRecord
from napari_sam.automatic.asking import Answers, agreed, question
from napari_sam.automatic.records import run_lengths
from napari_sam.masks import Region


def square(corner: int) -> Region:
    return (corner, corner), np.ones((10, 10), bool)


def answered(region: Region, predicted_iou: float, stability: float = 0.9) -> MaskRecord:
    """Return the mask that covers exactly a region, as the decoder would draw it."""
    origin, mask = region
    shape = (mask.shape[0], mask.shape[1])
    counts, area = run_lengths(mask), int(mask.sum())
    _, point = question(region)
    return MaskRecord(origin, shape, counts, area, predicted_iou, stability, point, (0, 0, 90, 90))


def test_agreed_when_things_are_faint_then_the_decoder_has_to_be_sure_of_them() -> None:
    sure, faint, doubtful = square(0), square(20), square(40)
    promised = [(sure, 0.45), (faint, 0.7), (doubtful, 0.6)]  # times 0.9
    answers: Answers = {question(region): answered(region, iou) for region, iou in promised}
    kept = agreed([sure], answers, faint=[faint, doubtful])
    assert [record.origin for record in kept] == [(20, 20), (0, 0)]
    assert [record.point for record in kept] == [(24.0, 24.0), (4.0, 4.0)]
    patient = AutomaticSettings(second_look=0.5)
    assert len(agreed([sure], answers, patient, [faint, doubtful])) == 3
    assert len(agreed([sure], answers, AutomaticSettings(second_look=1.0), [faint, doubtful])) == 1


def test_agreed_when_a_mask_promises_far_less_than_the_surest_then_it_was_seen_where_nothing_is() -> None:
    regions = [square(corner) for corner in (0, 20, 40, 60, 80)]
    promised = zip(regions, (0.9, 0.9, 0.9, 0.5, 0.6), strict=True)
    answers: Answers = {question(region): answered(region, iou) for region, iou in promised}
    assert {record.origin[0] for record in agreed(regions, answers)} == {0, 20, 40, 80}
    assert len(agreed(regions, answers, AutomaticSettings(promise=0.0))) == 5
    assert len(agreed(regions[3:4], answers)) == 1  # alone, it is held against itself


def test_agreed_when_a_faint_thing_is_far_smaller_than_the_objects_then_it_is_debris() -> None:
    answers: Answers = {question(square(0)): answered(square(0), 0.9)}  # 11.3 pixels across
    assert len(agreed([], answers, faint=[square(0)], diameter=28.0)) == 1
    assert agreed([], answers, faint=[square(0)], diameter=29.0) == []
    assert len(agreed([square(0)], answers, diameter=29.0)) == 1


def test_agreed_when_the_mask_of_a_faint_thing_is_another_things_then_left_out() -> None:
    sure, faint = square(0), square(20)
    elsewhere = replace(answered(sure, 0.95), origin=(2, 2))
    answers: Answers = {question(sure): answered(sure, 0.9), question(faint): elsewhere}
    assert [record.origin for record in agreed([sure], answers, faint=[faint])] == [(0, 0)]
