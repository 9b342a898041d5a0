"""On a GPU the same as on a CPU; skipped where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sam.automatic import segment_automatically
from napari_sam.predict import Predictor, Prompts
from napari_sam.training.config import DataConfig, TrainConfig
from napari_sam.training.data import Batches
from napari_sam.training.loop import train
from napari_sam.training.samples import read_folder
from napari_sam.training.step import step_losses
from napari_sam.weights import load_model

from .predict.test_parity_predictor import prompts_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

TESTS = Path(__file__).parent
PARITY = TESTS / "parity"
NUCLEI = DataConfig(TESTS / "data" / "dsb2018" / "images", (TESTS / "data" / "dsb2018" / "labels",))


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 0.005), ("auto", 0.05)])
@pytest.mark.parametrize("name", ["one_point", "box"])
def test_predict_when_on_a_gpu_then_answers_as_metas_code(
    name: str, precision: str, tolerance: float
) -> None:
    cases = dict(np.load(PARITY / "sam_small_cases.npz"))
    predictor = Predictor(load_model(PARITY / "sam_small.safetensors", "cuda", precision=precision))
    embedding = predictor.embed(cases["image"], normalization=None)
    found = predictor.predict(embedding, prompts_of(cases, name))
    np.testing.assert_allclose(found.iou_predictions, cases[f"{name}.multi.iou"], atol=tolerance)
    differ = found.masks[:, ::3, ::3] ^ (cases[f"{name}.multi.logits_every3"] > 0)
    assert differ.mean() < tolerance


def test_cell_tiny_when_on_a_gpu_then_masks_are_those_of_the_cpu() -> None:
    sample = read_folder(NUCLEI)[0]
    image = np.moveaxis(sample.image, 0, -1)
    places = [np.argwhere(sample.labels == label).mean(axis=0) for label in np.unique(sample.labels)[1:9]]
    suggested = []
    for device in ("cpu", "cuda"):
        predictor = Predictor(load_model("cell-tiny", device, precision="float32"))
        embedding = predictor.embed(image)
        answers = predictor.predict_many(embedding, [Prompts((place,), (1,)) for place in places])
        suggested.append([each.masks[each.best] for each in answers])
    ious = [(one & other).sum() / (one | other).sum() for one, other in zip(*suggested, strict=True)]
    assert np.mean(ious) > 0.98


def test_segment_automatically_when_on_a_gpu_then_finds_what_the_cpu_finds() -> None:
    image = np.moveaxis(read_folder(NUCLEI)[0].image, 0, -1)
    models = [load_model("cell-tiny", device, precision="float32") for device in ("cpu", "cuda")]
    one, other = (segment_automatically(image, model) > 0 for model in models)
    assert one.any()
    assert np.mean(one != other) < 0.005


def test_step_losses_when_on_a_gpu_then_those_of_the_cpu() -> None:
    config = TrainConfig(data=(NUCLEI,), dense_steps=0, precision="float32", corrections=(1,), synthetic=0.3)
    batch = Batches([(read_folder(NUCLEI), 1.0)], config)[0]
    losses = []
    for device in ("cpu", "cuda"):
        sam = load_model("cell-tiny", "cpu", precision="float32").sam.requires_grad_(True).to(device)
        found = step_losses(sam, batch, config, 1, {})
        sum(found.values(), torch.zeros((), device=device)).backward()
        losses.append({name: float(value.detach()) for name, value in found.items()})
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_train_when_on_a_gpu_and_resumed_then_goes_on_there(tmp_path: Path) -> None:
    config = TrainConfig(data=(NUCLEI,), steps=3, dense_steps=1, crops=2, workers=2, rating_prompts=0)
    train(config, tmp_path, device="cuda")
    sam = train(replace(config, steps=5), tmp_path, device="cuda", resume=True)
    assert sam.pixel_mean.device.type == "cuda"
    assert all(torch.isfinite(value).all() for value in sam.state_dict().values())
