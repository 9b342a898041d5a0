"""Outlines of single objects, drawn in patches of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Rng = np.random.Generator


def blob(radius: float, rng: Rng, elongation: float = 1.0, roughness: float = 0.08) -> Mask:
    """Draw an uneven ellipse or rounded box.

    Parameters
    ----------
    radius : float
        Of a circle of about the same area, in pixels.
    elongation : float
        Long axis over short axis.
    roughness : float
        How far the border strays, as a share of the radius.

    Returns
    -------
    (h, w) bool
        With the object in its middle.
    """
    half = int(np.ceil(radius * np.sqrt(elongation) * (1 + 2 * roughness))) + 1
    y, x = _turned(half, rng.uniform(0, np.pi))
    power = rng.uniform(2, 4) if rng.random() < 0.25 else 2.0
    stretched = np.abs(y * np.sqrt(elongation)) ** power + np.abs(x / np.sqrt(elongation)) ** power
    distance = stretched ** (1 / power)
    waves = [
        (order, rng.normal(0, roughness / order**0.7), rng.uniform(0, 2 * np.pi)) for order in range(2, 7)
    ]
    reach = radius * sum(abs(size) for _, size, _ in waves) + 1e-6
    inside: Mask = distance <= radius - reach
    doubtful = ~inside & (distance <= radius + reach)  # angles are dear, and matter nowhere else
    angle = np.arctan2(y[doubtful], x[doubtful])
    border = np.full(angle.shape, radius)
    for order, size, phase in waves:
        border += radius * size * np.cos(order * angle + phase)
    inside[doubtful] = distance[doubtful] <= border
    return inside


def rod(length: float, width: float, rng: Rng, angle: float | None = None, bend: float = 0.3) -> Mask:
    """Draw a bent rod with round ends; `bend` is how far its middle strays, as a share of its length."""
    angle = rng.uniform(0, np.pi) if angle is None else angle
    half = int(np.ceil(length * (0.5 + bend) + width)) + 1
    y, x = _turned(half, angle)
    along = np.clip(x, -length / 2, length / 2)
    sag = rng.normal(0, bend / 2) * length
    middle = sag * (1 - (2 * along / max(length, 1)) ** 2) * 0.5
    inside: Mask = np.hypot(y - middle, x - along) <= width / 2
    return inside


def spread_cell(radius: float, rng: Rng) -> Mask:
    """Draw a cell that has spread: a rough body with a few tapering processes."""
    half = int(np.ceil(2.6 * radius)) + 2
    y, x = _turned(half, 0.0)
    body = blob(radius * rng.uniform(0.6, 0.9), rng, float(np.exp(rng.uniform(0, 1.0))), 0.15)
    inside = _centred(body, half)
    for _ in range(int(rng.integers(1, 5))):
        angle, length = rng.uniform(0, 2 * np.pi), radius * rng.uniform(1.2, 2.4)
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        across = across + rng.normal(0, 0.15) * radius * np.sin(along / length * np.pi)
        width = radius * rng.uniform(0.2, 0.5) * np.clip(1 - along / length, 0, 1) + 0.7
        inside |= (along > 0) & (along < length) & (np.abs(across) < width)
    return inside


def _centred(patch: Mask, half: int) -> Mask:
    """Put a patch, which has a middle pixel, in the middle of a square; cut off what is over."""
    own = patch.shape[0] // 2
    if own > half:
        return patch[own - half : own + half + 1, own - half : own + half + 1].copy()
    return np.pad(patch, half - own)


def _turned(half: int, angle: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return y and x of a square of pixels around 0, turned by an angle."""
    x = np.arange(-half, half + 1.0)
    y = x[:, None]
    return y * np.cos(angle) - x * np.sin(angle), x * np.cos(angle) + y * np.sin(angle)
