"""The decoder's answers: told apart, ranked, and cropped to what they cover."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .frames import Frame
from .prompts import MaskPrompt, Shape
from .resampling import covered_extent

SAME = 0.85
"""Masks whose IoU is higher count as one."""
STABILITY_OFFSET = 2.0
"""Half the distance between the two thresholds that stability compares."""
GRID = 48
"""Side of the grid on which two masks are compared."""

PLAUSIBLE = 0.8
"""A mask may be what is meant if its predicted IoU is at least this share of the best one's."""

Mask = NDArray[np.bool_]
Logits = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Decoded:
    """One mask as the decoder gives it.

    Attributes
    ----------
    logits : (h, w) float32
    frame : Frame
    iou : float
        Predicted IoU.
    token : int
        Which of the decoder's four masks it is.
    dense : (3, h, w) float32, optional
        What the dense head sees at the same places: foreground, distance, boundary, 0 to 1.
    """

    logits: Logits
    frame: Frame
    iou: float
    token: int
    dense: Logits | None = None

    @cached_property
    def extent(self) -> NDArray[np.float64]:
        """Least and largest positive data position, (2, 2); (0, 2) when nothing is positive."""
        return covered_extent(self.logits, self.frame)


@dataclass(frozen=True, eq=False)
class Candidate:
    """One mask, cropped to what it covers.

    Attributes
    ----------
    origin : (int, int)
        Row and column of the crop's first pixel in the image.
    mask : (h, w) bool
        Without empty rows or columns at its border; h and w are 0 for an empty mask.
    iou_prediction : float
    logits : (size, size) float32
        The decoder's own resolution.
    frame : Frame
        What `logits` cover.
    """

    origin: tuple[int, int]
    mask: Mask = field(repr=False)
    iou_prediction: float
    logits: Logits = field(repr=False)
    frame: Frame = field(repr=False)

    @property
    def area(self) -> int:
        """Number of pixels of the mask."""
        return int(np.count_nonzero(self.mask))

    @property
    def bbox(self) -> tuple[int, int, int, int]:
        """First and last row and column: (row_min, col_min, row_max, col_max), all inside the mask."""
        (row, col), (height, width) = self.origin, self.mask.shape
        return row, col, row + height - 1, col + width - 1

    def full_mask(self, shape: Shape) -> Mask:
        """Return the mask in an image of a shape, (Y, X) bool."""
        full = np.zeros(shape, bool)
        (row, col), (height, width) = self.origin, self.mask.shape
        full[row : row + height, col : col + width] = self.mask
        return full


@dataclass(frozen=True, eq=False)
class Candidates:
    """The answers to one set of prompts.

    Attributes
    ----------
    shape : (Y, X)
        Of the image.
    items : tuple of Candidate
        Three, or one; by size, or in Meta's order for a ViT.
    best : int
        Index of the suggested one.
    model, weights_hash : str
        What made them.
    """

    shape: Shape
    items: tuple[Candidate, ...]
    best: int
    model: str
    weights_hash: str

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Candidate]:
        return iter(self.items)

    def __getitem__(self, index: int) -> Candidate:
        return self.items[index]

    @property
    def masks(self) -> Mask:
        """All masks at full size, (M, Y, X) bool; made on demand."""
        return np.stack([item.full_mask(self.shape) for item in self.items])

    @property
    def iou_predictions(self) -> NDArray[np.float64]:
        """The predicted IoUs, (M,)."""
        return np.array([item.iou_prediction for item in self.items])

    @property
    def low_res_logits(self) -> Logits:
        """The decoder's own logits, (M, size, size) float32; to refine one, `mask_prompt` tells its place."""
        return np.stack([item.logits for item in self.items])

    def mask_prompt(self, index: int) -> MaskPrompt:
        """Return a candidate's logits, to be refined with further prompts."""
        return MaskPrompt(self.items[index].logits, self.items[index].frame)


def stability(logits: Logits) -> float:
    """Return the IoU of the masks at a higher and at a lower threshold (paper, appendix B)."""
    return float(stability_at(logits, STABILITY_OFFSET))


def stability_at(logits: Logits, offset: float) -> NDArray[np.float64]:
    """Return the IoU of (..., h, w) logits' masks at thresholds of plus and minus an offset; (...,)."""
    high, low = (np.count_nonzero(logits > threshold, axis=(-2, -1)) for threshold in (offset, -offset))
    return np.asarray(high / np.maximum(low, 1))


def score(decoded: Decoded) -> float:
    """Return how good a mask promises to be; minus infinity for an empty one.

    Predicted IoU alone ranks masks of different scales badly: a mask seen at the wrong scale
    is vague, which its stability shows.
    """
    return decoded.iou * stability(decoded.logits) if len(decoded.extent) else -np.inf


def rank(pool: Sequence[Decoded], count: int) -> list[int]:
    """Choose `count` masks, the best first; near-duplicates only where distinct ones run out.

    Parameters
    ----------
    pool : sequence of Decoded
        Masks of all frames of one set of prompts.
    count : int

    Returns
    -------
    list of int
        Indices into the pool.
    """
    scores = [score(decoded) for decoded in pool]
    distinct: list[int] = []
    repeated: list[int] = []
    for index in sorted(range(len(pool)), key=lambda i: -scores[i]):
        if len(distinct) == count:
            break
        same = any(overlap(pool[index], pool[other]) > SAME for other in distinct)
        (repeated if same else distinct).append(index)
    return (distinct + repeated)[:count]


def least_extent(pool: Sequence[Decoded]) -> NDArray[np.float64]:
    """Return the extent of the smallest mask that may be meant; (2, 2), or (0, 2) if all are empty."""
    best = max(decoded.iou for decoded in pool)
    least = min(PLAUSIBLE * best, best)  # which may be below zero
    extents = [decoded.extent for decoded in pool if decoded.iou >= least]
    sides = [np.ptp(extent, axis=0).max() if len(extent) else np.inf for extent in extents]
    return extents[int(np.argmin(sides))]


def overlap(one: Decoded, other: Decoded) -> float:
    """Return the IoU of two masks of any frames, on a coarse grid over what they cover."""
    extents = [decoded.extent for decoded in (one, other) if len(decoded.extent)]
    if not extents:
        return 1.0
    ends = np.concatenate(extents)
    low, high = ends.min(axis=0), ends.max(axis=0)
    steps = np.linspace(0, 1, GRID)[:, None]
    positions = low + steps * (high - low)
    a, b = _sample(one, positions), _sample(other, positions)
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def _sample(decoded: Decoded, positions: NDArray[np.float64]) -> Mask:
    """Read a mask at the grid of (G, 2) row and column positions; (G, G) bool."""
    inputs = decoded.frame.to_input(positions)
    size = np.array(decoded.logits.shape)
    index = np.floor((inputs + 0.5) * size / decoded.frame.size).astype(int)
    known = (index >= 0) & (index < size)
    rows, cols = np.clip(index, 0, size - 1).T
    inside: Mask = (decoded.logits[np.ix_(rows, cols)] > 0) & np.outer(known[:, 0], known[:, 1])
    return inside
