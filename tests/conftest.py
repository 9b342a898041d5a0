"""What every test needs before it imports anything, and networks with known answers."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

# napari and the plugin would write their settings into the home folder, and threads fight over the cores.
os.environ["NAPARI_CONFIG"] = ""
os.environ["NAPARI_SAM_CONFIG"] = tempfile.mkdtemp(prefix="napari-sam-tests-")
os.environ["NAPARI_SAM_CACHE"] = tempfile.mkdtemp(prefix="napari-sam-tests-cache-")
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402
from scipy.ndimage import gaussian_filter  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from napari_sam.model import ConvConfig, DecoderConfig, Features, Sam, SamConfig  # noqa: E402
from napari_sam.weights import LoadedModel  # noqa: E402

from .windows_rules import enforce  # noqa: E402

enforce()

SMALL = SamConfig(
    "small",
    ConvConfig(widths=(8, 8, 16, 16, 16), depths=(1, 1, 1, 1, 1)),
    DecoderConfig(heads=2, mlp=32, upscale_channels=(16, 8)),
    image_size=128,
    width=32,
    scales=(1.0, 0.5, 0.25),
)


def loaded(sam: Any, name: str) -> LoadedModel:
    """Return what `load_model` does, without a file."""
    return LoadedModel(name, sam, torch.device("cpu"), torch.float32, weights_hash=name)


class Discs(nn.Module):
    """A network with a known answer: discs around the first point or the box's middle.

    The masks' radii are 4, 6, 8 and 10 input pixels. The predicted IoUs prefer the third one. Features
    are the image itself, so that tests can see what reached the decoder.
    """

    config = SMALL
    radii = (4.0, 6.0, 8.0, 10.0)
    ious = (0.3, 0.4, 0.9, 0.4)
    dense_head = None
    candidate_rating = None

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, ...]] = []

    def normalize(self, pixels: Tensor) -> Tensor:
        return pixels

    def encode_image(self, image: Tensor) -> Features:
        self.calls.append(tuple(image.shape))
        pooled = [nn.functional.avg_pool2d(image, step) for step in (8, 4, 2)]
        return Features(pooled[0], (pooled[1], pooled[2]))

    def decode(
        self,
        features: Features,
        points: Tensor | None = None,
        labels: Tensor | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        self.seen = SimpleNamespace(features=features, points=points, labels=labels, boxes=boxes, masks=masks)
        size = self.config.low_res_size
        centre = points[:, 0] if boxes is None else boxes.reshape(-1, 2, 2).mean(1)
        at = (torch.arange(size) + 0.5) * self.config.image_size / size - 0.5
        x, y = centre[:, 0, None, None], centre[:, 1, None, None]
        distance = ((at[None, None, :] - x) ** 2 + (at[None, :, None] - y) ** 2).sqrt()
        logits = torch.stack([radius - distance for radius in self.radii], dim=1)
        return logits, torch.tensor(self.ious).expand(len(centre), 4)


@pytest.fixture
def discs() -> LoadedModel:
    return loaded(Discs(), "discs")


@pytest.fixture(scope="session")
def small() -> LoadedModel:
    torch.manual_seed(0)
    return loaded(Sam(SMALL).eval(), "small")


@pytest.fixture(scope="session")
def discs_model() -> LoadedModel:
    return loaded(Discs(), "discs")


@pytest.fixture(scope="session")
def fading() -> NDArray[np.uint16]:
    """Return two planes: 25 bright cells, 50 pixels apart; and in noise two of them, small and faint."""
    rows, cols = np.ogrid[:256, :256]
    places = [(row, col) for row in range(25, 256, 50) for col in range(25, 256, 50)]
    light = np.zeros((2, 256, 256))
    for plane, shown, radius, level in zip(light, (places, places[:2]), (15, 6), (1.0, 0.5), strict=True):
        for row, col in shown:
            distance = ((rows - row) ** 2 + (cols - col) ** 2) / radius**2
            plane[distance <= 1] += level * (1 - distance[distance <= 1] / 2)
    noise = np.random.default_rng(0).normal(200, 30, light.shape)
    return np.clip(gaussian_filter(light, (0, 1, 1)) * 1000 + noise, 0, None).astype(np.uint16)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of the test images."""
    return Path(__file__).parent / "data"
