"""Labels of every volume of a layer linked through its planes, and held as no more than their pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.automatic.link import link_planes
from napari_sam.errors import PromptError

NO_LABELS = "These planes have no labels yet; commit objects, or press Everything and accept what is found."
Placed = tuple[tuple[NDArray[np.intp], ...], NDArray[np.int32]]
"""Pixels, by an array of indices an axis, and what is written there."""


def link_volumes(data: Any, axis: int, progress: Callable[[int, int], None]) -> list[Placed]:
    """Link the planes along an axis at each place of the other axes, one volume after another.

    A number is never that of objects of two volumes.

    Parameters
    ----------
    data : (..., Y, X)
        Labels, maybe lazy ones; no more than one volume is read at once.
    axis : int
        Before the last two.
    progress : callable
        Called with the number of volumes done and of all.

    Returns
    -------
    list of (indices, numbers)
        Of each volume with labels.

    Raises
    ------
    PromptError
        If no volume has any.
    """
    sides = [1 if each == axis else side for each, side in enumerate(data.shape[:-2])]
    found: list[Placed] = []
    used = 0
    for done, here in enumerate(np.ndindex(*sides), 1):
        volume = np.asarray(data[tuple(slice(None) if each == axis else at for each, at in enumerate(here))])
        if volume.any():
            linked = link_planes(volume)
            planes, *pixels = np.nonzero(linked)
            leading = [planes if each == axis else np.full_like(planes, at) for each, at in enumerate(here)]
            found.append(((*leading, *pixels), np.asarray(linked[linked > 0] + used, np.int32)))
            used += int(linked.max())
        progress(done, int(np.prod(sides)))
    if not found:
        raise PromptError(NO_LABELS)
    return found
