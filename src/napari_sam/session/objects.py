"""What a person has committed: one object, with all that made it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam.predict import Candidate, Candidates, Prompts

Plane = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Object:
    """One committed object.

    Attributes
    ----------
    id : int
        Its label, never given to another object of the session.
    plane : tuple of int
        Position on the axes before (Y, X); empty for a 2-D image.
    origin : (int, int)
        Row and column of the mask's first pixel in the plane.
    mask : (h, w) bool
        The object's pixels, as the model drew them. Where they overlap an older object, the label
        image keeps the older one; the mask here is whole.
    prompts : Prompts
        What the person pointed at.
    choice : int
        Which of the candidates was taken.
    iou_prediction : float
        What the model thought of it.
    model, weights_hash : str
        What made it.
    """

    id: int
    plane: Plane
    origin: tuple[int, int]
    mask: NDArray[np.bool_]
    prompts: Prompts
    choice: int
    iou_prediction: float
    model: str
    weights_hash: str

    @property
    def window(self) -> tuple[int | slice, ...]:
        """Index of the mask's bounding box in the whole label image."""
        (row, col), (height, width) = self.origin, self.mask.shape
        return (*self.plane, slice(row, row + height), slice(col, col + width))


@dataclass(frozen=True, eq=False)
class Proposal:
    """Prompts and the candidates that answer them, not yet committed.

    Attributes
    ----------
    prompts : Prompts
    candidates : Candidates
    plane : tuple of int
        Where they are.
    """

    prompts: Prompts
    candidates: Candidates
    plane: Plane = ()

    def chosen(self, choice: int | None) -> Candidate:
        """Return one candidate, or the suggested one for None."""
        return self.candidates.items[self.candidates.best if choice is None else choice]
