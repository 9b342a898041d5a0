"""Which part of an image is open for prompts: the one that they are in, or else that is seen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_sam.errors import NapariSamError
from napari_sam.session.opening import Opened

from ..background.resting import after_rest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_sam.session import AnnotationSession, Plane

    from ..background.jobs import Jobs
    from ..prompts.prompt_layers import PromptLayers
    from .adopting import Adopting
    from .parts import Parts
    from .seeing import Seeing

PATIENCE = 150
"""Milliseconds that the sliders and the view have to rest before anything is read."""


class Opening:
    """Opens what is seen, or prompted, once the person rests there; the session has its embedding then.

    Signals
    -------
    opened : Opened, bool
        A part is open, and the labels of its plane are known; whether none was open before.

    Parameters
    ----------
    session : AnnotationSession
    seeing : Seeing
        Knows the plane.
    parts : Parts
    prompts : PromptLayers
    adopting : Adopting
        Lets the session know the labels of a plane first.
    jobs : Jobs
        Runs what takes long.

    Attributes
    ----------
    part : Opened or None
        The last one that was open.
    """

    opened = Signal(Opened, bool)

    def __init__(
        self,
        session: AnnotationSession,
        seeing: Seeing,
        parts: Parts,
        prompts: PromptLayers,
        adopting: Adopting,
        jobs: Jobs,
    ) -> None:
        self._session, self._seeing, self._parts = session, seeing, parts
        self._prompts, self._adopting, self._jobs = prompts, adopting, jobs
        self.part: Opened | None = None
        # of a parent, so that Python's garbage collection, in whatever thread, never deletes it
        self._rest = after_rest(jobs, self.open, PATIENCE)
        parts.opened.connect(self._embedded)
        seeing.panned.connect(self._panned)

    def close(self) -> None:
        """Open nothing any more."""
        self._rest.stop()
        self._rest.deleteLater()
        self._parts.opened.disconnect(self._embedded)
        self._seeing.panned.disconnect(self._panned)

    def open_later(self) -> None:
        """Open what is seen once it is seen for a moment."""
        self._rest.start()

    def try_again(self) -> None:
        """Open what could not be read before, if nothing is open or being opened."""
        if not (self._session.ready or self._jobs.busy):
            self._rest.start()

    def open(self) -> None:
        """Open the part of the plane that the prompts are in, or else that is seen."""
        if self._session.ready and self._jobs.busy:  # with what somebody waits for
            self._rest.start()
            return
        try:
            held = self._parts.place(self._prompts.read(self._seeing.plane))
        except NapariSamError:  # which is told when the prompts are asked
            held = self._parts.place(())
        if not self._open_there(held):
            self._parts.open(self._seeing.plane, held)

    def _open_there(self, held: NDArray[np.float64]) -> bool:
        """Say whether the part that is open now holds some positions."""
        return self._session.ready and self.part is not None and self.part.window.holds(held)

    def _panned(self) -> None:
        """Open what is seen of a large plane, ahead of the next prompt."""
        if self.part is not None and not self.part.window.whole:
            self._rest.start()

    def _embedded(self, plane: Plane, opened: Opened) -> None:
        if plane == self._seeing.plane:
            self._adopting.know(plane, partial(self._ready, plane, opened))

    def _ready(self, plane: Plane, opened: Opened) -> None:
        self.part, first = opened, not self._session.ready
        self._session.open(opened.predictor, opened.embedding, plane)
        self.opened.emit(opened, first)
