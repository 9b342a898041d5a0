"""Pixels of labels that have to show something else, and how they come into a layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .planes import out_of_planes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray

SHARE = 0.1
"""Of a plane's pixels; showing more than these anew takes longer than showing the whole plane anew."""


@dataclass(frozen=True, eq=False)
class LabelPart:
    """Some pixels of labels, and what they are to show.

    Attributes
    ----------
    place : tuple of int and slice
        The part of the labels that they lie in, an entry an axis.
    chosen : (...) bool
        Which pixels of the part, an axis for each slice.
    drawn : (...) int
        What they are to show; of the same shape.
    """

    place: tuple[int | slice, ...]
    chosen: NDArray[np.bool_]
    drawn: NDArray[Any]

    @property
    def indices(self) -> NDArray[np.intp]:
        """Where the pixels are in the labels, one row an axis."""
        found = np.nonzero(self.chosen)
        along, count = iter(found), len(found[0])
        return np.stack(
            [next(along) + at.start if isinstance(at, slice) else np.full(count, at) for at in self.place]
        )

    def write(self, labels: Any) -> None:
        """Write the pixels into labels, which are read and assigned to by slices."""
        here = labels[self.place]
        if type(labels) is np.ndarray:  # these are its own pixels, then
            here[self.chosen] = self.drawn[self.chosen]
            return
        pixels = np.array(here)
        pixels[self.chosen] = self.drawn[self.chosen]
        labels[self.place] = pixels


def write(layer: Labels, parts: Sequence[LabelPart]) -> bool:
    """Write parts into the labels of a layer in one step, and show them; say whether there was a pixel.

    The layer's own history, which is not the session's, begins anew where much is written: it would hold
    a copy of every step.
    """
    count = sum(int(np.count_nonzero(part.chosen)) for part in parts)
    if not count:
        return False
    few = count <= SHARE * math.prod(layer.data.shape[-2:])
    if layer.visible and few and not out_of_planes(layer):  # where napari would look for another plane
        labels = np.concatenate([part.drawn[part.chosen] for part in parts])
        layer.data_setitem(tuple(np.concatenate([part.indices for part in parts], axis=1)), labels)
        return True
    for part in parts:
        part.write(layer.data)
    layer._reset_history()
    if layer.visible:  # if not, it is shown anew when it is shown
        layer.refresh(extent=False, highlight=False)
    return True
