"""Labels of every volume of a layer linked through its planes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.automatic.stack.link import link_planes
from napari_sam.errors import PromptError

from ..layers.pyramid import new_pixels

NO_LABELS = "These planes have no labels yet; commit objects, or press Everything and accept what is found."
ALONE = (
    "No mask overlaps one in a neighbouring plane, so nothing was linked; commit the same objects in further"
    " planes first."
)


@dataclass(frozen=True, eq=False)
class Linked:
    """What was linked.

    Attributes
    ----------
    pixels : array
        Labels for `labels_layer`.
    objects, volumes : int
        How many are in them; a number is never that of objects of two volumes.
    alone : int
        Masks that overlap none in a neighbouring plane, and are left out.
    """

    pixels: Any
    objects: int
    volumes: int
    alone: int


def link_volumes(data: Any, axis: int, progress: Callable[[int, int], None]) -> Linked:
    """Link the planes along an axis at each place of the other axes, one volume after another.

    Parameters
    ----------
    data : (..., Y, X)
        Labels, maybe lazy ones; no more than one volume is read at once.
    axis : int
        Before the last two.
    progress : callable
        Called with the number of volumes done and of all.

    Raises
    ------
    PromptError
        If no volume has labels, or none of them is linked.
    """
    sides = [1 if each == axis else side for each, side in enumerate(data.shape[:-2])]
    pixels = new_pixels(data.shape)
    objects = volumes = alone = 0
    for done, here in enumerate(np.ndindex(*sides), 1):
        volume = np.asarray(data[tuple(slice(None) if each == axis else at for each, at in enumerate(here))])
        if volume.any():
            linked = link_planes(volume)
            planes, *places = np.nonzero(linked)
            leading = [planes if each == axis else np.full_like(planes, at) for each, at in enumerate(here)]
            if len(planes):
                pixels[(*leading, *places)] = np.asarray(linked[linked > 0] + objects, np.int32)
            objects, volumes = objects + int(linked.max()), volumes + 1
            alone += _left_out(volume, linked)
        progress(done, int(np.prod(sides)))
    if not objects:
        raise PromptError(ALONE if volumes else NO_LABELS)
    return Linked(pixels, objects, volumes, alone)


def _left_out(volume: NDArray[Any], linked: NDArray[np.int32]) -> int:
    """Return how many masks are in no linked object."""
    lost = ((np.unique(plane[number == 0]) > 0).sum() for plane, number in zip(volume, linked, strict=True))
    return int(sum(lost))
