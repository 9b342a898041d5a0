"""What Meta's code answers with the same weights; its files give positions as (x, y)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from napari_sam.model import CONFIGS, DecoderConfig, Features, Sam, SamConfig, ViTConfig
from napari_sam.weights.checkpoint import CLASSIFIER

PARITY = Path(__file__).parents[1] / "parity"
CONFIG = SamConfig(
    "parity",
    ViTConfig(depth=4, width=48, heads=4, global_blocks=(1, 3), window=7),
    DecoderConfig(mlp=128, upscale_channels=(16, 8), iou_hidden=64),
    image_size=256,
    width=64,
)
TOLERANCE = 1e-4
Cases = Mapping[str, NDArray[Any]]


@pytest.fixture(scope="module")
def cases() -> Cases:
    return dict(np.load(PARITY / "sam_small_cases.npz"))


@pytest.fixture(scope="module")
def sam() -> Sam:
    sam = Sam(CONFIG).eval()
    sam.load_state_dict(load_file(PARITY / "sam_small.safetensors"))
    return sam


def to_input(xy: NDArray[Any], cases: Cases) -> torch.Tensor:
    height, width = cases["image"].shape[:2]
    scale = CONFIG.image_size / max(height, width)
    resized = np.array([int(width * scale + 0.5), int(height * scale + 0.5)])
    return torch.from_numpy((xy.reshape(-1, 2) * resized / (width, height)).astype(np.float32))


def prompts(name: str, cases: Cases) -> dict[str, torch.Tensor]:
    found = {}
    if f"{name}.point_coords" in cases:
        found["points"] = to_input(cases[f"{name}.point_coords"], cases)[None]
        found["labels"] = torch.from_numpy(cases[f"{name}.point_labels"])[None]
    for key in ("box", "boxes"):
        if f"{name}.{key}" in cases:
            found["boxes"] = to_input(cases[f"{name}.{key}"], cases).reshape(-1, 4)
    if f"{name}.mask_input" in cases:
        found["masks"] = torch.from_numpy(cases[f"{name}.mask_input"])[None]
    return found


def test_image_encoder_when_given_metas_weights_then_gives_its_embedding(sam: Sam, cases: Cases) -> None:
    with torch.inference_mode():
        embedding = sam.encode_image(torch.from_numpy(cases["preprocessed"])).embedding
    np.testing.assert_allclose(embedding.numpy(), cases["image_embedding"], atol=TOLERANCE, rtol=0)


def test_dense_positions_when_given_metas_matrix_then_are_its_own(sam: Sam, cases: Cases) -> None:
    positions = sam.prompt_encoder.dense_positions()
    np.testing.assert_allclose(positions.numpy(), cases["dense_pe"], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in ("one_point", "points_pos_neg", "box", "box_and_points")
        for kind in ("multi", "single")
    ]
    + [("mask_prompt", "single"), ("batched_boxes", "multi")],
)
def test_decoder_when_given_each_prompt_then_answers_as_meta(
    sam: Sam, cases: Cases, name: str, kind: str
) -> None:
    features = Features(torch.from_numpy(cases["image_embedding"]))
    with torch.inference_mode():
        logits, iou = sam.decode(features, **prompts(name, cases))
    chosen = slice(1, None) if kind == "multi" else slice(0, 1)
    expected = cases[f"{name}.{kind}.low_res"].reshape(-1, *logits[0, chosen].shape)
    expected_iou = cases[f"{name}.{kind}.iou"].reshape(len(expected), -1)
    np.testing.assert_allclose(logits[:, chosen].numpy(), expected, atol=TOLERANCE, rtol=0)
    np.testing.assert_allclose(iou[:, chosen].numpy(), expected_iou, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("name", ["vit_t", "vit_b", "vit_l", "vit_h"])
def test_parameters_when_of_a_public_size_then_are_those_of_the_checkpoint(name: str) -> None:
    with torch.device("meta"):
        state = Sam(CONFIGS[name]).state_dict()
    expected = json.loads((PARITY / f"sam_{name}_keys.json").read_text())
    weights = {key: shape for key, shape in expected.items() if not key.startswith(CLASSIFIER)}
    assert {key: list(value.shape) for key, value in state.items()} == weights
