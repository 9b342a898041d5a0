"""Work for later, done while nobody waits for anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

from napari_sam.errors import Cancelled

from .jobs import Jobs
from .resting import after_rest

IDLE, POLL = 1000, 20
"""Milliseconds without any other job until work for later begins, and between looks at how far it is."""

Stopped = Callable[[], bool]
Piece = tuple[Callable[[Stopped], Any], Callable[[Any], None]]
"""What to do in the thread, which asks whether to stop, and what to do with its answer in the window's."""


class LookAhead:
    """Does pieces of work one after another in a thread of its own; any other job stops and delays it.

    What goes wrong is told nobody, since nobody asked; it ends the work that is planned.

    Parameters
    ----------
    jobs : Jobs
        What people wait for.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="napari-sam-ahead")
        self._pieces: list[Piece] = []
        self._task: Future[Any] | None = None
        self._stop = Event()
        # of a parent, so that Python's garbage collection, in whatever thread, never deletes it
        self._timer = after_rest(jobs, self._look)
        jobs.started.connect(self._wait)

    def close(self) -> None:
        """Stop for good."""
        self._jobs.started.disconnect(self._wait)
        self.plan(())
        self._timer.deleteLater()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def plan(self, pieces: Iterable[Piece], wait: int | None = None) -> None:
        """Do these pieces of work, in place of those that were planned before.

        Parameters
        ----------
        pieces : iterable of Piece
        wait : int, optional
            Milliseconds until the first one begins.
        """
        self._pieces = list(pieces)
        self._wait()
        self._task = None
        if self._pieces and wait is not None:
            self._timer.start(wait)

    def _wait(self) -> None:
        self._stop.set()
        if self._pieces:
            self._timer.start(IDLE)
        else:
            self._timer.stop()

    def _look(self) -> None:
        """Begin the next piece, or take the answer of the one that is done."""
        if self._task is not None and self._task.done():
            self._finish(self._task)
        if self._task is None and self._pieces and not self._jobs.busy:
            self._stop = Event()
            self._task = self._pool.submit(self._pieces[0][0], self._stop.is_set)
        if self._pieces:
            self._timer.start(IDLE if self._jobs.busy else POLL)

    def _finish(self, task: Future[Any]) -> None:
        self._task = None
        error = task.exception()
        if error is None:
            _, done = self._pieces.pop(0)
            done(task.result())
        elif not isinstance(error, Cancelled):
            self._pieces = []
