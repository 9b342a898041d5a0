"""What could leave a gap between a session and its journal: listeners that fail, lines that are missing."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from psygnal import EmitLoopError

from napari_sam.session import AnnotationSession, Edit, Object
from napari_sam.session.journal import journal as journal_module
from napari_sam.session.journal.journal import Journal
from napari_sam.session.journal.record import read_record, steps_of
from napari_sam.session.review import Review

MakeObject = Callable[[int], Object]
MakeEdit = Callable[..., Edit]


def begin(path: Path) -> tuple[AnnotationSession, Journal]:
    """Return a session that goes on with a journal."""
    journal, session = Journal(path), AnnotationSession()
    assert journal.trouble == ""
    journal.follow(session)
    return session, journal


def ids(session: AnnotationSession) -> list[int]:
    return sorted(each.id for each in session.objects)


def test_a_commit_when_it_cannot_be_drawn_then_the_journal_has_it_and_goes_on(
    added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "a.journal"
    session, journal = begin(path)

    def draw(edit: Edit) -> None:
        if any(each.id == 2 for each in edit.after):
            raise OSError(errno.ENOSPC, "No space left on device")

    session.edited.connect(draw)
    session._do(added(1))
    with pytest.raises(EmitLoopError):
        session._do(added(2))
    session.edited.disconnect(draw)
    session.edit("describe", [(2, (2,))], category="round")
    session._do(added(3))
    session.undo()
    journal.close()
    again, _ = begin(path)
    assert ids(again) == ids(session) == [1, 2]
    assert again.store[2, (2,)].category == "round"
    assert [edit.after[0].id for edit in again.history.undone] == [3]


def test_a_commit_when_it_cannot_be_recorded_then_it_is_drawn_all_the_same(added: MakeEdit) -> None:
    session, drawn = AnnotationSession(), []

    def record(how: str, _: Edit) -> None:
        raise OSError(errno.EIO, how)

    session.recorded.connect(record)
    session.edited.connect(drawn.append)
    edit = added(1)
    with pytest.raises(EmitLoopError):
        session._do(edit)
    assert drawn == [edit]


@pytest.mark.parametrize("gone", [1, 3, 5])
def test_a_line_that_is_missing_when_opened_then_what_does_not_follow_is_set_aside_and_said(
    added: MakeEdit, tmp_path: Path, gone: int
) -> None:
    path = tmp_path / "a.journal"
    session, journal = begin(path)
    session._do(added(1))  # line 1, of which 2 makes another
    session.edit("describe", [(1, (1,))], note="odd")
    session._do(added(2))
    session.edit("delete", [(2, (2,))])
    session.undo()
    session.redo()
    journal.close()
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join(line for number, line in enumerate(lines) if number != gone)
    path.write_bytes(damaged)
    again, reopened = begin(path)
    assert path.read_bytes() == b"".join(lines[:gone] + (lines[3:] if gone == 1 else []))
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes() == damaged
    assert str(aside) in reopened.notice
    assert ids(again) == ([] if gone == 1 else [1])
    assert read_record(path).damage == ""
    again._do(added(9))
    reopened.close()
    assert 9 in [each.id for each in read_record(path).objects]


def test_a_journal_when_opening_fails_for_any_reason_then_the_next_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.journal"

    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(journal_module, "parse", fail)
        with pytest.raises(MemoryError) as held:
            Journal(path)
    begin(path)[1].close()
    assert held.value is not None  # and with it the journal that failed, so that no collection let go of it


def test_a_label_painted_by_the_number_of_a_deleted_object_when_undone_then_goes_before_that_is_back(
    an_object: MakeObject, added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "a.journal"
    session, journal = begin(path)
    session.adopt([an_object(7)])
    session._do(added(1))
    session.edit("delete", [(1, (1,))])
    session._do(added(2))
    session.undo()
    other = replace(an_object(1), origin=(20, 3))
    session.adopt([other])
    session.edit("describe", [(7, (1,))], note="odd")
    journal.close()
    again, reopened = begin(path)
    assert ids(again) == ids(session) == [1, 7]
    assert again.store[other.key].origin == (20, 3)
    assert steps_of(reopened.record) == {(7, (1,)): ("adopt", "describe"), (1, (1,)): ("paint",)}
    assert [edit.what for edit in again.history.done] == ["commit", "delete", "paint", "describe"]
    for each in (session, again):
        for _ in range(3):
            each.undo()
        assert each.store[other.key].origin == an_object(1).origin
        assert each.undo() is not None
        assert ids(each) == [7]
        for _ in range(4):
            each.redo()
        assert each.store[other.key].origin == (20, 3)


def test_labels_adopted_before_and_after_what_is_undone_when_begun_again_then_are_all_there(
    an_object: MakeObject, added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "a.journal"
    session, journal = begin(path)
    for number in (1, 3, 5):
        session._do(added(number))
        session.adopt([an_object(number + 1)])
    for _ in range(3):
        session.undo()
    session.redo()
    journal.close()
    again, reopened = begin(path)
    assert ids(again) == ids(session) == [1, 2, 4, 6]
    line = [(edit.what, [each.id for each in edit.after]) for edit in reopened.record.line]
    assert line == [("adopt", [2, 4, 6]), ("commit", [1])]
    assert len(again.history.undone) == 2


def test_a_proposal_rejected_after_an_undo_when_begun_again_then_nothing_comes_back(
    added: MakeEdit, an_object: MakeObject, tmp_path: Path
) -> None:
    path = tmp_path / "a.journal"
    session, journal = begin(path)
    review = Review(session)
    session._do(added(1))
    session._do(added(2))
    session.undo()
    size = path.stat().st_size
    for number in (4, 5, 6):
        review.reject([an_object(number)])
    assert path.read_bytes()[size:].count(b"\n") == 1  # the others end nothing
    session.undo()
    journal.close()
    again, _ = begin(path)
    assert again.redo() is None
    assert ids(again) == [1]
    assert [edit.what for edit in again.history.done] == ["commit"]


def test_a_disk_that_cannot_lock_when_opened_then_says_so_instead_of_asking_for_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl", reason="locks of POSIX")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    journal = Journal(tmp_path / "a.journal")
    journal.close()
    assert "cannot lock files" in journal.trouble
    assert "free space" not in journal.trouble
