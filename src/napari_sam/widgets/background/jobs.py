"""Work that takes longer than a blink: in a thread, with progress, cancelling, and late answers dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from weakref import finalize

from qtpy.QtCore import QObject, Qt, Signal

from napari_sam.errors import Cancelled, NapariSamError

from .resting import after_rest

TURN = 5
"""Milliseconds between steps in the window's thread, so that what waits there goes first."""


class Post(QObject):
    """What the worker's thread speaks through; jobs keep it, since the window may be gone before they end."""

    ended = Signal(object, object, object)
    reported = Signal(object, object, object)
    told = Signal(object, object)
    named = Signal(object, str)


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
    post : Post
        What it speaks through.
    drop : callable
        Takes what `work` returned where nobody wants it any more; runs in the window's thread.
    """

    title: str
    work: Callable[[Job], Any]
    done: Callable[[Any], object]
    post: Post
    drop: Callable[[Any], object] = lambda _: None
    stopped: Event = field(default_factory=Event)

    def cancelled(self) -> bool:
        """Say whether the answer is not wanted any more."""
        return self.stopped.is_set()

    def progress(self, done: int, total: int) -> None:
        """Report how far it is.

        Raises
        ------
        Cancelled
            If the answer is not wanted any more.
        """
        self.check()
        self.post.reported.emit(self, done, total)

    def tell(self, news: Any) -> None:
        """Tell the window what is known already.

        Raises
        ------
        Cancelled
            If the answer is not wanted any more.
        """
        self.check()
        self.post.told.emit(self, news)

    def name(self, title: str) -> None:
        """Tell what is going on from now on, such as a download on the way to something else."""
        if title != self.title:
            self.title = title
            self.post.named.emit(self, title)

    def check(self) -> None:
        """Go on only if the answer is still wanted.

        Raises
        ------
        Cancelled
            Otherwise.
        """
        if self.cancelled():
            raise Cancelled(f"{self.title}: cancelled.")


class Jobs(QObject):
    """Runs one job at a time in a thread of its own; a newer job outdates all older ones.

    Signals
    -------
    started : str
        The title of the job that began.
    progressed : int, int
        How many parts are done, and how many there are.
    told : object
        What a job tells before it ends.
    named : str
        What a job goes on with.
    failed : str
        One sentence for the person.
    idle
        Nothing is going on any more.
    """

    started = Signal(str)
    progressed = Signal(object, object)  # Qt's int has 32 bits; downloads are larger
    told = Signal(object)
    named = Signal(str)
    failed = Signal(str)
    idle = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="napari-sam")
        self._current: Job | None = None
        self._going: list[Job] = []
        self._steps: Iterator[object] = iter(())
        self._turn = after_rest(self, self._step, TURN)
        # which outlives this object: garbage collection may have emptied any other callable by then
        self.destroyed.connect(finalize(self, _shut, self._pool, self._going))
        self._post = Post()
        # these come from the worker's thread and have to cross into the window's
        self._post.ended.connect(self._end, Qt.ConnectionType.QueuedConnection)
        self._post.reported.connect(self._report, Qt.ConnectionType.QueuedConnection)
        self._post.told.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        self._post.named.connect(self._name, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether a job is going on."""
        return self._current is not None

    def run(
        self,
        title: str,
        work: Callable[[Job], Any],
        done: Callable[[Any], object],
        drop: Callable[[Any], object] = lambda _: None,
    ) -> Job:
        """Run a job as soon as the one before it has noticed that it is outdated.

        Parameters
        ----------
        title : str
        work, done, drop : callable
            As of `Job`.
        """
        job = Job(title, work, done, self._post, drop)
        self._begin(job)
        self._going[:] = [job]
        self._pool.submit(_work, job)
        return job

    def run_in_turns(self, title: str, steps: Iterator[object], done: Callable[[], None]) -> None:
        """Run a job in the window's thread, a step in each turn of its loop: the window answers in between.

        Parameters
        ----------
        title : str
        steps : iterator
            What it yields does not matter. Once the job is outdated, no further step is taken.
        done : callable
            Called after the last step.
        """
        self._begin(Job(title, lambda _: None, lambda _: done(), self._post))
        self._steps = steps
        self._turn.start()

    def _begin(self, job: Job) -> None:
        self._drop()
        self._current = job
        self.started.emit(job.title)

    def run_here(self, work: Callable[[], Any], done: Callable[[Any], object]) -> None:
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
            self._forget()
        self._turn.stop()

    def _forget(self) -> None:
        """Hold nothing of a job that is over: what it works with may be a whole image."""
        self._current = None
        self._going.clear()
        self._steps = iter(())

    def _step(self) -> None:
        """Take the next step of the job, in the window's thread."""
        job = self._current
        try:
            next(self._steps)
        except StopIteration:
            self._end(job, None, None)
        except Exception as error:  # noqa: BLE001 (as in the worker's thread)
            self._end(job, None, error)
        else:
            if job is self._current:
                self._turn.start()

    def _report(self, job: Job, done: int, total: int) -> None:
        if job is self._current:
            self.progressed.emit(done, total)

    def _tell(self, job: Job, news: Any) -> None:
        if job is self._current:
            self.told.emit(news)

    def _name(self, job: Job, title: str) -> None:
        if job is self._current:
            self.named.emit(title)

    def _end(self, job: Job | None, answer: Any, error: Exception | None) -> None:
        if job is None or job is not self._current:
            if job is not None and error is None:
                job.drop(answer)
            return
        self._forget()
        try:
            if error is None:
                job.done(answer)
            elif not isinstance(error, Cancelled):
                self.failed.emit(sentence(error))
        finally:  # or what waits for it would wait for ever
            if not self.busy:
                self.idle.emit()


def _work(job: Job) -> None:
    """Run in the worker's thread."""
    if job.cancelled():
        return
    answer, error = None, None
    try:
        answer = job.work(job)
    except Exception as caught:  # noqa: BLE001 (whatever goes wrong in the thread is told in the window)
        error = caught
    job.post.ended.emit(job, answer, error)


def _shut(pool: ThreadPoolExecutor, going: list[Job]) -> None:
    """Stop what is going on, because the window was closed."""
    for job in going:
        job.stopped.set()
    pool.shutdown(wait=False, cancel_futures=True)


def sentence(error: Exception) -> str:
    """Return an error in one sentence: our own as it is, others with their kind."""
    if isinstance(error, NapariSamError):
        return str(error)
    if isinstance(error, MemoryError):
        return (
            f"The computer's memory is too small for this; close other programs, or use less data ({error})."
        )
    return f"Something went wrong that should not have ({type(error).__name__}: {error}); please report it."
