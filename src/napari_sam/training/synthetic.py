"""Generated scenes: cells with nuclei in touching groups, and their nested truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Labels = NDArray[np.int32]
Rng = np.random.Generator


@dataclass(frozen=True, eq=False)
class Scene:
    """A generated image with its truth.

    Attributes
    ----------
    image : (3, Y, X) uint8
        RGB; grey scenes have equal channels.
    levels : tuple of (Y, X) int32
        One to three label images, the finest first: part, whole, group.
    kind : str
        What it shows.
    """

    image: NDArray[np.uint8]
    levels: tuple[Labels, ...]
    kind: str


def scene(rng: Rng, size: int = 256) -> Scene:
    """Generate cells with nuclei, in groups that touch.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int
        Side of the scene, in pixels.
    """
    radius = float(np.exp(rng.uniform(np.log(6), np.log(50))))
    part, whole, group = (np.zeros((size, size), np.int32) for _ in range(3))
    for number in range(1, 1 + int(np.clip((size / radius) ** 2 / 12, 1, 12))):
        centre = rng.uniform(0, size, 2)
        _group(part, whole, group, centre, radius, number, rng)
    levels = tuple(labels for labels in (part, whole, group) if labels.any())
    return Scene(_look(part, whole, rng), levels, "cells with nuclei")


def _group(
    part: Labels,
    whole: Labels,
    group: Labels,
    centre: NDArray[np.float64],
    radius: float,
    number: int,
    rng: Rng,
) -> None:
    """Put a few touching cells around a place that is still free."""
    for _ in range(int(rng.integers(1, 7))):
        place = centre + rng.normal(0, 1.2 * radius, 2)
        cell = _blob(whole.shape, place, radius * rng.uniform(0.7, 1.2), rng) & (
            (group == 0) | (group == number)
        )
        cell &= whole == 0
        nucleus = _blob(whole.shape, place, radius * rng.uniform(0.35, 0.6), rng) & cell
        if nucleus.sum() < 12 or cell.sum() < 2 * nucleus.sum():
            continue
        label = int(whole.max()) + 1
        whole[cell], part[nucleus], group[cell] = label, label, number


def _blob(shape: tuple[int, ...], place: NDArray[np.float64], radius: float, rng: Rng) -> NDArray[np.bool_]:
    """Draw an uneven ellipse."""
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    y, x = rows - place[0], cols - place[1]
    angle = np.arctan2(y, x)
    phases, sizes = rng.uniform(0, 2 * np.pi, 4), rng.normal(0, 0.07, 4)
    border = 1 + sum(
        s * np.cos((k + 2) * angle + p) for k, (s, p) in enumerate(zip(sizes, phases, strict=True))
    )
    inside: NDArray[np.bool_] = np.hypot(y, x) < radius * border
    return inside


def _look(part: Labels, whole: Labels, rng: Rng) -> NDArray[np.uint8]:
    """Paint the scene: background, cytoplasm and nuclei of random brightness, blur and noise."""
    ground, cytoplasm, nucleus = rng.uniform(0, 1, 3)
    image = np.where(part > 0, nucleus, np.where(whole > 0, cytoplasm, ground)).astype(np.float64)
    image += ndimage.gaussian_filter(rng.normal(0, 1, image.shape), 2) * rng.uniform(0, 0.4)
    image = ndimage.gaussian_filter(image, rng.uniform(0.3, 1.5)) + rng.normal(
        0, rng.uniform(0, 0.06), image.shape
    )
    grey = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    return np.stack([grey] * 3)
