"""The parts of an image that are open for prompts, or were lately."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_sam.errors import Cancelled, NapariSamError
from napari_sam.predict import PlaneWindow, Predictor, Prompts
from napari_sam.session import Plane
from napari_sam.session.embeddings import embedding_store, memory_limit
from napari_sam.session.opening import Opened, Opener
from napari_sam.session.recent import Recent
from napari_sam.weights import load_model

from ..background.look_ahead import LookAhead, Piece, Stopped
from ..layers.mixed import Mixed
from ..layers.planes import image_shape, read_window, seen

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from ..background.jobs import Job, Jobs

NOWHERE = np.zeros((0, 2))
Load = Callable[["Job"], Predictor]
Key = tuple[Plane, PlaneWindow]
QUICK = "cell-tiny"
"""The bundled model, which gives a preview where the chosen one takes seconds."""


class Parts:
    """Opens an image plane by plane, and a large plane window by window, and the neighbours while idle.

    Signals
    -------
    opened : Plane, Opened
        A part is ready, or a preview of it, which is followed by the part itself.
    failed : str
        One sentence about why a preview is all there will be.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image or Mixed
    load : callable
        Makes the predictor; called in the worker.
    jobs : Jobs
        Runs what takes long.
    """

    opened = Signal(tuple, Opened)
    failed = Signal(str)

    def __init__(self, viewer: ViewerModel, image: Image | Mixed, load: Load, jobs: Jobs) -> None:
        self._viewer, self._image, self._load, self._jobs = viewer, image, load, jobs
        self._opener = Opener(embedding_store(), image.mix if isinstance(image, Mixed) else None)
        self._held: Recent[Key, Opened] = Recent(memory_limit())
        self._ahead = LookAhead(jobs)
        self._quick: Predictor | None = None

    @property
    def _shape(self) -> tuple[int, int]:
        rows, cols = image_shape(self._image)[-2:]
        return rows, cols

    def clear(self) -> None:
        """Forget what is open."""
        self._ahead.plan(())
        self._held.clear()

    def close(self) -> None:
        """Stop for good."""
        self._ahead.close()
        self._held.clear()

    def place(self, prompts: Sequence[Prompts], others: NDArray[np.float64] = NOWHERE) -> NDArray[np.float64]:
        """Return positions to open a part around, (K, 2) within the plane: where one looks, without any.

        Parameters
        ----------
        prompts : sequence of Prompts
            The part is to hold where they say that objects are.
        others : (K, 2)
            What else it is to hold, (row, col).

        Raises
        ------
        PromptError
            If they are too far from each other to be seen at once.
        """
        positions = np.concatenate([*(each.inside for each in prompts), others])
        wanted = positions if len(positions) else seen(self._image, self._viewer).mean(axis=0, keepdims=True)
        held: NDArray[np.float64] = np.clip(wanted, 0, np.array(self._shape) - 1)
        self._opener.wanted(self._shape, held)
        return held

    def open(self, plane: Plane, held: NDArray[np.float64]) -> None:
        """Open the part of a plane that holds some positions, in the worker unless it is at hand."""
        self._ahead.plan(())
        at_hand = (key for key in self._held.keys if key[0] == plane and key[1].holds(held))
        found = next((self._held.get(key) for key in at_hand), None)
        if found is not None:
            self._show(plane, found)
            return
        self._jobs.run(
            "Reading the image",
            lambda job: self._embed(job, plane, held),
            lambda answer: self._ready(plane, held, answer),
        )

    def _embed(self, job: Job, plane: Plane, held: NDArray[np.float64]) -> tuple[Opened, Predictor]:
        """Run in the worker."""
        predictor, read = self._load(job), partial(read_window, self._image, plane)
        window = self._opener.wanted(self._shape, held)
        opened = self._opener.preview(predictor, read, window, self._quickly)
        if opened is None:
            opened = self._opener.open(
                predictor, read, self._shape, held, progress=job.progress, cancelled=job.cancelled
            )
        return opened, predictor

    def _quickly(self) -> Predictor:
        self._quick = self._quick or Predictor(load_model(QUICK))
        return self._quick

    def _ready(self, plane: Plane, held: NDArray[np.float64], answer: tuple[Opened, Predictor]) -> None:
        opened, predictor = answer
        if not opened.preview:
            self._held.put((plane, opened.window), replace(opened, note=""))  # which is said once
            self._show(plane, opened)
            return
        self.opened.emit(plane, opened)
        self._ahead.plan([self._real(predictor, plane, held)], wait=0)

    def _real(self, predictor: Predictor, plane: Plane, held: NDArray[np.float64]) -> Piece:
        """Return the work of replacing a preview."""

        def work(stopped: Stopped) -> tuple[Opened, Predictor] | NapariSamError:
            read = partial(read_window, self._image, plane)
            try:
                opened = self._opener.open(predictor, read, self._shape, held, cancelled=stopped)
            except Cancelled:
                raise
            except NapariSamError as error:
                return error
            return replace(opened, note=opened.note or f"{predictor.model.name} is ready."), predictor

        def done(answer: tuple[Opened, Predictor] | NapariSamError) -> None:
            if isinstance(answer, NapariSamError):
                self.failed.emit(str(answer))
            else:
                self._ready(plane, held, answer)

        return work, done

    def _show(self, plane: Plane, opened: Opened) -> None:
        self.opened.emit(plane, opened)
        keys = [(each, opened.window) for each in self._planes_beside(plane)]
        keys += [(plane, window) for window in opened.window.neighbours]
        self._ahead.plan(self._piece(opened.predictor, key) for key in keys if key not in self._held.keys)

    def _planes_beside(self, plane: Plane) -> list[Plane]:
        """Return the next and the last plane on the last axis before (Y, X)."""
        if not plane:
            return []
        count = image_shape(self._image)[-3]
        return [(*plane[:-1], i) for i in (plane[-1] + 1, plane[-1] - 1) if 0 <= i < count]

    def _piece(self, predictor: Predictor, key: Key) -> Piece:
        """Return the work of opening a part for later."""
        read = partial(read_window, self._image, key[0])
        return (
            lambda stopped: self._opener.embed(predictor, read, key[1], cancelled=stopped),
            lambda opened: self._held.put(key, opened),
        )
