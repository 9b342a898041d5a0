"""What becomes an object of an automatic search; the same for every way to search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from napari_sam.errors import ImageError
from napari_sam.weights import LoadedModel

from .crops import GridSettings
from .cutting import DenseSettings
from .given import check_kinds

SUREST = 0.9
"""Quantile of what an image's masks promise that the others are held against."""


@dataclass(frozen=True)
class AutomaticSettings:
    """What becomes an object; the defaults need no touching.

    Attributes
    ----------
    dense : DenseSettings
        How the dense head's maps become instances.
    grid : GridSettings, optional
        By default Meta's for a ViT, and lower thresholds for a windowed model, which promises less.
    predicted_iou, stability : float, optional
        Of the masks of a grid, in place of its own.
    agreement : float
        IoU that the decoder's mask of an instance has with it, or else the instance is dropped.
    second_look : float
        Predicted IoU times stability of a mask, from which what the dense head sees faintly becomes an
        object, too, where it saw none; with 1 none does.
    promise : float
        Share of the predicted IoU times stability that the surest tenth of an image's masks have, or of a
        stack's, below which a mask is left out: it was seen where there is nothing.
    overlap : float
        IoU of boxes above which two instances' masks count as one.
    shared : float
        Share of a mask that better ones have taken, or that it would take of one of these, above which
        it is left out of the labels; so a label neither lies in another nor surrounds one.
    largest : float
        Masks over a larger share of the image are left out of the labels (paper, appendix B).

    Raises
    ------
    ImageError
        If a share is not within 0 to 1.
    TypeError
        If a value is of another kind, such as text.
    """

    dense: DenseSettings = field(default_factory=DenseSettings)
    grid: GridSettings | None = None
    predicted_iou: float | None = None
    stability: float | None = None
    agreement: float = 0.5
    second_look: float = 0.57
    promise: float = 0.6
    overlap: float = 0.7
    shared: float = 0.5
    largest: float = 0.95

    def __post_init__(self) -> None:
        check_kinds(self)
        shares = (self.agreement, self.second_look, self.promise, self.overlap, self.shared, self.largest)
        promised = (each for each in (self.predicted_iou, self.stability) if each is not None)
        if not all(0 <= share <= 1 for share in (*shares, *promised)):
            raise ImageError(
                "Predicted IoU, stability, agreement, second look, promise, overlap, shared and largest are"
                " shares; give numbers of 0 to 1."
            )

    def least(self, worths: Sequence[float]) -> float:
        """Return the predicted IoU times stability that a mask needs beside others, by what all have."""
        return self.promise * float(np.quantile(worths, SUREST))

    def grid_for(self, model: LoadedModel) -> GridSettings:
        """Return the grid that a model is asked with."""
        low = 0.6 if model.sam.config.windowed else None
        own = self.grid or _with(GridSettings(), low, low)
        return _with(own, self.predicted_iou, self.stability)


def _with(grid: GridSettings, predicted_iou: float | None, stability: float | None) -> GridSettings:
    """Return a grid with other thresholds; None keeps its own."""
    return replace(
        grid,
        predicted_iou=grid.predicted_iou if predicted_iou is None else predicted_iou,
        stability=grid.stability if stability is None else stability,
    )
