"""Prompts simulated from truth: a first point or box, then points from the error (paper, appendix A)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from napari_sam.model import CELL_TINY, SamConfig

from .synthetic.shapes import Rng

LARGEST_BOX = 100
"""Boxes with a longer side are prompted in windows of a coarser scale, so they are not drawn."""
SMALLEST_AREA = 5
"""Objects of fewer pixels in a crop are not prompted for."""
SAME = 0.9
"""Objects of two levels with a higher IoU count as one."""
DEPTH = 12
"""Power that turns the width of an error into the odds of a deep click."""

Labels = NDArray[np.int32]
Masks = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class InitialPrompts:
    """First prompts of a batch, one an object, each with its window.

    Attributes
    ----------
    crop : (B,) int64
        Which crop each prompt lies in.
    origin : (B, 2) int64
        Row and column of the window's first token in the crop's embedding; may be negative. Zero
        for a model that sees whole frames, whose window is the frame.
    points : (B, 2, 2) float32
        (x, y) in window pixels: a point and padding, or two corners.
    labels : (B, 2) int64
        (1, -1) for a point, (2, 3) for a box.
    targets : (B, 3, L, L) float32
        Objects that the prompt may mean, averaged to the size of the decoder's logits: the one it
        was drawn for, then those of other levels at the same point; zeros where there are fewer.
    area : (B, 3) float32
        Areas of the objects in the crop, in target pixels, also outside the window; 0 for none.
    """

    crop: Tensor
    origin: Tensor
    points: Tensor
    labels: Tensor
    targets: Tensor
    area: Tensor

    @classmethod
    def concatenate(cls, parts: Sequence[InitialPrompts]) -> InitialPrompts:
        """Join the prompts of several crops."""
        return cls(*[torch.cat([getattr(part, f.name) for part in parts]) for f in fields(cls)])

    def chosen(self, indices: NDArray[np.int64]) -> InitialPrompts:
        """Return some of the prompts."""
        wanted = torch.from_numpy(indices)
        return self._each(lambda part: part[wanted])

    def pin_memory(self) -> InitialPrompts:
        """Return the same in memory that a GPU copies from by itself."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> InitialPrompts:
        return InitialPrompts(*[change(getattr(self, f.name)) for f in fields(self)])

    def __len__(self) -> int:
        return len(self.crop)


def initial_prompts(
    levels: Sequence[Labels], crop: int, count: int, rng: Rng, model: SamConfig = CELL_TINY
) -> InitialPrompts:
    """Draw points and boxes, equally often, for up to `count` objects of one crop.

    Parameters
    ----------
    levels : sequence of (S, S) int32
        Labels, the finest level first, up to three.
    crop : int
        The crop's index in its batch.
    count : int
        Number of prompts; objects are repeated when there are fewer.
    rng : numpy.random.Generator
    model : SamConfig
        Sizes of the windows; a model that sees whole frames has S input pixels a side.
    """
    objects = _drawn_objects(levels, count, rng)
    if not objects:
        return _no_prompts(model)
    boxes = [ndimage.find_objects(labels) for labels in levels]
    areas = [np.bincount(labels.ravel()) for labels in levels]
    rows = [
        _one_prompt(levels, level, label, boxes[level][label - 1], rng, model) for level, label in objects
    ]
    origin, points, kinds, targets = (np.stack(column) for column in zip(*[r[:4] for r in rows], strict=True))
    step = model.image_size // model.low_res_size
    area = np.zeros((len(rows), 3), np.float32)
    for index, row in enumerate(rows):
        for place, (level, label) in enumerate(row[4]):
            area[index, place] = areas[level][label] / step**2
    return InitialPrompts(
        torch.full((len(rows),), crop),
        torch.from_numpy(origin),
        torch.from_numpy(points),
        torch.from_numpy(kinds),
        F.avg_pool2d(torch.from_numpy(targets), step),
        torch.from_numpy(area),
    )


def _drawn_objects(levels: Sequence[Labels], count: int, rng: Rng) -> list[tuple[int, int]]:
    """Draw up to `count` objects as (level, label), every level equally often."""
    drawn: list[tuple[int, int]] = []
    for level in rng.permutation(len(levels)).tolist():
        areas = np.bincount(levels[level].ravel())
        objects = np.flatnonzero(areas >= SMALLEST_AREA)
        objects = objects[objects > 0]
        if len(objects):
            share = -(-count // len(levels))
            labels = np.resize(rng.permutation(objects), min(share, 3 * len(objects)))
            drawn.extend((level, int(label)) for label in labels)
    return drawn[:count]


def _no_prompts(model: SamConfig) -> InitialPrompts:
    integers = torch.zeros(0, 2, dtype=torch.int64)
    points, targets = torch.zeros(0, 2, 2), torch.zeros(0, 3, model.low_res_size, model.low_res_size)
    return InitialPrompts(integers[:, 0], integers, points, integers, targets, torch.zeros(0, 3))


def _one_prompt(
    levels: Sequence[Labels], level: int, label: int, box: tuple[slice, ...], rng: Rng, model: SamConfig
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64], Masks, list[tuple[int, int]]]:
    """Draw one object's prompt, the window around it, and what it may mean there."""
    mask = levels[level][box] == label
    start = np.array([box[0].start, box[1].start])
    size = np.array(mask.shape)
    meant = [(level, label)]
    if rng.random() < 0.5 and (size.max() <= LARGEST_BOX or not model.windowed):
        noise = np.clip(rng.normal(0, 0.07, (2, 2)), -0.2, 0.2) * size
        corners = np.stack([start, start + size - 1]) + noise
        kinds = np.array([2, 3])
        centre = corners.mean(axis=0)
    else:
        pixel = start + point_inside(mask, rng)
        others = [(other, int(labels[tuple(pixel)])) for other, labels in enumerate(levels) if other != level]
        meant += [(other, found) for other, found in others if found]
        corners = np.stack([pixel, [0, 0]]).astype(float)
        kinds = np.array([1, -1])
        centre = corners[0]
    origin = _window_origin(centre, rng, model) if model.windowed else np.zeros(2, np.int64)
    meant = _distinct(levels, meant)
    targets = np.zeros((3, model.image_size, model.image_size), np.float32)
    for place, (other, found) in enumerate(meant):
        _copy_window(levels[other], found, (origin * model.stride).tolist(), targets[place])
    points = (corners - origin * model.stride)[:, ::-1].astype(np.float32)
    return origin, points.copy(), kinds, targets, meant


def _window_origin(centre: NDArray[np.float64], rng: Rng, model: SamConfig) -> NDArray[np.int64]:
    """Return the first token of the window around a position, or sometimes of one beside it."""
    jitter = rng.integers(-1, 2, 2) if rng.random() < 0.3 else 0
    origin = np.rint((centre + 0.5 - model.image_size / 2) / model.stride).astype(np.int64)
    return np.asarray(origin + jitter)


def _distinct(levels: Sequence[Labels], meant: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Drop objects that cover nearly the same pixels as one before them."""
    kept: list[tuple[int, int]] = []
    for level, label in meant[:3]:
        mask = levels[level] == label
        if not any(_same(mask, levels[other] == found) for other, found in kept):
            kept.append((level, label))
    return kept


def _same(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    return bool(np.count_nonzero(one & other) > SAME * np.count_nonzero(one | other))


def _copy_window(labels: Labels, label: int, corner: Sequence[int], target: NDArray[np.float32]) -> None:
    """Put one object's pixels in a window that starts at (top, left)."""
    (top, left), side = corner, len(target)
    seen = labels[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] == label
    below, right = max(-top, 0), max(-left, 0)
    target[below : below + seen.shape[0], right : right + seen.shape[1]] = seen


def point_inside(mask: NDArray[np.bool_], rng: Rng) -> NDArray[np.int64]:
    """Draw a pixel of the mask: uniformly, or half the time from its deeper half, as people click."""
    if rng.random() < 0.5:
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        mask = depth >= depth.max() * rng.uniform(0.3, 0.95)
    inside = np.argwhere(mask)
    return np.asarray(inside[rng.integers(len(inside))])


def corrective_points(
    logits: Tensor, target: Tensor, generator: torch.Generator, step: int = 2
) -> tuple[Tensor, Tensor]:
    """Draw one point from each prompt's error region: anywhere in it, or half the time deep inside it.

    Parameters
    ----------
    logits, target : (B, 1, L, L)
        Predicted logits and truth.
    generator : torch.Generator
        Of the CPU, wherever the masks are, so that a run's clicks do not depend on it.
    step : int
        Input pixels a logit.

    Returns
    -------
    points : (B, 1, 2) float32
        (x, y) in window pixels.
    labels : (B, 1) int64
        1 where the object was missed, 0 where the mask spilled, -1 where there is no error.
    """
    truth = target > 0.5
    missed, spilled = ((logits > 0) != truth) & truth, (logits > 0) & ~truth
    error = (missed | spilled).flatten(1).float()
    # people click where an error is widest: far from what is right, and from the other kind of error
    width = torch.maximum(_width(missed), _width(spilled)).flatten(1) * error
    deep, place = torch.rand(2, len(error), 1, generator=generator).to(error)
    odds = torch.where(deep < 0.5, width**DEPTH, error) + 1e-9
    drawn = torch.searchsorted(odds.cumsum(dim=1), place * odds.sum(dim=1, keepdim=True))
    drawn = drawn.clamp(max=error.shape[1] - 1)
    side = logits.shape[-1]
    xy = torch.cat([drawn % side, drawn // side], dim=1).float() * step + (step - 1) / 2
    labels = truth.flatten(1).gather(1, drawn).long()
    labels[error.gather(1, drawn) == 0] = -1
    return xy[:, None], labels


def _width(error: Tensor) -> Tensor:
    """Measure how filled with error the surroundings of each pixel of (B, 1, h, w) are, 0 to 2."""
    near = error.float()
    return F.avg_pool2d(near, 3, 1, 1) + F.avg_pool2d(near, 9, 1, 4)
