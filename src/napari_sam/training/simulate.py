"""Prompts simulated from truth: a first point or box, then points from the error (paper, appendix A)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from napari_sam.model import CELL_TINY

WINDOW = CELL_TINY.image_size
"""Side of a decoding window, in input pixels."""
TOKEN = CELL_TINY.stride
"""Input pixels a token."""
LARGEST_BOX = 100
"""Boxes with a longer side are prompted at a coarser scale, so they are not drawn here."""
SMALLEST_AREA = 5
"""Objects of fewer pixels in a crop are not prompted for."""


@dataclass(frozen=True, eq=False)
class InitialPrompts:
    """First prompts of a batch, one an object, each with its window.

    Attributes
    ----------
    crop : (B,) int64
        Which crop each prompt lies in.
    origin : (B, 2) int64
        Row and column of the window's first token in the crop's embedding; may be negative.
    points : (B, 2, 2) float32
        (x, y) in window pixels: a point and padding, or two corners.
    labels : (B, 2) int64
        (1, -1) for a point, (2, 3) for a box.
    target : (B, 1, 64, 64) float32
        The object at every second pixel of the window, in quarters.
    area : (B,) float32
        Area of the object in the crop, in target pixels, also outside the window.
    """

    crop: Tensor
    origin: Tensor
    points: Tensor
    labels: Tensor
    target: Tensor
    area: Tensor

    @classmethod
    def concatenate(cls, parts: Sequence[InitialPrompts]) -> InitialPrompts:
        """Join the prompts of several crops."""
        return cls(*[torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)])

    def __len__(self) -> int:
        return len(self.crop)


def initial_prompts(
    labels: NDArray[np.int32], crop: int, count: int, rng: np.random.Generator
) -> InitialPrompts:
    """Draw points and boxes, equally often, for up to `count` objects of one crop.

    Parameters
    ----------
    labels : (S, S) int32
    crop : int
        The crop's index in its batch.
    count : int
        Number of prompts; objects are repeated when there are fewer.
    rng : numpy.random.Generator
    """
    areas = np.bincount(labels.ravel())
    objects = np.flatnonzero(areas >= SMALLEST_AREA)
    objects = objects[objects > 0]
    if not len(objects):
        return _no_prompts()
    chosen = np.resize(rng.permutation(objects), min(count, 3 * len(objects)))
    boxes = ndimage.find_objects(labels)
    rows = [_one_prompt(labels, int(label), boxes[label - 1], rng) for label in chosen]
    origin, points, kinds, target = (np.stack(column) for column in zip(*rows, strict=True))
    return InitialPrompts(
        torch.full((len(chosen),), crop),
        torch.from_numpy(origin),
        torch.from_numpy(points),
        torch.from_numpy(kinds),
        F.avg_pool2d(torch.from_numpy(target)[:, None], 2),
        torch.from_numpy(areas[chosen].astype(np.float32) / 4),
    )


def _no_prompts() -> InitialPrompts:
    integers = torch.zeros(0, 2, dtype=torch.int64)
    return InitialPrompts(
        integers[:, 0], integers, torch.zeros(0, 2, 2), integers, torch.zeros(0, 1, 64, 64), torch.zeros(0)
    )


def _one_prompt(
    labels: NDArray[np.int32], label: int, box: tuple[slice, slice], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Draw one object's prompt and the window around it."""
    mask = labels[box] == label
    start = np.array([box[0].start, box[1].start])
    size = np.array(mask.shape)
    if rng.random() < 0.5 and size.max() <= LARGEST_BOX:
        noise = np.clip(rng.normal(0, 0.07, (2, 2)), -0.2, 0.2) * size
        corners = np.stack([start, start + size - 1]) + noise
        kinds = np.array([2, 3])
        centre = corners.mean(axis=0)
    else:
        corners = np.stack([start + _point_inside(mask, rng), [0, 0]]).astype(float)
        kinds = np.array([1, -1])
        centre = corners[0]
    jitter = rng.integers(-1, 2, 2) if rng.random() < 0.3 else 0
    origin = np.rint((centre + 0.5 - WINDOW / 2) / TOKEN).astype(np.int64) + jitter
    top, left = origin * TOKEN
    target = np.zeros((WINDOW, WINDOW), np.float32)
    seen = labels[max(top, 0) : top + WINDOW, max(left, 0) : left + WINDOW] == label
    below, right = max(-top, 0), max(-left, 0)
    target[below : below + seen.shape[0], right : right + seen.shape[1]] = seen
    points = (corners - origin * TOKEN)[:, ::-1].astype(np.float32)
    return origin, points.copy(), kinds, target


def _point_inside(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a pixel of the mask: uniformly, or half the time from its deeper half, as people click."""
    if rng.random() < 0.5:
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        mask = depth >= depth.max() * rng.uniform(0.3, 0.95)
    inside = np.argwhere(mask)
    return np.asarray(inside[rng.integers(len(inside))])


def corrective_points(logits: Tensor, target: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw one point from each prompt's error region.

    Parameters
    ----------
    logits, target : (B, 1, 64, 64)
        Predicted logits and truth at every second pixel of the window.
    generator : torch.Generator

    Returns
    -------
    points : (B, 1, 2) float32
        (x, y) in window pixels.
    labels : (B, 1) int64
        1 where the object was missed, 0 where the mask spilled, -1 where there is no error.
    """
    truth = target > 0.5
    error = ((logits > 0) != truth).flatten(1).float()
    drawn = torch.multinomial(error + 1e-9, 1, generator=generator)
    side = logits.shape[-1]
    xy = torch.cat([drawn % side, drawn // side], dim=1).float() * 2 + 0.5
    labels = truth.flatten(1).gather(1, drawn).long()
    labels[error.gather(1, drawn) == 0] = -1
    return xy[:, None], labels
