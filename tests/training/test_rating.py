from __future__ import annotations

from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest
import torch

from napari_sam.errors import DataError
from napari_sam.model import CELL_TINY, Sam
from napari_sam.predict import Predictor
from napari_sam.predict.rating import FEATURES
from napari_sam.training import rating
from napari_sam.training.rating import ZOOMS, fit_rating, rated_candidates, rating_loss, varied
from napari_sam.training.samples import Sample
from napari_sam.weights import load_model

FED = 30
"""Which number says that a mask was fed back."""


def squares() -> Sample:
    inner, outer = np.zeros((2, 150, 170), np.int32)
    for number, (row, col) in enumerate([(20, 20), (20, 90), (90, 30), (95, 110)], 1):
        outer[row : row + 36, col : col + 36] = number
        inner[row + 8 : row + 26, col + 8 : col + 26] = number
    image = (40 + 60 * (outer > 0) + 100 * (inner > 0)).astype(np.uint8)
    return Sample("squares", np.stack([image] * 3), (inner, outer), 20.0)


def test_rated_candidates_when_objects_are_nested_then_either_may_be_right_but_one_is_meant() -> None:
    predictor = Predictor(load_model("cell-tiny", device="cpu", precision="float32"))
    rated = rated_candidates(predictor, squares(), np.random.default_rng(3))
    assert 4 < len(rated) <= 16  # every object is asked for once, and corrected up to three times
    first = [each for each in rated if not each.descriptions[:, FED].any()]
    assert len(first) == 4
    assert all(
        (each.ious[:, 0] == each.ious[:, 1]).all() for each in rated if each.descriptions[:, FED].all()
    )
    for each in rated:
        assert each.descriptions.shape == (len(each.ious), FEATURES)
        assert (each.ious[:, 0] >= each.ious[:, 1]).all()
    assert any((each.ious[:, 0] > each.ious[:, 1]).any() for each in rated)
    assert max(each.ious.max() for each in rated) > 0.6


def test_varied_when_drawn_often_then_objects_come_in_many_sizes_and_looks_and_stay_where_they_are() -> None:
    rng = np.random.default_rng(1)
    drawn = [varied(squares(), rng) for _ in range(60)]
    factors = [each.diameter / 18 for each in drawn if each.labels.any()]  # squares of 18 pixels
    assert min(factors) < 0.7
    assert 3 < max(factors) < 1.3 * ZOOMS[1]
    assert 10 < sum(abs(factor - 1.13) < 0.1 for factor in factors) < 50  # about half as they are
    contrasts = []
    for each in drawn:
        assert each.image.shape[1:] == each.levels[0].shape == each.levels[1].shape
        inner, plain = each.labels > 0, each.levels[1] == 0
        if inner.sum() > 200 and plain.sum() > 200:
            contrasts.append(float(each.image[:, inner].mean()) - float(each.image[:, plain].mean()))
    assert np.median(contrasts) > 80  # 200 on 40 where nothing but the size is varied
    assert min(contrasts) < 60


def test_fit_rating_when_fitted_then_other_weights_stay_and_the_same_seed_gives_the_same() -> None:
    torch.manual_seed(0)
    sam = load_model("cell-tiny", device="cpu", precision="float32").sam
    sets = [([squares()], 1.0)]
    fitted, again = (fit_rating(sam, sets, prompts=8, hidden=8, seed=5) for _ in range(2))
    assert fitted.config.rating == (FEATURES, 8)
    assert fitted.candidate_rating is not None
    before, after, twice = sam.state_dict(), fitted.state_dict(), again.state_dict()
    for name, value in after.items():
        assert torch.equal(value, twice[name]), name
        if not name.startswith("candidate_rating."):
            assert torch.equal(value, before[name]), name


def test_fit_rating_when_no_image_has_an_object_then_ends_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rating, "EMPTY", 20)
    sam = load_model("cell-tiny", device="cpu", precision="float32").sam
    empty = replace(squares(), levels=(np.zeros((150, 170), np.int32),))
    with pytest.raises(DataError, match="20 images in a row show no object of 12 pixels"):
        fit_rating(sam, [([empty], 1.0)], prompts=8, hidden=8)


def test_fit_rating_when_many_images_are_empty_but_never_so_many_in_a_row_then_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rating, "EMPTY", 3)
    empty = replace(squares(), levels=(np.zeros((150, 170), np.int32),))
    monkeypatch.setattr(rating, "_drawn", lambda *_: cycle([empty, empty, squares()]))
    sam = load_model("cell-tiny", device="cpu", precision="float32").sam
    assert fit_rating(sam, [], prompts=14, hidden=8).config.rating == (FEATURES, 8)


def test_rating_loss_when_the_order_is_wrong_then_more_than_when_all_are_equally_off() -> None:
    ious = torch.tensor([[[0.9, 0.9], [0.5, 0.5], [0.0, 0.0]]])
    known = torch.tensor([[1.0, 1.0, 0.0]])
    told = torch.cat([ious, ious[..., :1]], dim=-1)
    swapped = torch.tensor([[[0.6, 0.6, 0.6], [0.7, 0.7, 0.7], [0.0, 0.0, 0.0]]])
    right, lower, other = (rating_loss(each, ious, known) for each in (told, told - 0.1, swapped))
    assert right < lower < other
    assert right < 1e-6


def test_rating_loss_when_most_masks_are_good_and_few_bad_then_the_last_rating_is_the_median() -> None:
    ious = torch.tensor([0.9, 0.9, 0.9, 0.1]).reshape(4, 1, 1).expand(4, 1, 2)
    every = [torch.tensor([0.7, 0.7, value]).expand(4, 1, 3) for value in (0.7, 0.9)]
    mean, median = (rating_loss(each, ious, torch.ones(4, 1)) for each in every)
    assert median < mean


def test_cell_tiny_describes_candidates_as_its_config_says() -> None:
    assert Sam(CELL_TINY).config.rating[0] == FEATURES
