"""The same weights in transformers' network, written by another hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reference import reference_model

from napari_sam.model import VIT_B, DecoderConfig, Features, Sam, SamConfig, ViTConfig

# few heads of many channels, so that the decoder takes its projections to the tokens as at full size
SMALL = SamConfig(
    "small",
    ViTConfig(depth=3, width=32, heads=2, global_blocks=(1,), window=4),
    DecoderConfig(heads=2, mlp=64, upscale_channels=(16, 8)),
    image_size=160,
    width=64,
)


def random_sam(config: SamConfig) -> Sam:
    torch.manual_seed(0)
    sam = Sam(config).eval()
    for name, parameter in sam.named_parameters():
        if "pos" in name or parameter.dim() == 1:
            torch.nn.init.normal_(parameter, std=0.1)
    return sam


@pytest.fixture(scope="module")
def sam() -> Sam:
    return random_sam(SMALL)


@pytest.fixture(scope="module")
def image(sam: Sam) -> torch.Tensor:
    return sam.normalize(torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0)) * 255)


def random_prompts(kind: str, size: int, batch: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    points, corner = torch.rand(batch, 2, 2) * size, torch.rand(batch, 2) * size / 2
    found = {
        "points": {"points": points[:, :1], "labels": torch.ones(batch, 1, dtype=torch.long)},
        "positive and negative": {"points": points, "labels": torch.tensor([[1, 0]] * batch)},
        "boxes": {"boxes": torch.cat([corner, corner + size / 3], dim=1)},
        "many points": {"points": torch.rand(batch, 20, 2) * size, "labels": torch.ones(batch, 20).long()},
    }
    found["boxes and points"] = found["boxes"] | found["positive and negative"]
    return found[kind]


def ask_reference(model: torch.nn.Module, embedding: torch.Tensor, **prompts: Any) -> tuple[Any, Any]:
    batched = {name: value[None] for name, value in prompts.items() if name != "masks"}
    names = {"points": "input_points", "labels": "input_labels", "boxes": "input_boxes"}
    asked = {names[name]: value for name, value in batched.items()}
    if "masks" in prompts:
        asked["input_masks"] = prompts["masks"]
    answers = [model(image_embeddings=embedding, multimask_output=multi, **asked) for multi in (False, True)]
    masks = torch.cat([answer.pred_masks[0] for answer in answers], dim=1)
    return masks, torch.cat([answer.iou_scores[0] for answer in answers], dim=1)


def test_encoder_when_small_then_gives_the_references_embedding(sam: Sam, image: torch.Tensor) -> None:
    with torch.inference_mode():
        expected = reference_model(sam).get_image_embeddings(image)
        torch.testing.assert_close(sam.encode_image(image).embedding, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize(
    "kind", ["points", "positive and negative", "boxes", "boxes and points", "many points"]
)
def test_decoder_when_small_then_answers_as_the_reference(
    sam: Sam, image: torch.Tensor, kind: str, prepared: bool
) -> None:
    prompts = random_prompts(kind, 160)
    with torch.inference_mode():
        features = sam.encode_image(image)
        expected = ask_reference(reference_model(sam), features.embedding, **prompts)
        answered = sam.decode(features if prepared else Features(features.embedding), **prompts)
    torch.testing.assert_close(answered, expected, atol=2e-5, rtol=0)


def test_decoder_when_given_a_mask_then_answers_as_the_reference(sam: Sam, image: torch.Tensor) -> None:
    prompts = random_prompts("positive and negative", 160, batch=1)
    prompts["masks"] = torch.randn(1, 1, 40, 40, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        features = sam.encode_image(image)
        expected = ask_reference(reference_model(sam), features.embedding, **prompts)
        answered = sam.decode(features, **prompts)
    torch.testing.assert_close(answered, expected, atol=2e-5, rtol=0)


@pytest.mark.timeout(300)  # two encoders of 0.7 TFLOP each
def test_vit_b_when_of_full_size_then_gives_the_references_embedding_and_answers() -> None:
    sam = random_sam(VIT_B)
    model = reference_model(sam)
    image = torch.randn(1, 3, 1024, 1024, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = sam.encode_image(image)
        expected = model.get_image_embeddings(image)
        torch.testing.assert_close(features.embedding, expected, atol=1e-4, rtol=0)
        prompts = random_prompts("boxes and points", 1024, batch=2)
        answers = ask_reference(model, features.embedding, **prompts)
        torch.testing.assert_close(sam.decode(features, **prompts), answers, atol=1e-4, rtol=0)
