"""Training batches of whole images, for a model that sees the whole image in one frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_sam.model import SamConfig
from napari_sam.model.sam import PIXEL_MEAN
from napari_sam.predict.frames import resized_shape
from napari_sam.predict.image import resize

from .appearance import augment
from .config import TrainConfig
from .data import Batch
from .samples import Sample, drawn_from
from .simulate import initial_prompts
from .synthetic.shapes import Rng


class WholeImages(torch.utils.data.Dataset[Batch]):
    """One whole image a step; which one, and its prompts, depend on the seed and the step alone.

    Parameters
    ----------
    sets : sequence of (samples, weight)
        Training sets in memory and how often each is drawn from.
    config : TrainConfig
        Number of prompts, seed, steps.
    model : SamConfig
        Size of the frame.
    varied : bool
        Whether images are turned, flipped and changed in look; a frozen encoder sees them as they
        are, so that what it makes of them can be kept.
    """

    def __init__(
        self,
        sets: Sequence[tuple[list[Sample], float]],
        config: TrainConfig,
        model: SamConfig,
        *,
        varied: bool,
    ) -> None:
        self.config, self.model, self.varied = config, model, varied
        self.samples, self.weights = drawn_from(sets)

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.config.seed, step])
        index = int(rng.choice(len(self.samples), p=self.weights))
        sample = turned(self.samples[index], rng) if self.varied else self.samples[index]
        image, levels = frame(sample, self.model.image_size, rng if self.varied else None)
        prompts = initial_prompts(levels, 0, self.config.prompts_per_crop, rng, self.model)
        return Batch(image[None], torch.zeros(0), prompts, None if self.varied else index)


def turned(sample: Sample, rng: Rng) -> Sample:
    """Turn an image and its labels by quarters, and flip them half the time."""
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))

    def turn(array: NDArray[np.generic]) -> NDArray[np.generic]:
        out = np.rot90(array, turns, (-2, -1))
        return out[..., ::-1] if flip else out

    image, levels = turn(sample.image), tuple(turn(labels) for labels in sample.levels)
    return Sample(sample.name, image, levels, sample.diameter, sample.partial)  # type: ignore[arg-type]


def frame(sample: Sample, size: int, rng: Rng | None) -> tuple[Tensor, tuple[NDArray[np.int32], ...]]:
    """Resize an image's longest side to the frame's, as it is done for use, and its labels with it.

    Parameters
    ----------
    sample : Sample
    size : int
        The frame's side S, in input pixels.
    rng : numpy.random.Generator, optional
        To vary the image's look.

    Returns
    -------
    image : (3, S, S) float32
        RGB of 0 to 255; the network's mean, which it sees as nothing, beside the image.
    levels : tuple of (S, S) int32
    """
    height, width = sample.labels.shape
    extent = resized_shape((height, width), size)
    padding = (0, size - extent[1], 0, size - extent[0])
    pixels = torch.from_numpy(resize(np.ascontiguousarray(sample.image, np.float32), extent, True))
    if rng is not None:
        pixels = augment(pixels, rng)
    image = torch.tensor(PIXEL_MEAN).view(3, 1, 1).repeat(1, size, size)
    image[:, : extent[0], : extent[1]] = pixels

    def resized(labels: NDArray[np.int32]) -> NDArray[np.int32]:
        whole = torch.from_numpy(np.ascontiguousarray(labels, np.float32))[None, None]
        inside = F.interpolate(whole, extent, mode="nearest-exact")
        out: NDArray[np.int32] = F.pad(inside, padding)[0, 0].int().numpy()
        return out

    return image, tuple(resized(labels) for labels in sample.levels)
