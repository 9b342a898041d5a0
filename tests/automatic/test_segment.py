from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_sam as ns
from napari_sam.automatic import (
    AutomaticSettings,
    DenseSettings,
    GridSettings,
    instance_masks,
    nothing_found,
    propose,
)
from napari_sam.errors import Cancelled, ImageError
from napari_sam.files.images import read_image
from napari_sam.predict import Predictor
from napari_sam.training.measuring.scores import average_precision
from napari_sam.training.samples import read_samples
from napari_sam.weights import LoadedModel, load_model

STEM = "4327d2759187"


@pytest.fixture(scope="module")
def tiny() -> LoadedModel:
    return load_model("cell-tiny", device="cpu", precision="float32")


def test_segment_automatically_when_nuclei_are_bright_then_most_are_found(
    tiny: LoadedModel, data_folder: Path
) -> None:
    path = data_folder / "dsb2018" / "images" / f"{STEM}.png"
    truth = read_samples(path, data_folder / "dsb2018" / "labels" / f"{STEM}.tif")[0].labels
    labels = ns.segment_automatically(read_image(path), tiny)
    assert labels.dtype == np.int32
    assert sorted(set(np.unique(labels)) - {0}) == list(range(1, labels.max() + 1))
    assert average_precision(truth, labels, [0.5])[0] > 0.4


def test_segment_automatically_when_there_is_nothing_then_says_what_to_change(tiny: LoadedModel) -> None:
    with pytest.warns(UserWarning, match="no object above a foreground of 0.5; lower the threshold"):
        labels = ns.segment_automatically(np.zeros((60, 70), np.uint8), tiny)
    assert labels.shape == (60, 70)
    assert not labels.any()
    large = AutomaticSettings(dense=DenseSettings(smallest=20))
    assert "above a foreground of 0.5 and 20 pixels across;" in nothing_found(tiny, "auto", large)
    every = AutomaticSettings(dense=DenseSettings(foreground=0))
    assert nothing_found(tiny, "auto", every).endswith("raise the threshold.")


def test_settings_when_they_are_of_another_kind_then_one_line_says_what_is_wanted(tiny: LoadedModel) -> None:
    image: Any = np.zeros((9, 9), np.uint8)
    wrong: Any
    for wrong in ({"agreement": 0.4}, DenseSettings()):
        with pytest.raises(TypeError, match=r"AutomaticSettings are wanted and not .*; give Automatic"):
            ns.segment_automatically(image, tiny, settings=wrong)
    for wrong, named, told in (
        (AutomaticSettings, {"dense": 0.5}, "dense of AutomaticSettings is 0.5; give DenseSettings"),
        (DenseSettings, {"foreground": "0.5"}, "foreground of DenseSettings is '0.5'; give a number."),
        (DenseSettings, {"largest": "9"}, "largest of DenseSettings is '9'; give a number or None."),
        (GridSettings, {"points_per_side": 9.5}, "points_per_side .* is 9.5; give a whole number."),
    ):
        with pytest.raises(TypeError, match=told):
            wrong(**named)
    assert GridSettings(points_per_side=np.int32(9), stability=np.float32(1)).crop_layers == 0  # type: ignore[arg-type]


def test_segment_automatically_when_the_model_has_no_head_then_auto_takes_the_grid(
    discs_model: LoadedModel,
) -> None:
    settings = AutomaticSettings(grid=GridSettings(points_per_side=2, stability=0.3))
    image = np.zeros((3, 80, 90), np.uint8)
    labels = ns.segment_automatically(image, discs_model, settings=settings, channel_axis=0)
    assert labels.shape == (80, 90)
    assert labels.max() == 4
    large = replace(settings, dense=DenseSettings(largest=17))  # a grid's masks have sizes, too; these 16
    labels = ns.segment_automatically(image, discs_model, settings=large, channel_axis=0)
    assert labels.max() == 4
    with pytest.warns(UserWarning, match="a stability of 0.3 and from 2 to 15 pixels across"):
        ns.segment_automatically(
            image,
            discs_model,
            settings=replace(settings, dense=DenseSettings(smallest=2, largest=15)),
            channel_axis=0,
        )
    with pytest.raises(ImageError, match="dense head"):
        ns.segment_automatically(image, discs_model, method="instances", channel_axis=0)


def test_segment_automatically_when_the_method_is_unknown_then_says_which_there_are(
    discs_model: LoadedModel,
) -> None:
    with pytest.raises(ImageError, match="'auto', 'grid' or 'instances'"):
        ns.segment_automatically(np.zeros((8, 8)), discs_model, method="magic")  # type: ignore[arg-type]


def test_instance_masks_when_all_must_agree_perfectly_then_fewer_are_kept(
    tiny: LoadedModel, data_folder: Path
) -> None:
    predictor = Predictor(tiny)
    embedding = predictor.embed(read_image(data_folder / "dsb2018" / "images" / f"{STEM}.png"))
    calls: list[tuple[int, int]] = []
    kept = instance_masks(predictor, embedding, progress=lambda done, total: calls.append((done, total)))
    strict = instance_masks(predictor, embedding, AutomaticSettings(agreement=1.0))
    assert len(strict) < len(kept)
    assert calls[-1][0] == calls[-1][1]
    worth = [each.predicted_iou * each.stability_score for each in kept]
    assert worth == sorted(worth, reverse=True)
    with pytest.raises(Cancelled):
        instance_masks(predictor, embedding, cancelled=lambda: True)


def test_propose_when_asked_for_a_grid_then_the_thresholds_of_the_settings_hold(
    discs_model: LoadedModel,
) -> None:
    settings = AutomaticSettings(grid=GridSettings(points_per_side=2, predicted_iou=0.95))
    assert propose(Predictor(discs_model), np.zeros((40, 50)), settings=settings) == ([], (40, 50))


def test_settings_when_a_share_is_none_then_refused() -> None:
    with pytest.raises(ImageError, match="0 to 1"):
        AutomaticSettings(agreement=1.5)
