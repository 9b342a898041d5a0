"""What a person has committed: one object, with all that made it, and the edits that change objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.predict import Candidate, Candidates, Prompts

Plane = tuple[int, ...]
Key = tuple[int, Plane]
"""An object's label and its plane; the labels of stacks go through several planes."""
COMMIT, PAINT, ADOPT, ACCEPT, FOLLOW = "commit", "paint", "adopt", "accept", "follow"
"""Kinds of edits, besides `operations.OPERATIONS`."""
FOLLOWED = ("propagated", "interpolated")
"""Levels of masks that come from following an object through planes."""


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
        The whole object; objects may overlap, and only the label image shows one a pixel.
    prompts : Prompts, optional
        What the person pointed at; None for an object that was painted, or came with the labels.
    choice : int, optional
        Which of the candidates was taken.
    suggested : int, optional
        Which of them was suggested.
    level : str
        What the candidate was called by its size: part, cell, cluster or refined.
    iou_prediction : float, optional
        What the model thought of it.
    score : float, optional
        How far to trust it, of 0 to 1, if it was found without a person's prompts.
    model, weights_hash : str
        What made it; empty without a model.
    device, precision, software : str
        Where and in which dtype the model computed, and by which version of this software.
    normalization : dict, optional
        How the image became RGB, as `Normalization.to_dict` gives it, and which part of the plane was seen.
    made : str
        When, in UTC, by ISO 8601.
    author : str
        Who.
    category : str
        The class that the person gave it.
    note : str
        What the person wrote about it.
    """

    id: int
    plane: Plane
    origin: tuple[int, int]
    mask: NDArray[np.bool_]
    prompts: Prompts | None = None
    choice: int | None = None
    suggested: int | None = None
    level: str = ""
    iou_prediction: float | None = None
    score: float | None = None
    model: str = ""
    weights_hash: str = ""
    device: str = ""
    precision: str = ""
    software: str = ""
    normalization: Mapping[str, Any] | None = None
    made: str = ""
    author: str = ""
    category: str = ""
    note: str = ""

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.id, self.plane

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.mask))

    @property
    def centre(self) -> tuple[float, float]:
        """Row and column of the middle of its bounding box, in data pixels."""
        (row, col), (height, width) = self.origin, self.mask.shape
        return row + (height - 1) / 2, col + (width - 1) / 2

    @property
    def box(self) -> tuple[float, float, float, float]:
        """First row and column, last row and column, to the outer edges of its pixels."""
        (row, col), (height, width) = self.origin, self.mask.shape
        return row - 0.5, col - 0.5, row + height - 0.5, col + width - 0.5

    @property
    def window(self) -> tuple[int | slice, ...]:
        """Index of the mask's bounding box in the whole label image."""
        (row, col), (height, width) = self.origin, self.mask.shape
        return (*self.plane, slice(row, row + height), slice(col, col + width))

    def described(self, category: str, note: str) -> Object:
        """Return it with another class and note; quicker than `replace`, for thousands at once."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), category=category, note=note)
        return other

    def covers(self, row: int, col: int) -> bool:
        """Say whether a pixel of its plane belongs to it."""
        down, along = row - self.origin[0], col - self.origin[1]
        height, width = self.mask.shape
        return 0 <= down < height and 0 <= along < width and bool(self.mask[down, along])


@dataclass(frozen=True, eq=False)
class Edit:
    """One step of work, which can be undone: some objects make room for others.

    Attributes
    ----------
    what : str
        "commit", "paint", or the name of an operation.
    before, after : tuple of Object
        What goes, and what comes; an object that changes is in both.
    arguments : mapping
        What the operation was told besides, as plain JSON values.
    """

    what: str
    before: tuple[Object, ...]
    after: tuple[Object, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def back(self) -> Edit:
        """The edit that undoes this one."""
        return Edit(self.what, self.after, self.before, self.arguments)

    @cached_property
    def moved(self) -> tuple[Object, ...]:
        """The objects of both sides but those that only change what is said of them, and no pixel."""
        if len(self.before) != len(self.after):
            return *self.before, *self.after
        pairs = [pair for pair in zip(self.before, self.after, strict=True) if not _same_pixels(*pair)]
        return *(one for one, _ in pairs), *(other for _, other in pairs)


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


def level_by_hand(level: str) -> str:
    """Return the level of a mask once a person has changed it, which no walk through planes takes then."""
    return "" if level in FOLLOWED else level


def _same_pixels(one: Object, other: Object) -> bool:
    return one.mask is other.mask and one.origin == other.origin and one.key == other.key


def common(one: Object, other: Object) -> int:
    """Return how many pixels two objects of a plane have in common; written out, as it is asked often."""
    (row, col), (height, width) = one.origin, one.mask.shape
    (down, along), (tall, wide) = other.origin, other.mask.shape
    top, bottom = max(row, down), min(row + height, down + tall)
    left, right = max(col, along), min(col + width, along + wide)
    if top >= bottom or left >= right:
        return 0
    part = one.mask[top - row : bottom - row, left - col : right - col]
    return int(np.count_nonzero(part & other.mask[top - down : bottom - down, left - along : right - along]))


def object_iou(one: Object, other: Object) -> float:
    """Return the IoU of two objects of a plane; 0 if both are empty."""
    both = common(one, other)
    union = one.area + other.area - both
    return both / union if union else 0.0
