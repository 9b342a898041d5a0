"""A generated scene: a layout, a look, and an imperfect picture of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import layouts, looks, nerves
from .layouts import Labels, Levels
from .looks import Picture
from .optics import taken
from .shapes import Rng
from .visibility import visible

TRIES = 8
"""So often a picture is taken anew while it does not show all levels; then other objects are laid out."""

Look = Callable[[Levels, Rng], Picture]


@dataclass(frozen=True, eq=False)
class Scene:
    """A generated image with its truth.

    Attributes
    ----------
    image : (3, Y, X) uint8
        RGB; grey scenes have equal channels.
    levels : tuple of (Y, X) int32
        One to three label images, the finest first (part, whole, group): 0 background, one value an
        object. An object of a coarser level contains the finer ones where they are nested.
    kind : str
        What it shows.
    """

    image: NDArray[np.uint8]
    levels: tuple[Labels, ...]
    kind: str


@dataclass(frozen=True)
class Family:
    """One kind of scene: how often it comes, its layout, and the looks it may have."""

    kind: str
    share: float
    layout: Callable[[int, Rng], Levels]
    looks: tuple[Look, ...]


def scene(rng: Rng, size: int = 256) -> Scene:
    """Generate a scene that shows all that its truth claims.

    Parameters
    ----------
    rng : numpy.random.Generator
        All that the scene depends on.
    size : int
        Its side, in pixels.
    """
    shares = np.array([family.share for family in FAMILIES])
    while True:
        family = FAMILIES[rng.choice(len(FAMILIES), p=shares / shares.sum())]
        look = family.looks[rng.integers(len(family.looks))]
        levels = tuple(labels for labels in family.layout(size, rng) if labels.any())
        for _ in range(TRIES if levels else 0):
            image = taken(look(levels, rng), rng)
            if visible(image, levels):
                return Scene(image, levels, f"{family.kind}, {look.__name__.replace('_', ' ')}")


def _cells(size: int, rng: Rng) -> Levels:
    return (layouts.cells(size, rng),)


def _cells_with_nuclei(size: int, rng: Rng) -> Levels:
    whole = layouts.cells(size, rng)
    return layouts.nuclei(whole, rng), whole


def _spread_cells(size: int, rng: Rng) -> Levels:
    whole = layouts.spread_cells(size, rng)
    return (layouts.nuclei(whole, rng), whole) if rng.random() < 0.4 else (whole,)


def _colonies_with_nuclei(size: int, rng: Rng) -> Levels:
    whole, clumps = layouts.colonies(size, rng, smallest=14)
    return layouts.nuclei(whole, rng), whole, layouts.touching_groups(np.where(clumps > 0, whole, 0))


def _colonies(size: int, rng: Rng) -> Levels:
    whole, _ = layouts.colonies(size, rng)
    return whole, layouts.touching_groups(whole)


def _vesicles(size: int, rng: Rng) -> Levels:
    whole = layouts.cells(size, rng)
    return layouts.vesicles(whole, rng), whole


def _mosaic(size: int, rng: Rng) -> Levels:
    whole = layouts.mosaic(size, rng)
    return (layouts.nuclei(whole, rng), whole) if rng.random() < 0.4 else (whole,)


def _filaments(size: int, rng: Rng) -> Levels:
    return (layouts.filaments(size, rng),)


LIGHT = (
    looks.fluorescence,
    looks.fluorescence,
    looks.phase_contrast,
    looks.bright_field,
    looks.stained,
    looks.anything,
)
FAMILIES = (
    Family("cells", 0.15, _cells, (*LIGHT, looks.stained)),
    Family("cells with nuclei", 0.1, _cells_with_nuclei, LIGHT),
    Family("colonies with nuclei", 0.36, _colonies_with_nuclei, LIGHT),
    Family("colonies", 0.1, _colonies, LIGHT),
    Family("spread cells", 0.1, _spread_cells, (looks.phase_contrast, looks.phase_contrast, *LIGHT)),
    Family("rods", 0.06, layouts.rods, (looks.phase_contrast, looks.bright_field, looks.fluorescence)),
    Family("fibres", 0.05, layouts.fibres, (looks.electron_microscopy, looks.anything)),
    Family("nerves", 0.1, nerves.nerve, (nerves.sheaths,)),
    Family("cells with vesicles", 0.03, _vesicles, (looks.electron_microscopy, *LIGHT)),
    Family("mosaic", 0.06, _mosaic, (looks.electron_microscopy, *LIGHT)),
    Family("filaments", 0.03, _filaments, LIGHT),
)
