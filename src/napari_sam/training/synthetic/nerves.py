"""Cross-sections of nerves: fibres of all sizes packed between each other, each an axon in a thick sheath."""

from __future__ import annotations

import numpy as np

from .layouts import Labels, Levels, depths, largest_depths, log_uniform, stamp, without_crumbs
from .looks import Paint, Picture, grey, ground, paint, texture
from .shapes import Rng, blob

MOST = 260
"""Most fibres that a scene is offered, the thickest first."""


def nerve(size: int, rng: Rng) -> Levels:
    """Pack fibres of very different thickness: axons, and whole fibres."""
    typical, spread = log_uniform(rng, 4, 16), rng.uniform(0.3, 0.75)
    crowd = int(np.clip(size**2 * rng.uniform(0.4, 2.0) / (np.pi * typical**2), 8, MOST))
    radii = np.sort(np.clip(typical * np.exp(rng.normal(0, spread, crowd)), 2.5, size / 5))[::-1]
    roughness = rng.uniform(0.02, 0.1)
    whole = np.zeros((size, size), np.int32)
    label = 1
    for radius in radii.tolist():
        patch = blob(radius, rng, 1 + rng.exponential(0.25), roughness)
        label += stamp(whole, patch, rng.uniform(0, size, 2), label, hidden=0.25)
    return _axons(whole, rng), whole


def _axons(whole: Labels, rng: Rng) -> Labels:
    """Keep the inside of every fibre: a share of its thickness of its own, with an uneven border."""
    depth = depths(whole)
    deepest = largest_depths(depth, whole)
    share = np.clip(rng.normal(rng.uniform(0.4, 0.75), 0.1, len(deepest)), 0.25, 0.9)
    uneven = rng.uniform(0, 0.15) * texture(whole.shape[0], log_uniform(rng, 1.5, 5), rng)
    inside = depth > np.maximum((1 - share[whole] + uneven) * deepest[whole], 0.5)
    return without_crumbs(np.where(inside & (whole > 0), whole, 0).astype(np.int32))


def sheaths(levels: Levels, rng: Rng) -> Picture:
    """Bright or dark sheaths on grey plasm, between which there is more of both than can be told apart."""
    size = levels[0].shape[0]
    bright = rng.random() < 0.65
    plasm = rng.uniform(0.1, 0.6) if bright else rng.uniform(0.45, 0.9)
    sheath = rng.uniform(plasm + 0.2, 1.0) if bright else rng.uniform(0.0, plasm - 0.25)
    picture = ground(size, grey(plasm), rng.uniform(0.03, 0.12), rng)
    between = np.abs(texture(size, log_uniform(rng, 1.2, 4), rng)) < rng.uniform(0.1, 0.5)
    gaps = texture(size, log_uniform(rng, 8, 30), rng) > rng.uniform(1.0, 2.5)
    blend = rng.uniform(0, 0.6) * (between & ~gaps)
    picture = picture + blend.astype(np.float32) * np.float32(sheath - plasm)
    picture -= gaps.astype(np.float32) * np.float32(rng.uniform(0, plasm))
    for labels, level in ((levels[-1], sheath), (levels[0], plasm + rng.normal(-0.1, 0.12))):
        look = Paint(
            grey(float(np.clip(level, 0, 1))),
            opacity=rng.uniform(0.8, 1),
            spread=rng.uniform(0, 0.08),
            texture=rng.uniform(0.02, 0.14),
            grain=log_uniform(rng, 0.6, 3),
            rim=rng.normal(0, 0.12),
            halo=-rng.uniform(0, 0.25) if bright else rng.uniform(0, 0.2),
            width=log_uniform(rng, 0.6, 1.6),
        )
        picture = paint(picture, labels, look, rng)
    return picture
