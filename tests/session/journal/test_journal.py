from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam.errors import JournalError, PromptError
from napari_sam.session import AnnotationSession, Edit, Object
from napari_sam.session.journal.image import image_of
from napari_sam.session.journal.journal import Journal
from napari_sam.session.journal.lines import entry_of, line_of
from napari_sam.session.journal.object_json import as_json, from_json
from napari_sam.session.journal.record import parse, read_record

MakeObject = Callable[[int], Object]
MakeEdit = Callable[..., Edit]


def same(one: Object, other: Object) -> bool:
    return as_json(one) == as_json(other) and np.array_equal(one.mask, other.mask)


def test_an_object_when_written_and_read_then_the_same(an_object: MakeObject) -> None:
    for number in range(1, 20):
        assert same(from_json(json.loads(json.dumps(as_json(an_object(number))))), an_object(number))


def test_a_session_when_begun_again_then_has_its_commits_and_what_was_taken_back(
    an_object: MakeObject, added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "cells.napari-sam" / "journal.jsonl"
    journal, session = Journal(path), AnnotationSession()
    journal.follow(session)
    session.adopt([an_object(7)])
    for numbers in ((1,), (2, 3), (4,), (5,)):
        session._do(added(*numbers))
    session.undo()
    session.undo()
    session.redo()
    session.put(
        "commit", (), (replace(an_object(6), choice=np.int64(1), plane=(np.int64(0),)),), at=np.eye(1)
    )
    changed = session.edit("describe", [(2, (2,)), (3, (0,))], note="overlaps")
    session.edit("delete", [(1, (1,))])
    session.undo()
    journal.close()
    again, heard = AnnotationSession(), []
    again.edited.connect(heard.append)
    reopened = Journal(path)
    reopened.follow(again)
    assert sorted(each.id for each in again.objects) == [1, 2, 3, 4, 6, 7]
    assert [sorted(each.id for each in edit.after) for edit in heard] == [[1, 2, 3, 4, 6, 7]]
    assert all(same(again.store[each.key], each) for each in session.objects)
    assert again.store[3, (0,)].note == "overlaps"
    # of the same objects, a key that means the last one means the same as before
    assert [each.id for each in session.latest] == [each.id for each in again.latest] == [3, 2, 6, 4, 1, 7]
    assert again.next_id == 8
    deleted = again.redo()
    assert deleted is not None
    assert [each.id for each in deleted.before] == [1]
    reopened.close()
    last = read_record(path)
    assert (last.done[-1].what, last.done[-2].what) == ("delete", "describe")
    assert dict(last.done[-2].arguments) == changed.arguments


def test_a_journal_when_open_elsewhere_then_can_be_looked_at_until_that_is_closed(
    added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("do", added(1))
    second, session = Journal(path), AnnotationSession()
    second.follow(session)
    assert "open in another window" in second.trouble
    assert [each.id for each in session.objects] == [1]
    before = path.read_bytes()
    for change in (lambda: session._do(added(2)), session.undo, session.redo):
        with pytest.raises(PromptError, match="only looks"):
            change()
    assert path.read_bytes() == before
    second.close()
    journal.write("do", added(3))
    journal.close()
    third = Journal(path)
    assert third.trouble == ""
    assert [each.id for each in third.record.objects] == [1, 3]


def test_a_torn_or_damaged_last_line_when_read_then_is_cut_off_and_nothing_else_is_lost(
    added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("do", added(1))
    journal.write("do", added(2))
    journal.close()
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    undone, _ = parse(content + line_of({"undo": "commit"}) + b"12345678 {", path)
    assert (len(undone.done), len(undone.undone)) == (1, 1)  # which can be done again
    for torn in (content[:-1], content[:-40], content + b"12345678 {", content.replace(b'"id":2', b'"id":3')):
        path.write_bytes(torn)
        reopened = Journal(path)
        ids = [edit.after[0].id for edit in reopened.record.done]
        assert ids == ([1, 2] if torn.startswith(content) else [1])
        reopened.write("do", added(9))
        reopened.close()
        assert parse(path.read_bytes(), path)[1] == path.read_bytes()
        assert path.read_bytes().startswith(b"".join(lines[:2]))


def test_damage_before_whole_lines_when_read_then_all_is_set_aside_and_said(
    added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    for number in (1, 2, 3):
        journal.write("do", added(number))
    journal.close()
    whole = path.read_bytes()
    damaged = whole.replace(b'"id":2', b'"id":5')
    path.write_bytes(damaged)
    reopened = Journal(path)
    assert [each.id for each in reopened.record.objects] == [1, 3]
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes() == damaged
    assert str(aside) in reopened.notice
    assert "1 line of it could not be read" in reopened.record.damage
    reopened.write("do", added(4))
    reopened.close()
    assert [each.id for each in read_record(path).objects] == [1, 3, 4]
    path.write_bytes(whole[:-40] + bytes(40))  # as a power cut leaves it, of however many lines
    Journal(path).close()
    assert read_record(path).damage == ""
    assert len(list(tmp_path.glob("*.damaged-*"))) == 2


def test_a_damaged_first_line_when_opened_for_an_image_that_its_objects_fit_then_is_mended(
    added: MakeEdit, tmp_path: Path
) -> None:
    path, shape = tmp_path / "a.napari-sam" / "journal.jsonl", (3, 40, 40)
    journal = Journal(path, shape)
    for number in (1, 2):
        journal.write("do", added(number))
    journal.close()
    content = path.read_bytes()
    second = content.index(b"\n") + 1
    for damaged in (b"?" + content[1:], bytes(second + 9) + content[second + 9 :]):
        path.write_bytes(damaged)
        with pytest.raises(JournalError, match=r"press Start, which mends it"):
            read_record(path)
        with pytest.raises(JournalError, match=r"an image of another shape; move it away"):
            Journal(path, (3, 2, 2))
        assert path.read_bytes() == damaged
        reopened = Journal(path, shape)
        assert str(next(path.parent.glob("*.damaged-*"))) in reopened.notice
        reopened.write("do", added(3))
        reopened.close()
        assert read_record(path).shape == shape
        lost = {1} if damaged.startswith(bytes(second)) else set()
        assert {each.id for each in read_record(path).objects} == {1, 2, 3} - lost
        next(path.parent.glob("*.damaged-*")).unlink()


def test_a_journal_when_its_ends_of_lines_became_those_of_windows_then_is_read_and_goes_on(
    added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write("do", added(1))
    journal.close()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    journal = Journal(path)
    journal.write("do", added(2))
    journal.close()
    assert [each.id for each in read_record(path).objects] == [1, 2]


def test_a_journal_when_cut_at_any_byte_then_is_as_after_its_last_whole_line(
    added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    journal, session = Journal(path), AnnotationSession()
    journal.follow(session)
    session._do(added(1, 2))
    session.edit("describe", [(1, (1,))], category="round")
    session.undo()
    session.paint((2,), (slice(0, 4), slice(0, 4)), np.eye(4, dtype=int) * 2)
    session.edit("delete", [(2, (2,))])
    session.undo()
    session.redo()
    journal.close()
    content = path.read_bytes()
    ends = [0, *(i + 1 for i, byte in enumerate(content) if byte == ord(b"\n"))]
    whole = {end: _states(content[:end], path) for end in ends}
    cuts = random.Random(0).sample(range(len(content)), 100)  # noqa: S311 (nothing secret)
    for cut in (*ends, *(end - 1 for end in ends[1:]), *cuts):
        path.write_bytes(content[:cut])
        reopened = Journal(path)
        reopened.close()
        assert _states(path.read_bytes(), path) == whole[max(end for end in ends if end <= cut)]
        assert (not reopened.notice) == (cut in ends or cut < ends[1])


def _states(content: bytes, path: Path) -> tuple[list[Any], int, int]:
    record, _ = parse(content, path)
    return [as_json(each) for each in record.objects], len(record.done), len(record.undone)


def test_a_file_of_something_else_when_opened_then_says_so_and_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for content in (line_of({"version": 99}), b"a diary", b"a diary\n", b"\x89PNG\r\n", bytes(50)):
        path.write_bytes(content)
        with pytest.raises(JournalError, match=r"another version|no journal"):
            Journal(path)
        assert path.read_bytes() == content
        path.unlink()
    Journal(path).close()  # for the lock was let go


def test_a_journal_of_version_2_when_opened_then_is_read_and_goes_on(
    an_object: MakeObject, added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    entry = entry_of("do", added(1))
    for name in ("suggested", "device", "precision", "software"):
        del entry["after"][0][name]
    path.write_bytes(line_of({"version": 2, "shape": [9, 9]}) + line_of(entry))
    journal = Journal(path, (9, 9))
    journal.write("do", added(2))
    journal.close()
    old, new = read_record(path).objects
    assert (old.id, old.suggested, old.software) == (1, None, "")
    assert same(new, an_object(2))


def test_a_journal_of_version_3_when_opened_then_objects_written_whole_are_read_and_it_goes_on(
    an_object: MakeObject, added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    one = an_object(1)
    before = {"do": "describe", "arguments": {"note": "odd"}, "before": [as_json(one)]}
    entry = {**before, "after": [as_json(replace(one, note="odd"))]}
    path.write_bytes(b"".join(map(line_of, ({"version": 3, "shape": []}, entry_of("do", added(1)), entry))))
    journal, session = Journal(path, pixels="(9, 9) uint8 1"), AnnotationSession()
    assert journal.notice == ""
    journal.follow(session)
    assert session.store[one.key].note == "odd"
    session.edit("delete", [one.key])
    journal.close()
    record = read_record(path)
    assert record.objects == ()
    assert same(record.done[-1].before[0], replace(one, note="odd"))


def test_a_class_given_to_many_then_no_mask_is_written_and_all_is_undone_and_done_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    journal, session = Journal(path), AnnotationSession()
    journal.follow(session)
    noise = np.random.default_rng(0).random((200, 30, 30)) < 0.5
    session.adopt([Object(i, (i % 3,), (i, i), mask) for i, mask in enumerate(noise, 1)])
    size = path.stat().st_size
    keys = [each.key for each in session.objects]
    session.edit("describe", keys, category="cell")
    assert path.stat().st_size - size < 20 * len(keys)
    session.edit("describe", keys[:50], category="nucleus", note="bright")
    session.edit("delete", keys[:9])
    assert path.stat().st_size - size < 30 * len(keys)
    session.undo()
    session.undo()
    journal.close()
    reopened, again = Journal(path), AnnotationSession()
    reopened.follow(again)
    assert {each.category for each in again.objects} == {"cell"}
    assert all(same(again.store[each.key], each) for each in session.objects)
    again.redo()
    assert [each.note for each in again.objects].count("bright") == 50
    again.redo()
    assert len(again.objects) == 191
    reopened.close()


def test_a_journal_when_the_image_has_other_pixels_then_gives_back_and_says_so(
    added: MakeEdit, tmp_path: Path
) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, (9, 9), pixels="(9, 9) uint8 1")
    journal.write("do", added(1))
    journal.close()
    for pixels, said in (("(9, 9) uint8 1", False), ("(9, 9) uint8 2", True), ("", False)):
        reopened = Journal(path, (9, 9), pixels=pixels)
        assert ("not those of the last session" in reopened.notice) == said
        assert [each.id for each in reopened.record.objects] == [1]
        reopened.close()


@pytest.mark.parametrize("content", [None, b"", b"nothing"])
def test_a_journal_that_is_not_there_when_read_then_one_sentence(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "journal.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(JournalError, match=r"cannot be read|is empty|no journal"):
        read_record(path)


def test_restore_when_there_are_commits_then_refuses(added: MakeEdit) -> None:
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
    with pytest.raises(JournalError, match="another shape"):
        Journal(path, (21, 30))  # a plane does not grow
    assert path.read_bytes() == before


def test_a_journal_when_planes_were_added_after_the_others_then_goes_on_and_says_so(
    added: MakeEdit, tmp_path: Path
) -> None:
    path, image = tmp_path / "a.napari-sam" / "journal.jsonl", tmp_path / "a.tif"
    journal = Journal(path, (4, 20, 30), image, "(4, 20, 30) uint8 1")
    journal.write("do", added(1))
    journal.close()
    longer = Journal(path, (9, 20, 30), image, "(9, 20, 30) uint8 2")
    assert longer.notice.startswith(
        "The image is longer than in the last session, 9 along its first axis, not 4"
    )
    longer.write("do", added(2))
    longer.close()
    again = Journal(path, (9, 20, 30), image, "(9, 20, 30) uint8 2")
    again.close()
    assert (again.notice, again.record.shape, len(again.record.objects)) == ("", (9, 20, 30), 2)
    with pytest.raises(JournalError, match="another shape"):
        Journal(path, (4, 20, 30))


def test_the_image_of_a_journal_when_moved_with_it_then_is_found(tmp_path: Path) -> None:
    image, path = tmp_path / "one" / "a.tif", tmp_path / "one" / "a.napari-sam" / "cells.journal"
    Journal(path, (2, 3), image).close()
    Journal(tmp_path / "user" / "0" / "x.journal", (2, 3), image).close()
    Journal(tmp_path / "user" / "0" / "y.journal", (2, 3)).close()
    (tmp_path / "one").rename(tmp_path / "two")
    moved = tmp_path / "two" / "a.napari-sam" / "cells.journal"
    assert image_of(read_record(moved), moved) == tmp_path / "two" / "a.tif"
    for name, expected in (("x", image), ("y", None)):
        other = tmp_path / "user" / "0" / f"{name}.journal"
        assert image_of(read_record(other), other) == expected
