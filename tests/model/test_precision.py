"""Weights in the precision that they are multiplied in."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch

from napari_sam.model import Sam, keep_in
from napari_sam.predict import Predictor, Prompts
from napari_sam.weights import load_model

from ..conftest import SMALL


def cell_tiny() -> Sam:
    return load_model("cell-tiny", device="cpu", precision="float32").sam


def small_vit() -> Sam:
    torch.manual_seed(0)
    return Sam(SMALL).eval()


@pytest.mark.parametrize("network", [cell_tiny, small_vit])
def test_keep_in_when_autocast_then_answers_are_those_of_weights_that_it_converts(
    network: Callable[[], Sam],
) -> None:
    exact = network()
    kept = keep_in(deepcopy(exact), torch.bfloat16)
    image = torch.rand(
        1, 3, exact.config.image_size, exact.config.image_size, generator=torch.Generator().manual_seed(0)
    )
    points, labels = torch.tensor([[[60.0, 50.0]]]), torch.tensor([[1]])
    answers = []
    for sam in (exact, kept):
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            features = sam.encode_image(image)
            answers.append((features.embedding, *sam.decode(features, points, labels)))
    for one, other in zip(*answers, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_positions_when_autocast_then_are_as_exact_as_without() -> None:
    encode = small_vit().prompt_encoder.pe_layer
    positions = torch.rand(50, 2, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        reduced = encode(positions)
    assert torch.equal(reduced, encode(positions))


def test_load_model_in_bfloat16_on_a_cpu_then_the_decoder_takes_half_and_prompts_are_answered() -> None:
    exact = load_model("cell-tiny", device="cpu", precision="float32")
    kept = load_model("cell-tiny", device="cpu", precision="bfloat16")
    assert kept.weights_hash == exact.weights_hash
    size = [sum(p.nbytes for p in each.sam.mask_decoder.parameters()) for each in (kept, exact)]
    assert size[0] < 0.6 * size[1]
    y, x = np.mgrid[:96, :96]
    disc = np.hypot(y - 48, x - 48) < 20
    image = np.where(disc, 200, 20).astype(np.uint8)
    masks = []
    for model in (exact, kept):
        predictor = Predictor(model)
        candidates = predictor.predict(predictor.embed(image), Prompts([(48, 48)], [1]))
        masks.append(candidates.masks[candidates.best])
    assert all((mask & disc).sum() / (mask | disc).sum() > 0.9 for mask in masks)
