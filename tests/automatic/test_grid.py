from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as rle

from napari_sam.automatic.crops import GridSettings, crops_of
from napari_sam.automatic.grid import grid_masks
from napari_sam.errors import Cancelled, ImageError
from napari_sam.predict import Predictor
from napari_sam.weights import LoadedModel, load_model

PARITY = Path(__file__).parents[1] / "parity"
AS_THERE = {"points_per_side": 8, "predicted_iou": 0.5, "stability": 0.8}


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model(PARITY / "sam_small.safetensors", "cpu", precision="float32"))


@pytest.fixture(scope="module")
def image() -> np.ndarray[Any, Any]:
    with np.load(PARITY / "sam_small_cases.npz") as cases:
        return np.asarray(cases["image"])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("grid8", GridSettings(**AS_THERE)),
        ("grid8_crops", GridSettings(**AS_THERE, crop_layers=1, crop_points_divisor=2)),
    ],
)
def test_grid_masks_when_asked_as_metas_generator_then_the_same_masks_in_the_same_order(
    predictor: Predictor, image: np.ndarray[Any, Any], name: str, settings: GridSettings
) -> None:
    expected = json.loads((PARITY / "sam_small_automatic.json").read_text())[name]
    records = grid_masks(predictor, image, settings, normalization=None)
    found = [record.to_annotation((180, 240)) for record in records]
    assert [each["bbox"] for each in found] == [each["bbox"] for each in expected]
    assert [each["crop_box"] for each in found] == [each["crop_box"] for each in expected]
    assert [each["point_coords"] for each in found] == [[each["point"]] for each in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert abs(ours["area"] - theirs["area"]) <= 1e-3 * theirs["area"]
        assert ours["predicted_iou"] == pytest.approx(theirs["predicted_iou"], abs=1e-4)
        assert ours["stability_score"] == pytest.approx(theirs["stability_score"], abs=2e-3)
        assert rle.area(ours["segmentation"]) == ours["area"]


def test_grid_masks_when_batches_are_of_another_size_then_the_same(
    predictor: Predictor, image: np.ndarray[Any, Any]
) -> None:
    calls: list[tuple[int, int]] = []
    one = grid_masks(
        predictor,
        image,
        GridSettings(**AS_THERE, points_per_batch=5),
        progress=lambda done, total: calls.append((done, total)),
    )
    other = grid_masks(predictor, image, GridSettings(**AS_THERE))
    assert [each.corners for each in one] == [each.corners for each in other]
    assert calls[0] == (5, 64)
    assert calls[-1] == (64, 64)


def test_grid_masks_when_nothing_is_good_enough_then_none_are_found(
    predictor: Predictor, image: np.ndarray[Any, Any]
) -> None:
    settings = GridSettings(points_per_side=2, predicted_iou=2.0, crop_layers=1, smallest_region=10)
    assert grid_masks(predictor, image, settings) == []


def test_grid_masks_when_cancelled_then_stops(predictor: Predictor, image: np.ndarray[Any, Any]) -> None:
    with pytest.raises(Cancelled):
        grid_masks(predictor, image, cancelled=lambda: True)


def test_grid_masks_when_the_model_is_windowed_then_discs_come_back_once_a_point(
    discs_model: LoadedModel,
) -> None:
    settings = GridSettings(points_per_side=3, stability=0.3)
    records = grid_masks(Predictor(discs_model), np.zeros((90, 90), np.uint8), settings)
    assert {record.point for record in records} == {(r, c) for r in (15, 45, 75) for c in (15, 45, 75)}
    for record in records:
        full = rle.decode(record.to_annotation((90, 90))["segmentation"])
        assert full.sum() == record.area == record.mask.sum()
        assert full[int(record.point[0]), int(record.point[1])]


def test_grid_masks_when_the_image_has_fewer_pixels_than_points_then_still_answers(
    predictor: Predictor,
) -> None:
    records = grid_masks(predictor, np.zeros((5, 3), np.uint8), GridSettings(points_per_side=8))
    assert all(record.crop == (0, 0, 5, 3) for record in records)


def test_crops_when_two_layers_are_asked_then_they_cover_the_image_and_have_fewer_points() -> None:
    crops = crops_of((100, 160), GridSettings(crop_layers=2, crop_points_divisor=2))
    assert [crop.points_per_side for crop in crops] == [32, *[16] * 4, *[8] * 16]
    for layer in (crops[1:5], crops[5:]):
        covered = np.zeros((100, 160), bool)
        for crop in layer:
            top, left, bottom, right = crop.corners
            covered[top:bottom, left:right] = True
        assert covered.all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 3)])
def test_crops_when_the_image_is_smaller_than_their_number_then_each_has_pixels(
    shape: tuple[int, int],
) -> None:
    for top, left, bottom, right in (c.corners for c in crops_of(shape, GridSettings(crop_layers=3))):
        assert 0 <= top < bottom <= shape[0]
        assert 0 <= left < right <= shape[1]


@pytest.mark.parametrize("wrong", [{"points_per_side": 0}, {"crop_layers": -1}, {"smallest_region": -1}])
def test_settings_when_they_make_no_sense_then_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ImageError):
        GridSettings(**wrong)
