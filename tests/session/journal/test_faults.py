"""Disks that refuse."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from napari_sam.errors import JournalError
from napari_sam.session import AnnotationSession, Edit
from napari_sam.session.journal.journal import Journal
from napari_sam.session.journal.record import parse, read_record

resource = pytest.importorskip("resource", reason="POSIX has limits of a file's size, and users")
MakeEdit = Callable[..., Edit]


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let the system refuse to write more to any file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def followed(path: Path) -> tuple[Journal, AnnotationSession, list[str]]:
    """Return a journal, the session that it writes down, and what it tells when that fails."""
    journal, session, told = Journal(path), AnnotationSession(), list[str]()
    journal.failed.connect(told.append)
    journal.follow(session)
    return journal, session, told


def test_a_full_disk_when_committing_then_says_so_and_what_waited_is_written_when_there_is_room(
    added: MakeEdit,
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    journal, session, told = followed(path)
    session._do(added(1))
    before = path.read_bytes()
    with no_file_beyond(len(before) + 100):
        for number in (2, 3):
            session._do(added(number))
            assert "could not be written" in journal.trouble
    assert len(told) == 2
    assert "free space" in told[0]
    assert [each.id for each in session.objects] == [1, 2, 3]
    assert path.read_bytes() == before
    session.undo()
    assert journal.trouble == ""
    record = read_record(path)
    assert [each.id for each in record.objects] == [1, 2]
    assert len(record.undone) == 1


def test_a_full_disk_when_tried_again_then_what_waited_is_written_once_there_is_room(
    added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    with no_file_beyond(10):
        journal = Journal(path)  # not even its beginning
        for number in (1, 2):
            with pytest.raises(JournalError, match="could not be written"):
                journal.write("do", added(number))
            assert not journal.retry()
        assert journal.waiting
        assert path.stat().st_size == 0
    assert journal.retry()
    assert (journal.waiting, journal.trouble) == (False, "")
    assert [each.id for each in read_record(path).objects] == [1, 2]
    size = path.stat().st_size
    assert journal.retry()
    assert path.stat().st_size == size


def test_a_full_disk_when_even_what_was_cut_short_cannot_be_cut_off_then_the_next_write_does(
    added: MakeEdit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("do", added(1))

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched, no_file_beyond(path.stat().st_size + 100):
        patched.setattr(os, "truncate", refuse)
        with pytest.raises(JournalError, match="could not be written"):
            journal.write("do", added(2))
    journal.write("do", added(3))
    assert [each.id for each in read_record(path).objects] == [1, 2, 3]
    assert parse(path.read_bytes(), path)[1] == path.read_bytes()


def test_a_journal_when_removed_under_a_session_then_says_so_and_makes_no_headless_one(
    added: MakeEdit,
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("do", added(1))
    path.unlink()
    advice = "not kept on disk; press Stop there, if it is open, then Stop and Start here"
    with pytest.raises(JournalError, match=advice):
        journal.write("do", added(2))
    assert not path.exists()
    path.write_bytes(b"")  # as an older one that another computer had
    with pytest.raises(JournalError, match=advice):
        journal.write("do", added(2))


def test_a_journal_when_its_lock_is_lost_and_another_window_goes_on_then_no_line_of_that_is_cut_off(
    added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    journal, session, told = followed(path)
    session._do(added(1))
    Path(f"{path}.lock").unlink()  # as programs do that tidy up or synchronise folders
    other, theirs = Journal(path), AnnotationSession()
    other.follow(theirs)
    for number in (4, 5):
        theirs._do(added(number))
    session._do(added(2))
    assert not journal.retry()
    assert "another window has written" in told[0]
    theirs._do(added(6))
    assert other.trouble == ""
    assert [each.id for each in read_record(path).objects] == [1, 4, 5, 6]
    journal.close()
    assert "open in another window" in Journal(path).trouble  # the other one's lock is left alone
    other.close()
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_journal_when_closed_then_a_late_step_writes_nothing_over_the_next_window(
    added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    journal, session = Journal(path), AnnotationSession()
    journal.follow(session)
    session._do(added(1))
    journal.close()
    Journal(path).write("do", added(4))
    session._do(added(2))
    assert [each.id for each in read_record(path).objects] == [1, 4]


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Be somebody whom the system refuses to write in others' folders, even if root runs the tests."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_folder_when_opened_then_its_commits_can_be_looked_at_and_it_is_said(
    added: MakeEdit,
) -> None:
    with TemporaryDirectory(dir="/tmp") as name:
        path = Path(name) / "cells.napari-sam" / "journal.jsonl"
        journal = Journal(path)
        journal.write("do", added(1))
        journal.close()
        Path(f"{path}.lock").unlink(missing_ok=True)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        Path(name).chmod(0o555)
        with an_ordinary_user():
            read_only, elsewhere = Journal(path), Journal(Path(name) / "other" / "journal.jsonl")
            session = AnnotationSession()
            read_only.follow(session)
            session._do(added(2))
            for each in (read_only, elsewhere):
                assert "could not be written" in each.trouble
                assert "copy the image and its folder to where you may write" in each.trouble
                each.close()
        assert [each.id for each in session.objects] == [1, 2]
        assert [each.id for each in read_record(path).objects] == [1]
        Path(name).chmod(0o755)
        path.parent.chmod(0o755)
