"""The model that comes with the package, on images that it was not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam.predict import Predictor, Prompts
from napari_sam.training.measuring.evaluate import evaluate
from napari_sam.training.measuring.sets import Folder
from napari_sam.weights import LoadedModel, find_model, load_model, read_checkpoint


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model("cell-tiny", "cpu")


def test_bundled_weights_are_small_and_say_what_they_are() -> None:
    entry = find_model("cell-tiny")
    assert entry.bundled
    assert entry.path.stat().st_size < 16e6
    metadata = read_checkpoint(entry.path).metadata
    assert "dsb2018" in metadata["data"]
    assert int(metadata["steps"]) > 0


def test_bundled_model_on_held_out_nuclei_is_as_good_as_its_card_says(
    model: LoadedModel, data_folder: Path
) -> None:
    folder = data_folder / "dsb2018"
    report = evaluate(model, Folder(folder / "images", (folder / "labels",)), limit=6, seed=0)
    means = report.means()
    assert len(report.objects) >= 12
    assert means["point"] > 0.65
    assert means["best_of_three"] > 0.7
    assert means["box"] > 0.75


@pytest.mark.parametrize("aside", [0, 48])
def test_bundled_model_on_a_smooth_disc_then_suggests_it_and_not_a_speck_of_its_noise(
    model: LoadedModel, aside: int
) -> None:
    row, col = np.mgrid[:160, :160]
    disc = np.hypot(row - 80, col - 80) < 60
    image = np.random.default_rng(1).normal(60, 2, disc.shape) + 120 * disc
    predictor = Predictor(model)
    found = predictor.predict(predictor.embed(image.astype(np.uint8)), Prompts([(80 + aside, 80)], [1]))
    mask = found.masks[found.best]
    assert (mask & disc).sum() > 0.95 * (mask | disc).sum()
