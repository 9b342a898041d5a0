"""Work that takes longer than a blink: in a thread, with progress, cancelling, and late answers dropped."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any

from qtpy.QtCore import QObject, Qt, Signal

from napari_sam.errors import Cancelled, NapariSamError

Report = Callable[["Job", int, int], None]


@dataclass(eq=False)
class Job:
    """One piece of work.

    Attributes
    ----------
    title : str
        What is going on, for the person who waits.
    work : callable
        Takes the job; runs in the worker thread.
    done : callable
        Takes what `work` returned; runs in the window's thread.
    report : callable
        Takes the job, how many parts are done, and how many there are.
    """

    title: str
    work: Callable[[Job], Any]
    done: Callable[[Any], None]
    report: Report
    stopped: Event = field(default_factory=Event)

    def cancelled(self) -> bool:
        """Say whether the answer is still wanted."""
        return self.stopped.is_set()

    def progress(self, done: int, total: int) -> None:
        """Report how far it is.

        Raises
        ------
        Cancelled
            If the answer is not wanted any more.
        """
        if self.cancelled():
            raise Cancelled(f"{self.title}: cancelled.")
        self.report(self, done, total)


class Jobs(QObject):
    """Runs one job at a time in a thread of its own; a newer job outdates all older ones.

    Signals
    -------
    started : str
        The title of the job that began.
    progressed : int, int
        How many parts are done, and how many there are.
    failed : str
        One sentence for the person.
    idle
        Nothing is going on any more.
    """

    started = Signal(str)
    progressed = Signal(object, object)  # Qt's int has 32 bits; downloads are larger
    failed = Signal(str)
    idle = Signal()
    _ended = Signal(object, object, object)
    _reported = Signal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="napari-sam")
        self._current: Job | None = None
        self.destroyed.connect(partial(self._pool.shutdown, wait=False, cancel_futures=True))
        # both come from the worker's thread and have to cross into the window's
        self._ended.connect(self._end, Qt.ConnectionType.QueuedConnection)
        self._reported.connect(self._report, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether a job is going on."""
        return self._current is not None

    def run(self, title: str, work: Callable[[Job], Any], done: Callable[[Any], None]) -> Job:
        """Run a job as soon as the one before it has noticed that it is outdated."""
        self._drop()
        job = Job(title, work, done, self._reported.emit)
        self._current = job
        self.started.emit(title)
        self._pool.submit(self._work, job)
        return job

    def run_here(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Run what takes less than a blink in the window's thread; it outdates and fails as a job does."""
        self.cancel()
        try:
            answer = work()
        except Exception as error:  # noqa: BLE001 (as in the worker's thread)
            self.failed.emit(sentence(error))
            return
        done(answer)

    def cancel(self) -> None:
        """Stop what is going on; its answer is dropped."""
        if self.busy:
            self._drop()
            self.idle.emit()

    def close(self) -> None:
        """Stop for good; the thread ends as soon as its work notices."""
        self._drop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _drop(self) -> None:
        if self._current is not None:
            self._current.stopped.set()
            self._current = None

    def _work(self, job: Job) -> None:
        """Run in the worker's thread."""
        if job.cancelled():
            return
        answer, error = None, None
        try:
            answer = job.work(job)
        except Exception as caught:  # noqa: BLE001 (whatever goes wrong in the thread is told in the window)
            error = caught
        with suppress(RuntimeError):  # the window was closed meanwhile, and this object with it
            self._ended.emit(job, answer, error)

    def _report(self, job: Job, done: int, total: int) -> None:
        if job is self._current:
            self.progressed.emit(done, total)

    def _end(self, job: Job, answer: Any, error: Exception | None) -> None:
        if job is not self._current:
            return
        self._current = None
        if error is None:
            job.done(answer)
        elif not isinstance(error, Cancelled):
            self.failed.emit(sentence(error))
        if not self.busy:
            self.idle.emit()


def sentence(error: Exception) -> str:
    """Return an error in one sentence: our own as it is, others with their kind."""
    if isinstance(error, NapariSamError):
        return str(error)
    return f"Something went wrong that should not have ({type(error).__name__}: {error}); please report it."
