"""How a scene looks: each level painted over the coarser one, as a kind of microscopy shows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .blur import blurred
from .layouts import Labels, Levels, borders, log_uniform, seams
from .shapes import Rng

Picture = NDArray[np.floating]
"""(3, Y, X), or (1, Y, X) while it is grey."""
Colour = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Paint:
    """How the objects of one level are painted.

    Attributes
    ----------
    colour : (3,)
        0 to 1.
    opacity : float
        How much of what lies under is covered.
    spread : float
        How much objects differ in brightness.
    texture : float
        Strength of the texture inside.
    grain : float
        Size of the texture, in pixels.
    rim, halo : float
        Brightness added along the border, inside and outside.
    width : float
        Of rim and halo, in pixels.
    shade : float
        Brightness added on one side and taken on the other.
    """

    colour: Colour
    opacity: float = 1.0
    spread: float = 0.1
    texture: float = 0.05
    grain: float = 2.0
    rim: float = 0.0
    halo: float = 0.0
    width: float = 1.5
    shade: float = 0.0


def grey(value: float) -> Colour:
    """Return a colour of three equal parts."""
    return np.full(3, value)


def planes(colour: Colour) -> NDArray[np.float64]:
    """Return a colour for pictures, (3, 1, 1), or one plane for a grey: a third of the work."""
    return (colour[:1] if (colour == colour[0]).all() else colour)[:, None, None]


def texture(size: int, grain: float, rng: Rng) -> Picture:
    """Return smooth noise of unit strength; sometimes ridged, sometimes speckled."""
    noise = rng.standard_normal((size, size), dtype=np.float32)
    smooth: Picture = blurred(noise, grain)
    smooth /= smooth.std() + 1e-6
    kind = rng.random()
    if kind < 0.2:
        smooth = 1.5 - 2 * np.abs(smooth)
    elif kind < 0.35:
        smooth = np.where(smooth > 1.0, np.float32(2.0), np.float32(-0.3))
    return np.asarray(smooth, np.float32)


def paint(picture: Picture, labels: Labels, look: Paint, rng: Rng) -> Picture:
    """Paint one level over a picture."""
    size = labels.shape[0]
    jitter = rng.normal(0, look.spread, int(labels.max()) + 1).astype(np.float32)
    inside = blurred((labels > 0).astype(np.float32), 0.6)
    surface = jitter[labels] + look.texture * texture(size, look.grain, rng)
    own = planes(look.colour).astype(np.float32) + surface
    painted = picture + look.opacity * inside * (own - picture)
    if look.rim or look.halo:
        edge = blurred(borders(labels).astype(np.float32), look.width)
        edge /= edge.max() + 1e-6
        painted += edge * np.where(labels > 0, look.rim, look.halo).astype(np.float32)
    touching = seams(labels)
    if touching.any():  # objects that touch can always be told apart
        seam = blurred(touching.astype(np.float32), rng.uniform(0.5, 1.2))
        painted += seam / seam.max() * np.float32(rng.choice([-1, 1]) * rng.uniform(0.15, 0.4))
    if look.shade:
        soft = blurred((labels > 0).astype(np.float32), 1 + look.width)
        across, down = np.gradient(soft)
        angle = rng.uniform(0, 2 * np.pi)
        slope = np.cos(angle) * across + np.sin(angle) * down
        painted += look.shade * slope / (np.abs(slope).max() + 1e-6)
    return np.asarray(painted, np.float32)


def ground(size: int, colour: Colour, strength: float, rng: Rng) -> Picture:
    """Return a background of a colour with texture at two sizes."""
    coarse = texture(size, log_uniform(rng, 4, 40), rng)
    fine = texture(size, log_uniform(rng, 0.5, 4), rng)
    share = rng.uniform(0, 1)
    noise = strength * (share * coarse + (1 - share) * fine)
    return np.asarray(planes(colour) + noise, np.float32)


def fluorescence(levels: Levels, rng: Rng) -> Picture:
    """Bright on dark; levels of one grey channel, or of colours of their own."""
    dark = rng.uniform(0, 0.15)
    picture = ground(levels[0].shape[0], grey(dark), rng.uniform(0, 0.04), rng)
    coloured = rng.random() < 0.35
    brightness = dark
    for labels in reversed(levels):
        brightness += rng.uniform(0.12, 0.45)
        tint = rng.dirichlet(np.ones(3)) * 1.8 if coloured else np.ones(3)
        membrane = rng.random() < 0.25
        look = Paint(
            np.clip(brightness * tint, 0, 1),
            opacity=rng.uniform(0.05, 0.3) if membrane else rng.uniform(0.7, 1),
            spread=rng.uniform(0, 0.12) * brightness,
            texture=rng.uniform(0, 0.15) * brightness,
            grain=log_uniform(rng, 0.7, 8),
            rim=rng.uniform(0.25, 0.7) if membrane else rng.normal(0, 0.05),
            width=rng.uniform(0.7, 2.0),
        )
        picture = paint(picture, labels, look, rng)
    return picture


def phase_contrast(levels: Levels, rng: Rng) -> Picture:
    """Mid-grey with bright halos, dark or bright inside, much the same inside and outside."""
    level = rng.uniform(0.35, 0.6)
    picture = ground(levels[0].shape[0], grey(level), rng.uniform(0, 0.04), rng)
    for index, labels in enumerate(reversed(levels)):
        look = Paint(
            grey(level + rng.normal(0, 0.14)),
            opacity=rng.uniform(0.3, 1),
            spread=rng.uniform(0, 0.06),
            texture=rng.uniform(0.02, 0.12),
            grain=log_uniform(rng, 0.8, 5),
            rim=rng.normal(-0.1, 0.2),
            halo=rng.uniform(0.1, 0.55) if index == 0 else 0.0,
            width=log_uniform(rng, 0.8, 4),
            shade=rng.uniform(0, 0.3) if rng.random() < 0.3 else 0.0,
        )
        picture = paint(picture, labels, look, rng)
    return picture


def bright_field(levels: Levels, rng: Rng) -> Picture:
    """Light ground, objects little darker or lighter with a dark rim, sometimes in relief."""
    light = rng.uniform(0.55, 0.9)
    tint = np.clip(rng.normal(1, 0.05, 3), 0.8, 1.1) if rng.random() < 0.3 else np.ones(3)
    picture = ground(levels[0].shape[0], light * tint, rng.uniform(0, 0.04), rng)
    for labels in reversed(levels):
        look = Paint(
            np.clip((light + rng.normal(-0.1, 0.15)) * tint, 0, 1),
            opacity=rng.uniform(0.4, 1),
            spread=rng.uniform(0, 0.08),
            texture=rng.uniform(0.01, 0.1),
            grain=log_uniform(rng, 0.7, 6),
            rim=-rng.uniform(0.15, 0.5),
            halo=rng.uniform(0, 0.2),
            width=log_uniform(rng, 0.7, 2.5),
            shade=rng.uniform(0.2, 0.6) if rng.random() < 0.35 else 0.0,
        )
        picture = paint(picture, labels, look, rng)
    return picture


def stained(levels: Levels, rng: Rng) -> Picture:
    """Purple on pink, pink on white, brown on blue: absorbing stains on tissue."""
    size = levels[0].shape[0]
    pale = np.clip(np.array([0.9, 0.75, 0.85]) + rng.normal(0, 0.08, 3), 0.4, 1)
    picture = ground(size, pale, rng.uniform(0.02, 0.1), rng)
    streaks = texture(size, log_uniform(rng, 2, 10), rng)[None] * rng.normal(0, 0.05, (3, 1, 1))
    picture = picture + streaks.astype(np.float32)
    colour = pale
    for labels in reversed(levels):
        dye = np.array([[0.25, 0.4, 0.12], [0.1, 0.35, 0.15], [0.35, 0.2, 0.05]])[rng.integers(3)]
        colour = np.clip(colour - dye * rng.uniform(0.5, 1.6) + rng.normal(0, 0.03, 3), 0.03, 1)
        look = Paint(
            colour,
            opacity=rng.uniform(0.6, 1),
            spread=rng.uniform(0.02, 0.1),
            texture=rng.uniform(0.02, 0.14),
            grain=log_uniform(rng, 0.7, 4),
            rim=-rng.uniform(0, 0.2),
            halo=rng.uniform(0, 0.1),
            width=rng.uniform(0.7, 2),
        )
        picture = paint(picture, labels, look, rng)
    return picture


def electron_microscopy(levels: Levels, rng: Rng) -> Picture:
    """Grey plasm everywhere, dark membranes; of two levels the outer one is a dark sheath."""
    level = rng.uniform(0.4, 0.75)
    size = levels[0].shape[0]
    picture = ground(size, grey(level), rng.uniform(0.03, 0.15), rng)
    bodies = texture(size, log_uniform(rng, 2, 7), rng) > rng.uniform(1.2, 2.5)
    for index, labels in enumerate(reversed(levels)):
        sheath = len(levels) > 1 and index == len(levels) - 2
        look = Paint(
            grey(rng.uniform(0.05, 0.3) if sheath else level + rng.normal(0.05, 0.12)),
            opacity=rng.uniform(0.75, 1),
            spread=rng.uniform(0, 0.06),
            texture=rng.uniform(0.02, 0.12),
            grain=log_uniform(rng, 0.6, 4),
            rim=-rng.uniform(0.15, 0.6),
            halo=-rng.uniform(0, 0.2),
            width=log_uniform(rng, 0.6, 1.8),
        )
        picture = paint(picture, labels, look, rng)
    inner = bodies & (levels[0] > 0)
    return np.where(inner, picture - np.float32(rng.uniform(0, 0.3)), picture).astype(np.float32)


def anything(levels: Levels, rng: Rng) -> Picture:
    """Paint every level in a colour of its own with any texture, rim and shade."""
    under = rng.uniform(0, 1, 3) if rng.random() < 0.5 else grey(rng.uniform(0, 1))
    picture = ground(levels[0].shape[0], under, rng.uniform(0, 0.15), rng)
    for labels in reversed(levels):
        over = under
        while np.abs(over - under).max() < 0.15:
            over = rng.uniform(0, 1, 3) if rng.random() < 0.5 else grey(rng.uniform(0, 1))
        look = Paint(
            over,
            opacity=rng.uniform(0.6, 1),
            spread=rng.uniform(0, 0.1),
            texture=rng.uniform(0, 0.2),
            grain=log_uniform(rng, 0.6, 10),
            rim=rng.normal(0, 0.2),
            halo=rng.normal(0, 0.1),
            width=log_uniform(rng, 0.6, 3),
            shade=rng.uniform(0, 0.4) if rng.random() < 0.2 else 0.0,
        )
        picture = paint(picture, labels, look, rng)
        under = over
    return picture
