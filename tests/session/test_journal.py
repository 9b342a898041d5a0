from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from napari_sam.errors import JournalError, PromptError
from napari_sam.predict import Frame, MaskPrompt, Prompts
from napari_sam.session import AnnotationSession, Edit, Object
from napari_sam.session.journal import Journal, journal_path, line_of, whole_entries
from napari_sam.session.object_json import as_json, from_json

KILLS = 200


def an_object(number: int) -> Object:
    mask = np.random.default_rng(number).random((number % 7 + 1, 9)) < 0.6
    box = (1.0, 2.0, 8.0, 9.5) if number % 2 else None
    logits = np.random.default_rng(number).normal(size=(16, 16)).astype(np.float32)
    given = {0: None, 1: logits, 2: MaskPrompt(logits, Frame(0.5, -3.25, 0.25, 128))}[number % 3]
    return Object(
        id=number,
        plane=(number % 3,),
        origin=(number, 2 * number),
        mask=mask,
        prompts=None if number % 5 == 0 else Prompts([(4.0, 5.5), (6.0, 7.0)], [1, 0], box, given),
        choice=number % 3,
        iou_prediction=0.875,
        model="cell-tiny",
        weights_hash="f00d",
        normalization={"method": "percentile", "low": [0.5]},
        made="2026-11-24T05:00:00+00:00",
        author="a person",
        category="mitotic",
        note="",
    )


def added(*numbers: int) -> Edit:
    return Edit("commit", (), tuple(an_object(number) for number in numbers))


def same(one: Object, other: Object) -> bool:
    return as_json(one) == as_json(other) and np.array_equal(one.mask, other.mask)


def test_an_object_when_written_and_read_then_the_same() -> None:
    for number in range(1, 20):
        assert same(from_json(json.loads(json.dumps(as_json(an_object(number))))), an_object(number))


def test_a_session_when_begun_again_then_has_its_commits_and_what_was_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "cells.napari-sam" / "journal.jsonl"
    journal, session = Journal(path), AnnotationSession()
    journal.follow(session)
    session.adopt([an_object(7)])
    for numbers in ((1,), (2, 3), (4,), (5,)):
        session._do(added(*numbers))
    session.undo()
    session.undo()
    session.redo()
    changed = session.edit("describe", [(2, (2,)), (3, (0,))], note="overlaps")
    session.edit("delete", [(1, (1,))])
    session.undo()
    journal.close()
    again, heard = AnnotationSession(), []
    again.edited.connect(heard.append)
    reopened = Journal(path)
    reopened.follow(again)
    assert sorted(each.id for each in again.objects) == [1, 2, 3, 4, 7]
    assert [sorted(each.id for each in edit.after) for edit in heard] == [[1, 2, 3, 4, 7]]
    assert all(same(again.store[each.key], each) for each in session.objects)
    assert again.store[3, (0,)].note == "overlaps"
    assert again.next_id == 8
    deleted = again.redo()
    assert deleted is not None
    assert [each.id for each in deleted.before] == [1]
    reopened.close()
    last = Journal(path)
    assert (last.done[-1].what, last.done[-2].what) == ("delete", "describe")
    assert dict(last.done[-2].arguments) == changed.arguments


def test_a_journal_when_open_elsewhere_then_refuses_until_that_is_closed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    with pytest.raises(JournalError, match="open in another window"):
        Journal(tmp_path / "journal.jsonl")
    journal.close()
    Journal(tmp_path / "journal.jsonl").close()


def test_a_torn_or_damaged_line_when_read_then_it_and_what_follows_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.record("do", added(1))
    journal.record("do", added(2))
    journal.close()
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    for torn in (content[:-1], content[:-40], content + b"12345678 {", content.replace(b'"id":2', b'"id":3')):
        path.write_bytes(torn)
        reopened = Journal(path)
        ids = [edit.after[0].id for edit in reopened.done]
        assert ids == ([1, 2] if torn.startswith(content) else [1])
        reopened.record("do", added(9))
        reopened.close()
        assert whole_entries(path.read_bytes())[1] == path.stat().st_size
        assert path.read_bytes().startswith(b"".join(lines[:2]))


def test_a_process_when_killed_at_any_moment_then_no_commit_that_it_reported_is_lost(tmp_path: Path) -> None:
    draw = random.Random(0)  # noqa: S311 (nothing secret)
    path, number = tmp_path / "journal.jsonl", 0
    for _ in range(KILLS):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            _commit_without_end(path, writer)
        os.close(writer)
        time.sleep(draw.uniform(0.001, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reported = [int(each) for each in os.read(reader, 1 << 16).split()]
        os.close(reader)
        journal = Journal(path)
        kept = [edit.after[0].id for edit in journal.done]
        journal.close()
        assert kept == list(range(1, len(kept) + 1))
        number = max([number, *reported])
        assert len(kept) >= number
    assert number > 10  # it did get to commit


def _commit_without_end(path: Path, writer: int) -> None:
    """Run in a child process: commit, and report each commit when it is on the disk."""
    try:
        journal = Journal(path)
        number = len(journal.done)
        while True:
            number += 1
            journal.record("do", added(number))
            os.write(writer, b"%d " % number)
    finally:
        os._exit(1)


def test_a_full_disk_when_committing_then_one_sentence_and_the_session_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal, session, told = Journal(path), AnnotationSession(), []
    journal.failed.connect(told.append)
    journal.follow(session)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for number in (1, 2):
        session._do(added(number))
    assert len(told) == 1
    assert "No space left" in told[0]
    assert [each.id for each in session.objects] == [1, 2]
    assert path.read_bytes() == before


def test_a_file_of_something_else_when_opened_then_says_so_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(line_of({"version": 99}))
    with pytest.raises(JournalError, match="another version"):
        Journal(path)
    assert whole_entries(path.read_bytes())[0] == [{"version": 99}]
    with pytest.raises(JournalError, match="could not be"):
        Journal(tmp_path / "journal.jsonl" / "inside.jsonl")


def test_restore_when_there_are_commits_then_refuses() -> None:
    session = AnnotationSession()
    session.restore((), [added(1)])
    with pytest.raises(PromptError, match="already"):
        session.restore((), [])


def test_a_journal_when_the_image_has_another_shape_then_refuses_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, (20, 30)).close()
    Journal(path, (20, 30)).close()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="another shape"):
        Journal(path, (20, 31))
    assert path.read_bytes() == before


def test_journal_path_when_the_image_has_a_folder_then_beside_it_else_with_the_user(tmp_path: Path) -> None:
    user = tmp_path / "user"
    beside = journal_path(tmp_path / "a b.tif", "x", "a b cells", user)
    assert beside == tmp_path / "a b.napari-sam" / "a b cells.journal"
    first = journal_path(None, "one", "my: cells", user)
    assert first.parent.parent == user
    assert first == journal_path(None, "one", "my: cells", user)
    others = [journal_path(None, "one", "my; cells", user), journal_path(None, "two", "my: cells", user)]
    assert first not in others
    assert journal_path(tmp_path / "missing" / "a.tif", "one", "my: cells", user) == first
