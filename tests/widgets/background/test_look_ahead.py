"""What is done while nobody waits."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from napari_sam.errors import Cancelled
from napari_sam.widgets.background import look_ahead
from napari_sam.widgets.background.jobs import Jobs
from napari_sam.widgets.background.look_ahead import LookAhead, Piece, Stopped


@pytest.fixture
def ahead(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> Iterator[LookAhead]:
    monkeypatch.setattr(look_ahead, "IDLE", 5)
    ahead = LookAhead(jobs)
    yield ahead
    ahead.close()


def pieces(made: list[int], *numbers: int) -> list[Piece]:
    return [(lambda _, number=number: number, made.append) for number in numbers]


def test_pieces_when_nothing_else_goes_on_then_are_done_in_their_order(ahead: LookAhead, qtbot: Any) -> None:
    made: list[int] = []
    ahead.plan(pieces(made, 1, 2, 3))
    qtbot.waitUntil(lambda: len(made) == 3, timeout=10_000)
    assert made == [1, 2, 3]


def test_a_job_that_somebody_waits_for_then_stops_a_piece_which_is_done_after_it(
    ahead: LookAhead, jobs: Jobs, qtbot: Any
) -> None:
    begun, made, go = Event(), [], Event()

    def slow(stopped: Stopped) -> str:
        if begun.is_set():
            return "at last"
        begun.set()
        while not stopped():
            go.wait(0.01)
        raise Cancelled("stopped")

    ahead.plan([(slow, made.append)])
    qtbot.waitUntil(begun.is_set, timeout=10_000)
    jobs.run("Segmenting", lambda _: go.wait(0.05), lambda _: made.append("answered"))
    qtbot.waitUntil(lambda: len(made) == 2, timeout=10_000)
    assert made == ["answered", "at last"]


def test_pieces_when_others_are_planned_or_one_fails_then_are_dropped(ahead: LookAhead, qtbot: Any) -> None:
    made: list[int] = []
    ahead.plan(pieces(made, 1, 2))
    ahead.plan(pieces(made, 3))
    qtbot.waitUntil(lambda: made == [3], timeout=10_000)
    failed = Event()

    def fail(_: Stopped) -> None:
        failed.set()
        raise MemoryError

    ahead.plan([(fail, made.append), *pieces(made, 4)])
    qtbot.waitUntil(failed.is_set, timeout=10_000)
    qtbot.wait(60)
    ahead.plan(pieces(made, 5))
    qtbot.waitUntil(lambda: made == [3, 5], timeout=10_000)
