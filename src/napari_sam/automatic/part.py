"""One embedded part of an image, searched again and again with other settings at little cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_sam.masks import Region, Window, labelled, meets
from napari_sam.predict import Embedding, Predictor
from napari_sam.progress import Cancel, Progress

from .asking import Answers, agreed, ask
from .crops import Crop, GridSettings
from .cutting import Labels, sizes
from .dense import DenseView
from .grid import asked_at, sifted
from .instances import dense_instances, two_looks
from .painting import painted
from .records import MaskRecord, within_sizes
from .segment import Method, method_for
from .settings import AutomaticSettings

FLOOR = 0.5
"""A grid's masks are kept from this predicted IoU and stability on, so that thresholds can be moved."""


class PartSearch:
    """Keeps what the networks said about a part: other settings ask only for what is new.

    Positions are those of the part, whatever plane it lies in.

    Parameters
    ----------
    predictor : Predictor
    embedding : Embedding
    method : "auto", "grid" or "instances"

    Raises
    ------
    ImageError
        If the method does not suit the model.
    """

    def __init__(self, predictor: Predictor, embedding: Embedding, method: Method = "auto") -> None:
        self.embedding = embedding
        self.method = method_for(predictor.model, method)
        self._predictor = predictor
        self._alone = replace(embedding, part=None)
        self._view = DenseView(predictor, self._alone) if self.method == "instances" else None
        self._answers: dict[bool, Answers] = {False: {}, True: {}}  # by whether asked turned, too
        self._pools: dict[tuple[int, int, int, int, GridSettings], list[MaskRecord]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that the embedding and the dense head's maps take."""
        return self.embedding.nbytes if self._view is None else self._view.nbytes

    @property
    def whole(self) -> Window:
        """All of the part."""
        rows, cols = self.embedding.shape
        return slice(0, rows), slice(0, cols)

    def regions(self, settings: AutomaticSettings, window: Window | None = None) -> list[Region]:
        """Return what the dense head sees in a window, before the mask decoder is asked; none for a grid."""
        if self._view is None:
            return []
        found = dense_instances(self._view, settings.dense)
        return self._within(found, window or self.whole)

    def records(
        self,
        settings: AutomaticSettings,
        window: Window | None = None,
        *,
        progress: Progress | None = None,
        cancelled: Cancel | None = None,
    ) -> list[MaskRecord]:
        """Find the objects in a window of the part, each once and none in another.

        Parameters
        ----------
        settings : AutomaticSettings
        window : (rows, columns), optional
            Within the part; objects that reach into it are found whole. All of the part by default.
        progress, cancelled : callable, optional
            As `propose` takes them.

        Returns
        -------
        list of MaskRecord
            The one that promises most first.

        Raises
        ------
        Cancelled
            If `cancelled` said so; what was answered before is kept for the next time.
        OutOfMemoryError
            If the device has too little memory.
        """
        window = window or self.whole
        if self._view is None:
            grid = settings.grid_for(self._predictor.model)
            pool = self._pool(grid, window, progress, cancelled)
            found = within_sizes(sifted(pool, grid), *settings.dense.areas)
        else:
            *looks, scale = two_looks(self._view, settings.dense, cancelled)
            regions, faint = (self._within(look, window) for look in looks)
            asked, on = [*regions, *faint], self._view.asked_on(scale)
            answers = self._answers[on[1] is not None]
            ask(self._predictor, on, asked, answers, progress=progress, cancelled=cancelled)
            found = agreed(regions, answers, settings, faint, sizes(looks[0])[0])
        kept = painted(found, self.embedding.shape, settings)[1]
        # a mask may be smaller than what was asked for; beyond the window, no later search would replace it
        return [each for each in kept if meets(each.origin, each.mask.shape, window)]

    def _within(self, labels: Labels, window: Window) -> list[Region]:
        """Return the regions of labels that reach into a window."""
        return [each for _, each in labelled(labels) if meets(each[0], each[1].shape, window)]

    def _pool(
        self, grid: GridSettings, window: Window, progress: Progress | None, cancelled: Cancel | None
    ) -> list[MaskRecord]:
        """Return all masks of some promise at the points of a grid over a window."""
        low = replace(
            grid, predicted_iou=min(grid.predicted_iou, FLOOR), stability=min(grid.stability, FLOOR)
        )
        key = (window[0].start, window[0].stop, window[1].start, window[1].stop, low)
        if key not in self._pools:
            points = _grid_over(window, grid.points_per_side)
            self._pools[key] = asked_at(
                self._predictor, self._alone, points, low, progress=progress, cancelled=cancelled
            )
        return self._pools[key]


def _grid_over(window: Window, points_per_side: int) -> NDArray[np.float64]:
    """Return the points (row, col) of a grid over a window."""
    (top, bottom), (left, right) = ((part.start, part.stop) for part in window)
    points: NDArray[np.float64] = Crop((top, left, bottom, right), points_per_side).grid() + np.array(
        [top, left]
    )
    return points
