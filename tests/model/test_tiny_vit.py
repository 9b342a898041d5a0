"""What MobileSAM's own code answers with the same weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_sam.model import Sam, SamConfig, TinyViTConfig

PARITY = Path(__file__).parents[1] / "parity" / "mobile_sam_encoder.json"


def waves(name: str, number: int, shape: torch.Size) -> Tensor:
    """Return weights that differ everywhere and let signals through, by a formula."""
    steps = torch.arange(shape.numel(), dtype=torch.float64) * 12.9898 + number
    wave = ((torch.sin(steps) * 43758.5453).remainder(2) - 1).view(shape)
    if name.endswith("running_var"):
        return 1 + wave / 4
    if len(shape) > 1 and "attention_biases" not in name:
        return wave * 2 / shape[1:].numel() ** 0.5
    return 1 + wave / 4 if name.endswith("weight") else wave


def test_encoder_when_given_mobile_sams_weights_then_gives_its_embedding() -> None:
    told = json.loads(PARITY.read_text())
    sizes = {name: tuple(told[name]) for name in ("widths", "depths", "heads", "windows")}
    encoder = Sam(SamConfig("parity", TinyViTConfig(**sizes))).eval().image_encoder
    # numbered in the order of its own names, among which are those of the classifier
    names = sorted([*encoder.state_dict(), "head.bias", "head.weight", "norm_head.bias", "norm_head.weight"])
    for name, value in encoder.state_dict().items():
        if value.is_floating_point():
            value.copy_(waves(name, names.index(name), value.shape))
    at = torch.arange(1024, dtype=torch.float64)
    image = torch.stack(
        [torch.sin(at[:, None] * a + at * b) for a, b in ((0.02, 0.05), (0.11, -0.03), (0.3, 0.17))]
    )
    with torch.inference_mode():
        embedding = encoder(image[None].float()).embedding
    assert embedding.shape == (1, 256, 64, 64)
    some = embedding[0, ::37, 3::13, 5::17].flatten()
    np.testing.assert_allclose(some.numpy(), told["embedding"], atol=1e-4, rtol=0)


def test_encoder_when_it_learns_then_every_weight_has_a_gradient() -> None:
    config = SamConfig(
        "small", TinyViTConfig((8, 8, 8, 8), (1, 1, 1, 1), (1, 2, 1), (3, 3, 3)), image_size=64
    )
    encoder = Sam(config).image_encoder
    encoder(torch.rand(1, 3, 64, 64)).embedding.square().sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in encoder.parameters())
