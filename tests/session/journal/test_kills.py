"""A process that annotates is killed, hundreds of times."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_sam.errors import PromptError
from napari_sam.session import AnnotationSession, Edit, Object
from napari_sam.session.journal.journal import Journal
from napari_sam.session.journal.object_json import as_json

KILLS, JOURNALS = 25, 4
"""Kills of each of some journals: a long one would only take longer to read."""
MOST, LONGEST = 7, 0.005
"""Steps that a process does at most before its time is up, and seconds that are left to it then."""
STEPS = ("commit", "commit", "paint", "merge", "split", "describe", "delete", "undo", "undo", "redo")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


def step(session: AnnotationSession, number: int, an_object: Callable[[int], Object]) -> str:
    """Do what a number says with a session; the same with equal sessions."""
    draw = random.Random(number)  # noqa: S311 (nothing secret)
    what = draw.choice(STEPS)
    keys = sorted(each.key for each in session.objects)
    plane = draw.choice(keys)[1] if keys else ()
    keys = [key for key in keys if key[1] == plane]
    chosen = draw.sample(keys, min(len(keys), 2 if what == "merge" else 1))
    try:
        if what == "commit":
            made = an_object(session.next_id)
            session.reserve(made.id)
            session._do(Edit("commit", (), (made,)))
        elif what == "paint":
            labels = np.full((3, 5), chosen[0][0] if chosen else session.next_id)
            session.paint((draw.randrange(3),), (slice(4, 7), slice(9, 14)), labels)
        elif what in ("undo", "redo"):
            getattr(session, what)()
        elif what == "split":
            each = session.store[chosen[0]]
            points = [np.add(each.origin, point).tolist() for point in np.argwhere(each.mask)[[0, -1]]]
            session.edit(what, chosen, points=points)
        else:
            session.edit(what, chosen, **({"note": str(number)} if what == "describe" else {}))
    except (PromptError, IndexError):
        return "nothing"
    return what


def state(session: AnnotationSession) -> str:
    """Return all that has to survive."""
    objects = sorted(
        (as_json(each) for each in session.objects), key=lambda each: (each["id"], each["plane"])
    )
    steps = [
        [edit.what, len(edit.before), len(edit.after)]
        for edit in (*session.history.done, *session.history.undone)
    ]
    return json.dumps([objects, len(session.history.done), steps])


def annotate_without_end(path: Path, number: int, writer: int, an_object: Callable[[int], Object]) -> None:
    """Run in a child process: do step after step, and report each when it is done."""
    try:
        journal, session = Journal(path), AnnotationSession(clock=lambda: "now")
        journal.follow(session)
        os.write(writer, b"0 ")
        while True:
            number += 1
            step(session, number, an_object)
            os.write(writer, b"%d " % number)
    finally:
        os._exit(1)  # its parent then hears of no further step


def killed(path: Path, number: int, draw: random.Random, an_object: Callable[[int], Object]) -> int:
    """Let a process annotate and kill it at some moment; return the last step that it reported."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        annotate_without_end(path, number, writer, an_object)
    os.close(writer)
    reported, steps = b"", draw.randrange(MOST)
    while reported.count(b" ") <= steps and (more := os.read(reader, 1 << 10)):
        reported += more
    time.sleep(draw.uniform(0, LONGEST))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reader, 1 << 16):
        reported += more
    os.close(reader)
    return max(number, *(int(each) for each in reported.split()))


@pytest.mark.parametrize("seed", range(JOURNALS))
def test_a_process_when_killed_at_any_moment_then_no_step_that_it_reported_is_lost(
    an_object: Callable[[int], Object], tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 (nothing secret)
    path, number = tmp_path / "journal.jsonl", 1000 * seed
    expected = AnnotationSession(clock=lambda: "now")
    for _ in range(KILLS):
        last = killed(path, number, draw, an_object)
        for each in range(number + 1, last + 1):
            step(expected, each, an_object)
        number = last
        journal, found = Journal(path), AnnotationSession(clock=lambda: "now")
        journal.follow(found)
        journal.close()
        if state(found) != state(expected):  # the next step was on the disk, and not reported yet
            number += 1
            step(expected, number, an_object)
        assert state(found) == state(expected)
        assert journal.trouble == ""
    assert number > 1000 * seed + KILLS


def test_the_steps_when_as_many_as_before_the_kills_then_are_edits_of_every_kind(
    an_object: Callable[[int], Object],
) -> None:
    session = AnnotationSession()
    assert {step(session, number, an_object) for number in range(1, 2 * KILLS)} >= {*STEPS}
