"""Training batches: crops of annotated images or generated scenes, their dense targets and prompts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from .augment import Crop, crop, generated
from .config import TrainConfig
from .samples import Sample, drawn_from
from .simulate import InitialPrompts, initial_prompts
from .targets import dense_targets

PROMPTS = 64
"""Large batches have a multiple of so many prompts: a GPU takes a second to prepare for each new number."""


@dataclass(frozen=True, eq=False)
class Batch:
    """One training step's input.

    Attributes
    ----------
    images : (crops, 3, S, S) float32
        RGB of 0 to 255.
    dense : (crops, 4, S / 2, S / 2) float32
        Foreground, normalised distance, boundary, and the weight of each pixel.
    prompts : InitialPrompts
        Prompts of all crops, with their windows and target masks.
    key : int, optional
        The image's number, where it is the same whenever it is drawn.
    """

    images: Tensor
    dense: Tensor
    prompts: InitialPrompts
    key: int | None = None

    def pin_memory(self) -> Batch:
        """Return the same in memory that a GPU copies from by itself; torch's data loader calls this."""
        prompts = self.prompts.pin_memory()
        return replace(self, images=self.images.pin_memory(), dense=self.dense.pin_memory(), prompts=prompts)


class Batches(torch.utils.data.Dataset[Batch]):
    """Training batches by step number; a step's batch depends on the seed and the step alone.

    Parameters
    ----------
    sets : sequence of (samples, weight)
        Training sets in memory and how often each is drawn from.
    config : TrainConfig
        Crop size, scales, numbers of crops and prompts, seed, steps.
    """

    def __init__(self, sets: Sequence[tuple[list[Sample], float]], config: TrainConfig) -> None:
        self.config = config
        self.samples, self.weights = drawn_from(sets)

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> Batch:
        config = self.config
        rng = np.random.default_rng([config.seed, step])
        images, dense, prompts = [], [], []
        for index, made in enumerate(islice(self._crops(rng), config.crops)):
            images.append(made.image)
            dense.append(dense_targets(made.dense, config.crop_size, made.partial))
            prompts.append(initial_prompts(made.levels, index, config.prompts_per_crop, rng))
        joined = InitialPrompts.concatenate(prompts)
        if len(joined) > 2 * PROMPTS:
            joined = joined.chosen(rng.permutation(len(joined))[: len(joined) // PROMPTS * PROMPTS])
        return Batch(torch.stack(images), torch.stack(dense), joined)

    def _crops(self, rng: np.random.Generator) -> Iterator[Crop]:
        """Make crops without end, such that `config.synthetic` of them are generated."""
        share, views = self.config.synthetic, self.config.views
        scenes = share / (share + views * (1 - share))
        while True:
            if rng.random() < scenes:
                yield from generated(rng, self.config)
            else:
                yield crop(self.samples[rng.choice(len(self.samples), p=self.weights)], rng, self.config)
