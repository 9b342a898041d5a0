"""What Meta's code answered, asked again through `Predictor`; its files give positions as (x, y)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_sam.predict import Candidates, Embedding, Predictor, Prompts
from napari_sam.predict.drawing import whole_weights
from napari_sam.predict.image import resize, to_rgb
from napari_sam.weights import load_model

PARITY = Path(__file__).parents[1] / "parity"
Cases = dict[str, NDArray[Any]]
CASES = [
    *(
        (name, output)
        for name in ("one_point", "points_pos_neg", "box", "box_and_points")
        for output in ("multi", "single")
    ),
    ("mask_prompt", "single"),
]


@pytest.fixture(scope="module")
def cases() -> Cases:
    return dict(np.load(PARITY / "sam_small_cases.npz"))


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model(PARITY / "sam_small.safetensors", "cpu", precision="float32"))


@pytest.fixture(scope="module")
def embedded(predictor: Predictor, cases: Cases) -> Embedding:
    return predictor.embed(cases["image"], normalization=None)


def row_col_box(box: NDArray[Any]) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box.tolist()
    return y0, x0, y1, x1


def prompts_of(cases: Cases, name: str) -> Prompts:
    points, labels = cases.get(f"{name}.point_coords"), cases.get(f"{name}.point_labels")
    box, mask = cases.get(f"{name}.box"), cases.get(f"{name}.mask_input")
    return Prompts(
        () if points is None else points[:, ::-1],
        () if labels is None else labels,
        None if box is None else row_col_box(box),
        None if mask is None else mask[0],
    )


def full_logits(candidates: Candidates, embedded: Embedding) -> NDArray[Any]:
    rows, cols = whole_weights(embedded.levels[0].extent, embedded.shape, 256, 64)
    return rows @ candidates.low_res_logits @ cols.T


def assert_same(candidates: Candidates, cases: Cases, name: str, embedded: Embedding) -> None:
    np.testing.assert_allclose(candidates.iou_predictions, cases[f"{name}.iou"], atol=1e-4)
    np.testing.assert_allclose(candidates.low_res_logits, cases[f"{name}.low_res"], atol=1e-4)
    expected = cases[f"{name}.logits_every3"]
    np.testing.assert_allclose(full_logits(candidates, embedded)[:, ::3, ::3], expected, atol=1e-4)
    assert np.mean(candidates.masks[:, ::3, ::3] ^ (expected > 0)) < 1e-3


def test_embed_resizes_as_meta_does(cases: Cases) -> None:
    pixels, record = to_rgb(cases["image"], normalization=None)
    resized = resize(pixels, (192, 256), record.eight_bit)
    mean, std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
    expected = cases["preprocessed"][0, :, :192]
    np.testing.assert_allclose((resized - mean[:, None, None]) / std[:, None, None], expected, atol=1e-5)


def test_embed_equals_metas_embedding(embedded: Embedding, cases: Cases) -> None:
    ours = embedded.levels[0].features.embedding.numpy()
    np.testing.assert_allclose(ours, cases["image_embedding"], atol=1e-4)


@pytest.mark.parametrize(("name", "output"), CASES)
def test_predict_equals_metas_answer(
    predictor: Predictor, embedded: Embedding, cases: Cases, name: str, output: str
) -> None:
    candidates = predictor.predict(embedded, prompts_of(cases, name), multimask=output == "multi")
    assert_same(candidates, cases, f"{name}.{output}", embedded)


def test_predict_many_equals_metas_batch_of_boxes(
    predictor: Predictor, embedded: Embedding, cases: Cases
) -> None:
    prompts = [Prompts(box=row_col_box(box)) for box in cases["batched_boxes.boxes"]]
    answers = predictor.predict_many(embedded, prompts)
    for index, answer in enumerate(answers):
        part = {
            f"one.{k}": cases[f"batched_boxes.multi.{k}"][index] for k in ("iou", "low_res", "logits_every3")
        }
        assert_same(answer, part, "one", embedded)
    for answer, mask in zip(answers, predictor.suggest_many(embedded, prompts), strict=True):
        np.testing.assert_array_equal(mask.logits, answer.items[answer.best].logits)


def test_predict_suggests_the_mask_of_highest_predicted_iou(
    predictor: Predictor, embedded: Embedding, cases: Cases
) -> None:
    candidates = predictor.predict(embedded, prompts_of(cases, "one_point"))
    assert candidates.best == int(np.argmax(cases["one_point.multi.iou"]))
