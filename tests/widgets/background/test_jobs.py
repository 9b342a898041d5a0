from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any
from weakref import ref

import pytest
from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer

from napari_sam.errors import ImageError
from napari_sam.widgets.background.jobs import Job, Jobs


@pytest.fixture
def jobs(qapp: Any) -> Any:  # noqa: ARG001 (Qt has to be there)
    jobs = Jobs()
    yield jobs
    jobs.close()


def test_a_job_when_it_ends_then_its_answer_arrives_between_started_and_idle(jobs: Jobs, qtbot: Any) -> None:
    heard: list[Any] = []
    jobs.started.connect(heard.append)
    jobs.idle.connect(lambda: heard.append("idle"))
    with qtbot.waitSignal(jobs.idle):
        jobs.run("Counting", lambda _: 3, heard.append)
        assert jobs.busy
    assert heard == ["Counting", 3, "idle"]
    assert not jobs.busy


def test_a_job_when_it_is_over_then_nothing_that_it_worked_with_is_held(jobs: Jobs, qtbot: Any) -> None:
    class Image:
        """Something large."""

    def run(title: str) -> ref[Image]:
        image = Image()
        jobs.run(title, lambda _: image, lambda _: image)
        return ref(image)

    with qtbot.waitSignal(jobs.idle):
        ended = run("Ends")
    qtbot.waitUntil(lambda: ended() is None, timeout=5000)
    cancelled = run("Cancelled")
    jobs.cancel()
    qtbot.waitUntil(lambda: cancelled() is None, timeout=5000)

    def steps(image: Image) -> Iterator[Image]:
        yield image
        yield image

    image = Image()
    in_turns = ref(image)
    jobs.run_in_turns("In turns", steps(image), lambda: None)
    del image
    jobs.cancel()
    assert in_turns() is None


def test_a_job_when_it_reports_then_progress_arrives_also_beyond_32_bits(jobs: Jobs, qtbot: Any) -> None:
    heard: list[tuple[int, int]] = []
    jobs.progressed.connect(lambda done, total: heard.append((done, total)))
    size = 2_564_550_879  # bytes of the largest download
    with qtbot.waitSignal(jobs.idle):
        jobs.run("Downloading", lambda job: job.progress(size - 1, size), lambda _: None)
    assert heard == [(size - 1, size)]


def test_a_job_when_it_tells_then_news_arrive_before_its_answer_and_not_after_a_cancel(
    jobs: Jobs, qtbot: Any
) -> None:
    heard: list[Any] = []
    jobs.told.connect(heard.append)

    def work(job: Job) -> str:
        job.tell("first")
        return "answer"

    with qtbot.waitSignal(jobs.idle):
        jobs.run("Telling", work, heard.append)
    assert heard == ["first", "answer"]
    begun, go, passed = Event(), Event(), Event()

    def late(job: Job) -> None:
        begun.set()
        go.wait(10)
        job.tell("late")
        passed.set()

    jobs.run("Late", late, heard.append)
    assert begun.wait(10)
    jobs.cancel()
    go.set()
    with qtbot.waitSignal(jobs.idle):
        jobs.run("Next", lambda _: None, lambda _: None)
    assert not passed.is_set()
    assert heard == ["first", "answer"]


def test_a_job_when_a_newer_one_starts_then_its_late_answer_is_dropped(jobs: Jobs, qtbot: Any) -> None:
    go, answers = Event(), []

    def old(_: Job) -> str:
        go.wait(10)
        return "old"

    with qtbot.waitSignal(jobs.idle):
        jobs.run("Old", old, answers.append)
        jobs.run("New", lambda _: "new", answers.append)
        go.set()
    assert answers == ["new"]


def test_a_job_when_cancelled_then_it_stops_at_its_next_report_and_says_nothing(
    jobs: Jobs, qtbot: Any
) -> None:
    begun, go, passed, answers, failures = Event(), Event(), Event(), [], []
    jobs.failed.connect(failures.append)

    def work(job: Job) -> str:
        begun.set()
        go.wait(10)
        job.progress(1, 2)
        passed.set()
        return "answer"

    jobs.run("Embedding", work, answers.append)
    assert begun.wait(10)
    with qtbot.waitSignal(jobs.idle):
        jobs.cancel()
    go.set()
    with qtbot.waitSignal(jobs.idle):
        jobs.run("Next", lambda _: None, lambda _: None)
    assert not passed.is_set()
    assert (answers, failures) == ([], [])


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (ImageError("The image is empty; open another."), "The image is empty; open another."),
        (KeyError("x"), "Something went wrong"),
        (MemoryError("Unable to allocate 391 GiB"), "The computer's memory is too small for this; close"),
    ],
)
def test_a_job_when_it_fails_then_one_sentence_says_so(
    jobs: Jobs, qtbot: Any, error: Exception, start: str
) -> None:
    said: list[str] = []
    jobs.failed.connect(said.append)

    def work(_: Job) -> None:
        raise error

    with qtbot.waitSignal(jobs.idle):
        jobs.run("Failing", work, lambda _: pytest.fail("there is no answer"))
    assert len(said) == 1
    assert said[0].startswith(start)
    assert "\n" not in said[0]


def test_a_job_in_turns_when_it_runs_then_the_window_answers_between_its_steps(
    jobs: Jobs, qtbot: Any
) -> None:
    heard: list[Any] = []
    jobs.started.connect(heard.append)
    jobs.idle.connect(lambda: heard.append("idle"))

    def steps() -> Iterator[None]:
        for step in range(3):
            heard.append(step)
            QTimer.singleShot(0, lambda: heard.append("answered"))
            yield

    with qtbot.waitSignal(jobs.idle):
        jobs.run_in_turns("Showing", steps(), lambda: heard.append("done"))
        assert (jobs.busy, heard) == (True, ["Showing"])
    assert heard == ["Showing", 0, "answered", 1, "answered", 2, "answered", "done", "idle"]


@pytest.mark.parametrize("how", ["cancelled", "outdated", "closed"])
def test_a_job_in_turns_when_it_is_not_wanted_any_more_then_no_further_step_is_taken(
    jobs: Jobs, qtbot: Any, how: str
) -> None:
    taken, answers = [], []
    outdate = {
        "cancelled": jobs.cancel,
        "outdated": lambda: jobs.run("Next", lambda _: "next", answers.append),
        "closed": jobs.close,
    }[how]

    def steps() -> Iterator[None]:
        for step in range(3):
            taken.append(step)
            if step == 1:
                outdate()
            yield

    jobs.run_in_turns("Showing", steps(), lambda: answers.append("done"))
    qtbot.waitUntil(lambda: not jobs.busy)
    qtbot.wait(50)
    assert taken == [0, 1]
    assert answers == (["next"] if how == "outdated" else [])


def test_a_job_in_turns_when_a_step_fails_then_one_sentence_says_so(jobs: Jobs, qtbot: Any) -> None:
    def steps() -> Iterator[None]:
        yield
        raise ImageError("The layer is gone; press Start again.")

    with qtbot.waitSignal(jobs.failed) as told:
        jobs.run_in_turns("Showing", steps(), lambda: pytest.fail("it did not end"))
    assert told.args == ["The layer is gone; press Start again."]
    qtbot.waitUntil(lambda: not jobs.busy)


def test_a_job_when_the_window_goes_without_closing_it_then_it_is_cancelled_and_may_still_end(
    qapp: Any,  # noqa: ARG001 (Qt has to be there)
    qtbot: Any,
) -> None:
    window, begun, go, ended = QObject(), Event(), Event(), Event()
    jobs, cancelled = Jobs(window), []

    def work(job: Job) -> None:
        begun.set()
        go.wait(10)
        cancelled.append(job.cancelled())
        ended.set()

    jobs.run("Working", work, lambda _: pytest.fail("nobody is there any more"))
    assert begun.wait(10)
    window.deleteLater()
    qtbot.waitUntil(lambda: not isalive(jobs))
    go.set()
    assert ended.wait(10)
    qtbot.wait(50)
    assert cancelled == [True]
