"""What a person says about an object: points, a box, an earlier mask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.errors import PromptError

from .frames import Frame

Box = tuple[float, float, float, float]
Shape = tuple[int, int]

BEYOND = 1e15
"""Logits from here on, of either sign, overflow within the network."""


@dataclass(frozen=True, eq=False)
class MaskPrompt:
    """Logits of an earlier answer, to be refined.

    Attributes
    ----------
    logits : (h, w) float32
        Positive inside the object; the decoder's own resolution.
    frame : Frame
        The part of the image that the logits cover.
    """

    logits: NDArray[np.float32] = field(repr=False)
    frame: Frame

    def __post_init__(self) -> None:
        object.__setattr__(self, "logits", _checked_logits(self.logits))


@dataclass(frozen=True, eq=False)
class Prompts:
    """Prompts for one object, in data pixels (row, col) with pixel centres at integers.

    Attributes
    ----------
    points : (N, 2) float64
        Positions (row, col).
    point_labels : (N,) int64
        1 inside the object, 0 outside it.
    box : (row_min, col_min, row_max, col_max), optional
    mask : MaskPrompt or (h, w) array, optional
        A bare array covers the whole input frame, as in Meta's code.

    Raises
    ------
    PromptError
        If there is nothing to go by, or the prompts are malformed or contradict each other.
    """

    points: ArrayLike = ()
    point_labels: ArrayLike = ()
    box: Sequence[float] | None = None
    mask: MaskPrompt | NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        points = _checked_points(self.points)
        labels = _checked_labels(self.point_labels, len(points))
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "point_labels", labels)
        if self.box is not None:
            object.__setattr__(self, "box", _checked_box(self.box))
        if self.mask is not None and not isinstance(self.mask, MaskPrompt):
            object.__setattr__(self, "mask", _checked_logits(self.mask))
        if self.box is None and self.mask is None:
            if not len(points):
                raise PromptError("There is no prompt; give a point, a box or a mask.")
            if not labels.any():
                raise PromptError(
                    "All points are outside; add one inside the object, or draw a box around it."
                )
        _check_no_contradiction(points, labels)

    @property
    def positions(self) -> NDArray[np.float64]:
        """The points, (N, 2) float64."""
        return np.asarray(self.points, np.float64)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The points' labels, (N,) int64."""
        return np.asarray(self.point_labels, np.int64)

    @property
    def positive(self) -> NDArray[np.float64]:
        """Points that the object holds, (K, 2)."""
        positive: NDArray[np.float64] = self.positions[self.labels == 1]
        return positive

    @property
    def inside(self) -> NDArray[np.float64]:
        """Positions that the object holds or spans: positive points and the box's corners, (K, 2)."""
        if self.box is None:
            return self.positive
        return np.concatenate([self.positive, np.reshape(self.box, (2, 2))])

    @property
    def ambiguous(self) -> bool:
        """Whether the user has a choice: one point alone, or a lone box (paper, section 3)."""
        count = len(self.positions)
        return self.mask is None and count == (1 if self.box is None else 0)

    def within(self, shape: Shape) -> Prompts:
        """Return these prompts with the box clipped to an image.

        Parameters
        ----------
        shape : (Y, X)

        Raises
        ------
        PromptError
            If a point or the whole box lies outside the image.
        """
        ends = np.array(shape) - 0.5
        size = f"{shape[0]} x {shape[1]} pixels"
        for row, col in self.positions:
            if not (-0.5 <= row <= ends[0] and -0.5 <= col <= ends[1]):
                raise PromptError(
                    f"The point ({_short(row)}, {_short(col)}) lies outside the image of {size};"
                    " move it inside, or clear it."
                )
        if self.box is None:
            return self
        corners = np.clip(np.reshape(self.box, (2, 2)), -0.5, ends)
        if not (corners[1] > corners[0]).all():
            raise PromptError(f"The box lies outside the image of {size}; draw it on the image.")
        return replace(self, box=corners.ravel().tolist())


def checked(prompts: Iterable[Prompts]) -> list[Prompts]:
    """Return the prompts of several objects.

    Raises
    ------
    PromptError
        If they are something else, such as those of one object.
    """
    if isinstance(prompts, Prompts) or not isinstance(prompts, Iterable):
        raise PromptError(
            "The prompts of several objects are wanted; give a list of napari_sam.Prompts, or use"
            " Predictor.predict for one object."
        )
    several: list[Any] = list(prompts)
    for each in several:
        if not isinstance(each, Prompts):
            raise PromptError(
                f"Prompts are wanted and not {type(each).__name__}; give napari_sam.Prompts(...)."
            )
    return several


def _short(position: float) -> str:
    """Return a position with one decimal, or with none that says nothing."""
    return f"{position:.1f}".removesuffix(".0")


def _checked_logits(values: ArrayLike) -> NDArray[np.float32]:
    try:
        given = np.asarray(values)
        logits = np.array(given, np.float32)  # a copy, as of the points
    except (TypeError, ValueError) as error:
        raise PromptError("A mask prompt is one plane of logits; something else was given.") from error
    if _is_mask(given):  # whose 0, outside, would mean "unsure"
        raise PromptError(
            "A mask prompt is logits, below 0 outside the object; of a mask, give np.where(mask, 8.0, -8.0)."
        )
    if logits.ndim != 2 or logits.size == 0:
        raise PromptError(f"A mask prompt is one plane of logits, not an array of shape {logits.shape}.")
    if not (np.abs(logits) < BEYOND).all():
        raise PromptError("A mask prompt holds values that are not finite, or huge; give finite logits.")
    return logits


def _is_mask(values: NDArray[Any]) -> bool:
    """Say whether values are of a mask or labels, of any dtype: 0 outside, and whole numbers inside."""
    if values.dtype.kind in "bu":
        return True
    return bool((values == 0).any() and (values > 0).any() and ((values >= 0) & (values % 1 == 0)).all())


def _checked_points(values: ArrayLike) -> NDArray[np.float64]:
    try:
        points = np.array(np.asarray(values), np.float64)  # a copy: a layer's own points are moved in place
    except (TypeError, ValueError) as error:
        raise PromptError("The points are not numbers; give (row, col) pairs.") from error
    if points.size == 0:
        points = points.reshape(0, 2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise PromptError(f"Points are (row, col) pairs, not an array of shape {points.shape}.")
    if not np.isfinite(points).all():
        raise PromptError("A point's position is not finite; give numbers.")
    return points


def _checked_labels(values: ArrayLike, count: int) -> NDArray[np.int64]:
    try:
        labels = np.asarray(values)
    except ValueError as error:  # lists of several lengths
        raise PromptError("The point labels are no list of numbers; give 1 or 0 for each point.") from error
    if labels.ndim != 1:
        raise PromptError("The point labels are no list of numbers; give 1 or 0 for each point.")
    if labels.shape != (count,):
        raise PromptError(f"There are {count} points and {labels.size} point labels; give one label a point.")
    if not np.isin(labels, (0, 1)).all():
        raise PromptError("A point's label is 1 (inside the object) or 0 (outside); another value was given.")
    return labels.astype(np.int64).reshape(count)


def _checked_box(values: Sequence[float]) -> Box:
    try:
        row_min, col_min, row_max, col_max = (float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise PromptError("A box is four numbers: (row_min, col_min, row_max, col_max).") from error
    box = (row_min, col_min, row_max, col_max)
    if not np.isfinite(box).all():
        raise PromptError("A corner of the box is not finite; give numbers.")
    if not (row_max > row_min and col_max > col_min):
        raise PromptError(
            "The box has no area; give (row_min, col_min, row_max, col_max) with min below max."
        )
    return box


def _check_no_contradiction(points: NDArray[np.float64], labels: NDArray[np.int64]) -> None:
    pixels = np.floor(points + 0.5)
    positive = {tuple(pixel) for pixel in pixels[labels == 1].tolist()}
    for pixel in pixels[labels == 0].tolist():
        if tuple(pixel) in positive:
            raise PromptError(
                f"The pixel ({pixel[0]:g}, {pixel[1]:g}) is marked both inside and outside; remove one point."
            )
