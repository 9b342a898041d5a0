"""The click that a resting pointer is likely to make, answered before it is made."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam.errors import NapariSamError
from napari_sam.predict import Prompts

from ..background.resting import after_rest
from ..layers.planes import on_plane

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_sam.session import AnnotationSession, Plane, Proposal
    from napari_sam.session.opening import Opened

    from ..background.jobs import Jobs
    from ..prompts.prompt_layers import PromptLayers

REST = 60
"""Milliseconds that the pointer has to rest, or it is only on its way."""


@dataclass(frozen=True, eq=False)
class Foreseen:
    """The answer to a point that nobody has put yet, or that is being put just now.

    Attributes
    ----------
    place : (float, float)
        Row and column of the point.
    plane : tuple of int
    part : Opened
        What it was asked on.
    answer : Future
        The proposals.
    """

    place: tuple[float, float]
    plane: Plane
    part: Opened
    answer: Future[tuple[Proposal, ...]]


class Foreseeing:
    """Asks for a point inside where the pointer rests, or is pressed, while there are no prompts yet.

    A click is a rest, a press and a release, which take longer than the network does. What goes wrong is
    told nobody, since nobody asked.

    Parameters
    ----------
    viewer : napari.Viewer
    session : AnnotationSession
    layers : PromptLayers
    jobs : Jobs
        What people wait for, which goes first.
    where : callable
        Gives the plane that is seen now, and the part of it that is open, if any.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        session: AnnotationSession,
        layers: PromptLayers,
        jobs: Jobs,
        where: Callable[[], tuple[Plane, Opened | None]],
    ) -> None:
        self._viewer, self._session, self._layers = viewer, session, layers
        self._jobs, self._where = jobs, where
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="napari-sam-foresees")
        self._position: Any = None
        self._latest: Foreseen | None = None
        # of a parent, so that Python's garbage collection, in whatever thread, never deletes it
        self._timer = after_rest(jobs, self._ask, REST)
        viewer.mouse_move_callbacks.append(self._moved)
        viewer.mouse_drag_callbacks.append(self._pressed)

    def close(self) -> None:
        """Stop for good."""
        self._viewer.mouse_move_callbacks.remove(self._moved)
        self._viewer.mouse_drag_callbacks.remove(self._pressed)
        self._timer.stop()
        self._timer.deleteLater()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._latest = None

    def answer(self, prompts: list[Prompts]) -> Future[tuple[Proposal, ...]] | None:
        """Return the answer to prompts, ready or soon, if they were foreseen on what is open now."""
        latest, (plane, part) = self._latest, self._where()
        if latest is None or latest.plane != plane or latest.part is not part or len(prompts) != 1:
            return None
        same = prompts[0].mask is None and prompts[0].box is None and prompts[0].labels.tolist() == [1]
        if not same or tuple(prompts[0].positions[0].tolist()) != latest.place:
            return None
        failed = latest.answer.cancelled() or (latest.answer.done() and latest.answer.exception() is not None)
        return None if failed else latest.answer

    def _moved(self, _: Any, event: Any) -> None:
        if self._latest is not None and self._latest.part is not self._where()[1]:
            self._latest = None  # and with it a part that is not needed any more
        self._position = event.position
        self._timer.start()

    def _pressed(self, _: Any, event: Any) -> None:
        self._position = event.position
        self._ask()

    def _ask(self) -> None:
        """Ask for a point at the pointer, if a click would put one there and nothing else is going on."""
        plane, part = self._where()
        if part is None or not self._session.ready or self._jobs.busy or not self._puts_a_point():
            return
        at = np.asarray(self._layers.points.world_to_data(self._position), float)
        seen = on_plane(at, plane) and part.window.holds(at[None, -2:])
        if not seen or not self._nothing_asked(plane):
            return
        prompts = [Prompts(at[None, -2:], np.array([1]))]
        if self.answer(prompts) is None and (self._latest is None or self._latest.answer.done()):
            place = (float(at[-2]), float(at[-1]))
            self._latest = Foreseen(place, plane, part, self._pool.submit(self._session.answer, prompts))

    def _puts_a_point(self) -> bool:
        """Say whether a click would put a point inside an object."""
        points = self._layers.points
        active = self._viewer.layers.selection.active == points and points.mode == "add"
        return active and self._layers.positive and self._viewer.dims.ndisplay == 2

    def _nothing_asked(self, plane: Plane) -> bool:
        try:
            return not self._layers.read(plane)
        except NapariSamError:  # told when the prompts are asked
            return False
