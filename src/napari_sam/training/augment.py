"""Crops of annotated images at random places, scales and looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from .appearance import augment
from .config import TrainConfig
from .samples import Sample, median_diameter
from .synthetic import scene
from .synthetic.layouts import Labels, Levels, log_uniform
from .synthetic.shapes import Rng

SMALLEST_SCENE, ENLARGED_SCENE = 0.25, 2.0
"""Smallest and largest scale at which a generated scene is shown."""
SMALLEST_VIEW = 0.5
"""Smallest scale of the further views of a scene."""
LARGEST_SCENE = 352
"""Largest side of a generated scene, in its own pixels: larger ones take too long to make."""


@dataclass(frozen=True, eq=False)
class Crop:
    """A square to train on.

    Attributes
    ----------
    image : (3, S, S) float32 of 0 to 255
    levels : tuple of (S, S) int32
        Labels, the finest first.
    dense : (S, S) int32, optional
        Labels for the dense head; None where it is open what it should show.
    partial : bool
        Whether there are objects that the labels do not show.
    """

    image: Tensor
    levels: tuple[NDArray[np.int32], ...]
    dense: NDArray[np.int32] | None
    partial: bool = False


def crop(sample: Sample, rng: Rng, config: TrainConfig) -> Crop:
    """Cut a random square around an object, at a random scale, slightly stretched, turned and flipped."""
    low, high = config.any_diameters if rng.random() < config.any_scale_share else config.diameters
    scale = float(np.exp(rng.uniform(np.log(low), np.log(high)))) / sample.diameter
    scale = float(np.clip(scale, config.scale_limits[0], config.scale_limits[1]))
    stretch = np.exp(rng.normal(0, config.aspect / 2)) ** np.array([1, -1])
    angle = float(rng.uniform(-np.pi / 4, np.pi / 4)) if rng.random() < 0.5 else 0.0
    room = np.cos(angle) + abs(np.sin(angle))  # what is cut holds the square that is turned in it
    sides = np.maximum(np.rint(config.crop_size * room / scale * stretch), 8).astype(int).tolist()
    level = int(rng.integers(len(sample.levels)))
    top, left = _crop_origin(sample.levels[level], sides, rng, 0.35 / room)
    turns, flip = int(rng.integers(4)), bool(rng.integers(2))

    def cut(array: NDArray[np.generic], mode: str) -> Tensor:
        """Cut (C, Y, X), with nothing outside the image, and bring it to the crop's size."""
        inside = array[:, max(top, 0) : max(top, 0) + sides[0], max(left, 0) : max(left, 0) + sides[1]]
        part = torch.from_numpy(np.ascontiguousarray(inside)).float()
        before, after = (max(-left, 0), max(-top, 0)), part.shape[:0:-1]
        right, below = (side - b - a for side, b, a in zip(sides[::-1], before, after, strict=True))
        part = F.pad(part, (before[0], right, before[1], below))
        part = _resized(part, round(config.crop_size * room), mode)
        part = _turned(part, angle, config.crop_size, mode).rot90(turns, (1, 2))
        return (part.flip(2) if flip else part).contiguous()

    image = cut(sample.image, "bilinear").clamp(0, 255)
    levels = tuple(cut(labels[None], "nearest-exact")[0].int().numpy() for labels in sample.levels)
    return Crop(augment(image, rng), levels, levels[0], sample.partial)


def generated(rng: Rng, config: TrainConfig) -> Iterator[Crop]:
    """Make up a scene, and show it `config.views` times; at first half of them are varied as photographs are.

    Half of them are seen from farther, and a fifth enlarged, as small masks and what surrounds them are;
    each further time they are cut, turned and varied as photographs are.
    The dense head is to show the level between part and group, where there are all three, and none where
    it is open which of two is meant.
    """
    scale = _scene_scale(rng)
    made = scene(rng, int(min(config.crop_size / scale, LARGEST_SCENE)))
    image = torch.from_numpy(made.image).float()
    image, levels = _shown_at(
        augment(image, rng) if rng.random() < 0.5 else image, made.levels, scale, config
    )
    yield Crop(image, levels, _for_dense_head(levels))
    sample = Sample(made.kind, made.image, made.levels, median_diameter(made.levels[0]))
    nearby = replace(config, scale_limits=(SMALLEST_VIEW, ENLARGED_SCENE))
    for _ in range(config.views - 1):
        cut = crop(sample, rng, nearby)
        yield replace(cut, dense=_for_dense_head(cut.levels))


def _for_dense_head(levels: Levels) -> Labels | None:
    return None if len(levels) == 2 else levels[len(levels) // 2]


def _scene_scale(rng: Rng) -> float:
    """Draw the scale that a scene is shown at."""
    share = rng.random()
    if share < 0.5:
        return log_uniform(rng, SMALLEST_SCENE, 1)
    return ENLARGED_SCENE if share < 0.7 else 1.0


def _shown_at(
    image: Tensor, levels: Sequence[Labels], scale: float, config: TrainConfig
) -> tuple[Tensor, Levels]:
    """Show a scene at a scale; where it does not fill the crop, in its corner, as small images are seen."""
    side = min(round(image.shape[-1] * scale), config.crop_size)
    rest = config.crop_size - side

    def small(array: Tensor, mode: str) -> Tensor:
        return F.pad(_resized(array.float(), side, mode), (0, rest, 0, rest))

    found = (small(torch.from_numpy(labels[None]), "nearest-exact")[0].int().numpy() for labels in levels)
    return small(image, "bilinear").clamp(0, 255), tuple(found)


def _resized(array: Tensor, side: int, mode: str) -> Tensor:
    """Bring (C, Y, X) pixels or labels to a square of a side, in one of torch's modes of interpolation."""
    return F.interpolate(array[None], (side, side), mode=mode, antialias=mode == "bilinear")[0]


def _turned(array: Tensor, angle: float, side: int, mode: str) -> Tensor:
    """Cut a square, turned by an angle in radians, out of the middle of (C, Y, X) pixels or labels."""
    if not angle:
        return array
    cos, sin = np.cos(angle), np.sin(angle)
    share = side / array.shape[-1]
    turn = torch.tensor([[cos, -sin, 0.0], [sin, cos, 0.0]], dtype=torch.float32) * share
    grid = F.affine_grid(turn[None], [1, len(array), side, side], align_corners=False)
    return F.grid_sample(array[None], grid, mode.removesuffix("-exact"), align_corners=False)[0]


def _crop_origin(labels: NDArray[np.int32], sides: Sequence[int], rng: Rng, reach: float) -> tuple[int, int]:
    """Choose a crop's corner so that a random foreground pixel lies in it, `reach` sides from its middle."""
    inside = np.flatnonzero(labels)
    centre = divmod(int(rng.choice(inside)) if len(inside) else labels.size // 2, labels.shape[1])
    corner = []
    for position, length, side in zip(centre, labels.shape, sides, strict=True):
        start = position - int(rng.uniform(0.5 - reach, 0.5 + reach) * side)
        low, high = sorted((0, length - side))
        corner.append(int(np.clip(start, low, high)))
    return corner[0], corner[1]
