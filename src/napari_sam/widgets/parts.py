"""The parts of an image that are open for prompts, or were lately."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_sam.predict import PlaneWindow, Predictor
from napari_sam.session import Plane
from napari_sam.session.embeddings import embedding_store, memory_limit
from napari_sam.session.opening import Opened, Opener
from napari_sam.session.recent import Recent

from .planes import image_shape, read_window, seen

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray

    from .jobs import Job, Jobs

Load = Callable[["Job"], Predictor]


class Parts:
    """Opens an image plane by plane, and a large plane window by window; reads no more than that.

    Signals
    -------
    opened : Plane, Opened
        A part is ready.

    Parameters
    ----------
    image : napari.layers.Image
    load : callable
        Makes the predictor; called in the worker.
    jobs : Jobs
        Runs what takes long.
    """

    opened = Signal(tuple, Opened)

    def __init__(self, image: Image, load: Load, jobs: Jobs) -> None:
        self._image, self._load, self._jobs = image, load, jobs
        self._opener = Opener(embedding_store())
        self._held: Recent[tuple[Plane, PlaneWindow], Opened] = Recent(memory_limit())

    @property
    def _shape(self) -> tuple[int, int]:
        rows, cols = image_shape(self._image)[-2:]
        return rows, cols

    def clear(self) -> None:
        """Forget what is open."""
        self._held.clear()

    def place(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return positions to open a part around, (K, 2) within the plane: where one looks, without any.

        Parameters
        ----------
        positions : (K, 2)
            Of prompts, (row, col).

        Raises
        ------
        PromptError
            If they are too far from each other to be seen at once.
        """
        held = positions if len(positions) else seen(self._image).mean(axis=0, keepdims=True)
        held = np.clip(held, 0, np.array(self._shape) - 1)
        self._opener.wanted(self._shape, held)
        return held

    def open(self, plane: Plane, held: NDArray[np.float64]) -> None:
        """Open the part of a plane that holds some positions, in the worker unless it is at hand."""
        at_hand = (key for key in self._held.keys if key[0] == plane and key[1].holds(held))
        found = next((self._held.get(key) for key in at_hand), None)
        if found is not None:
            self.opened.emit(plane, found)
            return
        self._jobs.run(
            "Reading the image",
            lambda job: self._embed(job, plane, held),
            lambda opened: self._ready(plane, opened),
        )

    def _embed(self, job: Job, plane: Plane, held: NDArray[np.float64]) -> Opened:
        """Run in the worker."""
        return self._opener.open(
            self._load(job),
            lambda window: read_window(self._image, plane, window),
            self._shape,
            held,
            job.progress,
            job.cancelled,
        )

    def _ready(self, plane: Plane, opened: Opened) -> None:
        self._held.put((plane, opened.window), opened)
        self.opened.emit(plane, opened)
