from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam.automatic.turned import in_common, turned
from napari_sam.files.images import read_image
from napari_sam.masks import cropped
from napari_sam.predict import Frame, Predictor, Prompts
from napari_sam.predict.candidates import Decoded
from napari_sam.predict.drawn import box_around
from napari_sam.weights import load_model


def test_turned_when_prompts_are_turned_twice_then_they_are_back_and_the_box_holds_the_object() -> None:
    mask = np.zeros((60, 81), bool)
    mask[5:17, 30:39] = True
    region = cropped((0, 0), mask)
    prompts = Prompts(points=[(9.25, 33.0)], point_labels=[1], box=box_around(region))
    there = turned(prompts, mask.shape)
    assert there.box == box_around(cropped((0, 0), mask[::-1, ::-1]))
    assert mask[::-1, ::-1][tuple(np.rint(there.positions[0]).astype(int))]
    back = turned(there, mask.shape)
    assert back.box == prompts.box
    assert back.positions.tolist() == prompts.positions.tolist()


def test_in_common_when_the_turned_answer_is_the_same_then_nothing_moves() -> None:
    shape = (100, 120)
    rows, cols = np.mgrid[:64, :64]
    logits = (12 - np.hypot(rows - 20, cols - 40)).astype(np.float32)
    frame = Frame(7.25, -3.75, 2.0, 128)
    upright = Decoded(logits, frame, 0.8, 1)
    last = frame.to_data(np.array([[127.0, 127.0]]))[0]
    there = Frame(99 - last[0], 119 - last[1], 2.0, 128)
    other = Decoded(logits[::-1, ::-1], there, 0.6, 1)
    both = in_common(upright, other, shape)
    assert both.frame == frame
    assert both.iou == pytest.approx(0.7)
    np.testing.assert_allclose(both.logits, logits, atol=1e-4)


def test_in_common_when_a_nucleus_is_asked_for_upright_and_turned_then_both_lie_at_one_place(
    data_folder: Path,
) -> None:
    predictor = Predictor(load_model("cell-tiny", device="cpu", precision="float32"))
    image = np.asarray(read_image(data_folder / "dsb2018" / "images" / "29dd28df98ee.png"))
    image = image[:97, :131]  # whose windows lie elsewhere once it is turned
    labels = read_image(data_folder / "dsb2018" / "labels" / "29dd28df98ee.tif")[20:77, 20:111]
    nucleus = labels == np.bincount(labels[labels > 0]).argmax()
    prompts = Prompts(box=box_around(cropped((20, 20), nucleus)))
    shape = image.shape[:2]
    upright = predictor.embed(image)
    other = predictor.embed(np.ascontiguousarray(image[::-1, ::-1]))
    (one,) = predictor.suggest_many(upright, [prompts])
    (beside,) = predictor.suggest_many(other, [turned(prompts, shape)])
    here = predictor.draw(upright, one).full_mask(shape)
    there = predictor.draw(other, beside).full_mask(shape)[::-1, ::-1]
    mean = predictor.draw(upright, in_common(one, beside, shape)).full_mask(shape)
    assert (here & there).sum() > 0.7 * (here | there).sum()
    assert (mean & here).sum() > 0.8 * (mean | here).sum()
    assert np.abs(np.argwhere(mean).mean(axis=0) - np.argwhere(here).mean(axis=0)).max() < 1
