"""A journal, labels that were drawn before, and what was painted into them, made one session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam.predict import Prompts
from napari_sam.session import AnnotationSession, Edit, Object
from napari_sam.session import regions as regions_module
from napari_sam.session.journal import merging as module
from napari_sam.session.journal.journal import Journal
from napari_sam.session.journal.merging import Merged, merge
from napari_sam.session.journal.record import Record, read_record
from napari_sam.session.store import ObjectStore

SHAPE = (3, 60, 80)
WHOLE = (slice(0, 60), slice(0, 80))


def square(label: int, row: int, col: int, plane: int = 0, **said: Any) -> Object:
    return Object(label, (plane,), (row, col), np.ones((10, 10), bool), **{"made": "2026-01-01", **said})


def drawn(store: ObjectStore) -> np.ndarray:
    """Return what a window draws."""
    return np.stack([store.render((plane,), WHOLE) for plane in range(SHAPE[0])])


def session_of(objects: Sequence[Object], path: Path) -> tuple[AnnotationSession, Record]:
    """Return a session fresh from a journal that another window has written, and what the journal held."""
    writer = AnnotationSession()
    journal = Journal(path, SHAPE)
    journal.follow(writer)
    writer.put("commit", (), tuple(objects))
    journal.close()
    session = AnnotationSession()
    journal = Journal(path, SHAPE)
    journal.follow(session)
    return session, journal.record


def store_of(*objects: Object) -> ObjectStore:
    session = AnnotationSession()
    session.adopt(objects)
    return session.store


def taken_over(
    session: AnnotationSession,
    labels: np.ndarray,
    store: ObjectStore | None,
    record: Record | None,
    told: ObjectStore | None = None,
) -> Merged:
    """Merge as Start does, and let the labels show what they should."""
    session.reserve(int(labels.max()))
    merged = merge(session, labels, (0,), store, record, told)
    for each in merged.redrawn:
        part = labels[(*each.plane, *each.window)]
        part[:] = np.where(part == each.before, each.after, part)
    return merged


def places(store: ObjectStore) -> dict[tuple[int, int], tuple[int, int]]:
    return {(each.id, each.plane[0]): each.origin for each in store}


def test_labels_when_another_window_went_on_then_show_all_of_its_objects_and_numbers_go_on(
    tmp_path: Path,
) -> None:
    old = [square(1, 5, 5), square(2, 5, 30)]
    now = [square(1, 5, 5), square(3, 30, 30), square(4, 10, 35, plane=2)]
    session, record = session_of(now, tmp_path / "journal")
    labels = drawn(store_of(*old))
    merged = taken_over(session, labels, store_of(*old), _with(record, old))
    assert np.array_equal(labels, drawn(session.store))
    assert places(session.store) == places(store_of(*now))
    assert session.next_id == 5
    assert merged.names == {}


def _with(record: Record, objects: Sequence[Object]) -> Record:
    """Return a record of a journal that held these objects, too, before."""
    before = (Edit("adopt", (), tuple(objects)), *record.happened)
    return Record(record.begins, tuple(objects), record.done, (), record.last_id, happened=before)


def test_labels_of_two_windows_when_they_have_one_number_then_one_gets_another_and_both_are_kept(
    tmp_path: Path,
) -> None:
    prompts = Prompts([(10, 10)], [1])
    mine = [square(1, 5, 5), square(2, 40, 60, prompts=prompts), square(2, 40, 60, plane=1)]
    theirs = [square(1, 5, 5), square(2, 5, 30)]
    session, record = session_of(theirs, tmp_path / "journal")
    labels = drawn(store_of(*mine))
    labels[2, 50:55, 5:9] = 2  # painted after Stop, in a plane without objects
    merged = taken_over(session, labels, store_of(*mine), record)
    assert merged.names == {2: 3}
    assert places(session.store) == {
        (1, 0): (5, 5), (2, 0): (5, 30), (3, 0): (40, 60), (3, 1): (40, 60)
    }  # fmt: skip
    assert session.store[3, (0,)].prompts is prompts
    assert (labels[2, 50:55, 5:9] == 3).all()
    assert np.array_equal(labels[:2], drawn(session.store)[:2])
    written = read_record(tmp_path / "journal")
    assert sorted(each.key for each in written.objects) == sorted(each.key for each in session.store)


def test_labels_of_64_bits_when_an_object_is_not_shown_then_its_number_is_exact(
    tmp_path: Path,
) -> None:
    large = 2**53 + 1  # which no float is
    session, record = session_of([square(large, 5, 5)], tmp_path / "journal")
    (redrawn,) = merge(session, np.zeros(SHAPE, np.uint64), (0,), store_of(), record).redrawn
    assert np.unique(redrawn.after).tolist() == [large]


def test_a_stroke_after_stop_when_another_window_went_on_then_both_are_there_and_it_can_be_taken_back(
    tmp_path: Path,
) -> None:
    old = [square(1, 5, 5), square(2, 5, 30)]
    session, record = session_of([*old, square(3, 30, 30)], tmp_path / "journal")
    labels = drawn(store_of(*old))
    labels[0, 5:8, 5:15] = 0  # erased
    labels[0, 28:36, 36:50] = 3  # napari's next number, which the other window has given, too
    taken_over(session, labels, store_of(*old), record)
    areas = {each.id: each.area for each in session.store}
    assert areas == {1: 70, 2: 100, 3: 100, 4: 8 * 14}
    assert np.array_equal(labels, drawn(session.store))
    assert (labels[0, 30:40, 30:40] == 3).all()
    session.undo()
    assert session.store[1, (0,)].area == 100


def test_an_overlap_that_was_erased_after_stop_then_shows_what_lies_under_it(tmp_path: Path) -> None:
    objects = [square(1, 5, 5), square(2, 10, 10)]
    session, record = session_of(objects, tmp_path / "journal")
    store = store_of(*objects)
    labels = drawn(store)
    labels[0, 12:14, 12:14] = 0
    taken_over(session, labels, store, record)
    assert (labels[0, 12:14, 12:14] == 2).all()
    assert np.array_equal(labels, drawn(session.store))


def test_a_label_that_was_filled_with_another_number_after_stop_then_has_that_one(tmp_path: Path) -> None:
    session, record = session_of([square(1, 5, 5)], tmp_path / "journal")
    store = store_of(square(1, 5, 5))
    labels = drawn(store)
    labels[labels == 1] = 4
    taken_over(session, labels, store, record)
    assert places(session.store) == {(4, 0): (5, 5)}
    assert np.array_equal(labels, drawn(session.store))


def test_what_another_window_took_back_for_good_then_does_not_come_again(tmp_path: Path) -> None:
    session, _ = session_of([square(1, 5, 5)], tmp_path / "journal")
    store = store_of(square(1, 5, 5))
    session.undo()
    session.put("commit", (), (square(2, 30, 30),))
    record, labels = read_record(tmp_path / "journal"), drawn(store)
    other = AnnotationSession()
    other.restore(record.line, record.undone)
    taken_over(other, labels, store, record)
    assert places(other.store) == {(2, 0): (30, 30)}
    assert np.array_equal(labels, drawn(other.store))


def test_objects_that_the_disk_refused_when_started_again_then_are_back_and_a_corrected_one_is_corrected(
    tmp_path: Path,
) -> None:
    session, record = session_of([square(1, 5, 5), square(2, 5, 30)], tmp_path / "journal")
    better = Object(1, (0,), (5, 5), np.ones((12, 11), bool), made="2026-01-02")
    mine = store_of(better, square(2, 5, 30), square(3, 30, 30))
    labels = drawn(mine)
    merged = taken_over(session, labels, mine, record)
    assert merged.names == {}
    assert {each.id: each.area for each in session.store} == {1: 132, 2: 100, 3: 100}
    assert np.array_equal(labels, drawn(session.store))
    session.undo()
    assert session.store[1, (0,)].area == 100


def test_labels_of_a_file_when_the_journal_has_others_by_their_numbers_then_all_are_kept(
    tmp_path: Path,
) -> None:
    objects = [square(1, 5, 5), square(2, 5, 30), square(2, 5, 30, plane=2), square(5, 30, 5)]
    session, record = session_of(objects, tmp_path / "j")
    labels = np.zeros(SHAPE, np.int32)
    labels[0, 5:15, 5:15] = 7  # object 1, which another tool has numbered anew
    labels[0, 40:50, 60:70] = 2  # another object
    labels[1, 40:50, 60:70] = 2
    labels[2, 12:15, 37:40] = 2  # what somebody left of object 2
    labels[0, 20:22, 20:22] = -1
    merged = taken_over(session, labels, None, record)
    assert merged.names == {2: 8}
    assert places(session.store) == {
        (1, 0): (5, 5), (2, 0): (5, 30), (2, 2): (12, 37), (5, 0): (30, 5), (8, 0): (40, 60)
    }  # fmt: skip
    assert (labels[0, 20:22, 20:22] == -1).all()
    assert (labels[1, 40:50, 60:70] == 8).all()
    assert np.array_equal(np.maximum(labels[0], 0), session.store.render((0,), WHOLE))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_any_objects_of_two_windows_then_none_is_lost_and_no_number_is_given_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, large: bool
) -> None:
    if large:
        monkeypatch.setattr(regions_module, "LARGEST", 10)
    rng = np.random.default_rng(seed)
    cells = [(row, col, plane) for row in range(0, 60, 10) for col in range(0, 80, 10) for plane in range(3)]
    chosen = rng.permutation(len(cells))[:30]
    common = [square(n, *cells[at]) for n, at in enumerate(chosen[:10], 1)]
    mine = [square(n, *cells[at], made="mine") for n, at in enumerate(chosen[10:20], 11)]
    theirs = [square(n, *cells[at], made="theirs") for n, at in enumerate(chosen[20:], 11)]
    session, record = session_of([*common, *theirs], tmp_path / "journal")
    store = store_of(*common, *mine)
    labels = drawn(store)
    taken_over(session, labels, store, record)
    wanted = {(each.origin, each.plane) for each in (*common, *mine, *theirs)}
    assert {(each.origin, each.plane) for each in session.store} == wanted
    assert len({each.id for each in session.store}) == 30
    assert np.array_equal(labels, drawn(session.store))
    assert module.few_pixels(labels) is not large


def test_labels_that_show_what_the_journal_holds_then_nothing_is_drawn_or_written(tmp_path: Path) -> None:
    objects = [square(1, 5, 5), square(2, 8, 8), square(3, 5, 5, plane=1)]
    session, record = session_of(objects, tmp_path / "journal")
    before = (tmp_path / "journal").read_bytes()
    for store in (store_of(*objects), None):
        labels = drawn(store_of(*objects))
        merged = merge(session, labels, (0,), store, record)
        assert merged.redrawn == []
        assert merged.known == {(0,), (1,)}
    assert (tmp_path / "journal").read_bytes() == before


def test_a_label_file_that_shows_the_newest_on_top_then_no_object_loses_what_is_hidden(
    tmp_path: Path,
) -> None:
    session, record = session_of([square(1, 5, 5), square(2, 8, 8), square(3, 11, 11)], tmp_path / "journal")
    session.store.newest_on_top = True
    labels = drawn(session.store)
    session.store.newest_on_top = False  # as it is at Start, until the person's choice is known
    assert merge(session, labels, (0,), None, record).redrawn == []
    assert [each.area for each in session.store] == [100, 100, 100]
    assert session.store.newest_on_top


def adopted_and_corrected(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Correct four labels of a file in a session; return what the file shows, and what the session drew."""
    file = drawn(store_of(*(square(n, 5, 15 * n - 10) for n in range(1, 6)), square(6, 5, 5, plane=2)))
    session = AnnotationSession()
    journal = Journal(path, SHAPE)
    journal.follow(session)
    taken_over(session, file.copy(), None, journal.record)
    session.adopt([square(6, 5, 5, plane=2)])  # as when the person has gone there
    session.edit("delete", [(1, (0,))])
    session.edit("delete", [(6, (2,))])
    better = Object(2, (0,), (4, 19), np.ones((14, 12), bool), made="2026-01-02")
    session.put("commit", (session.store[2, (0,)],), (better,))
    session.paint((0,), (slice(5, 9), slice(35, 45)), np.zeros((4, 10), int))
    session.put("commit", (), (square(session.next_id, 40, 40),))
    journal.close()
    return file, drawn(session.store)


def opened_again(path: Path, labels: np.ndarray) -> tuple[AnnotationSession, Merged]:
    """Start with the labels of a file, where it is not known what was drawn."""
    session = AnnotationSession()
    journal = Journal(path, SHAPE)
    journal.follow(session)
    merged = taken_over(session, labels, None, journal.record)
    journal.close()
    return session, merged


def test_a_label_file_when_unchanged_and_opened_again_then_the_corrections_of_the_journal_stand(
    tmp_path: Path,
) -> None:
    file, corrected = adopted_and_corrected(tmp_path / "j")
    before = (tmp_path / "j").read_bytes()
    session, merged = opened_again(tmp_path / "j", file)
    assert np.array_equal(file, corrected)
    assert np.array_equal(drawn(session.store), corrected)
    assert merged.names == {}
    assert merged.known == {(0,), (2,)}
    assert (tmp_path / "j").read_bytes() == before  # neither adopted nor painted anew
    assert session.store[2, (0,)].made == "2026-01-02"


def test_a_label_file_when_saved_after_the_session_then_nothing_is_drawn_or_written(tmp_path: Path) -> None:
    _, corrected = adopted_and_corrected(tmp_path / "j")
    before = (tmp_path / "j").read_bytes()
    session, merged = opened_again(tmp_path / "j", corrected.copy())
    assert merged.redrawn == []
    assert np.array_equal(drawn(session.store), corrected)
    assert (tmp_path / "j").read_bytes() == before


def test_a_label_file_when_saved_amid_the_session_then_what_came_after_stands(tmp_path: Path) -> None:
    file, corrected = adopted_and_corrected(tmp_path / "j")
    file[0, 5:15, 5:15] = 0  # the first label was deleted by then
    file[0, 4:18, 19:31] = 2  # and the second corrected
    session, _ = opened_again(tmp_path / "j", file)
    assert np.array_equal(file, corrected)
    assert np.array_equal(drawn(session.store), corrected)
    assert [edit.what for edit in session.history.done].count("paint") == 1


def test_a_label_file_when_saved_before_a_step_was_taken_back_for_good_then_that_stays_away(
    tmp_path: Path,
) -> None:
    session, journal = AnnotationSession(), Journal(tmp_path / "j", SHAPE)
    journal.follow(session)
    session.put("commit", (), (square(1, 5, 5),))
    session.put("commit", (), (square(2, 30, 30),))
    file = drawn(session.store)
    session.undo()
    session.put("commit", (), (square(3, 30, 50),))
    wanted = drawn(session.store)
    journal.close()
    again, _ = opened_again(tmp_path / "j", file)
    assert places(again.store) == {(1, 0): (5, 5), (3, 0): (30, 50)}
    assert np.array_equal(file, wanted)


@pytest.mark.parametrize("saved", [False, True])
def test_a_label_file_when_changed_elsewhere_in_one_object_then_that_alone_is_painted_and_can_be_taken_back(
    tmp_path: Path, saved: bool
) -> None:
    file, corrected = adopted_and_corrected(tmp_path / "j")
    shown = corrected.copy() if saved else file
    for labels in (shown, wanted := corrected.copy()):
        labels[0, 5:9, 50:60] = 0  # erased of the fourth
        labels[0, 15:18, 65:75] = 5  # painted to the fifth
    session, _ = opened_again(tmp_path / "j", shown)
    assert np.array_equal(drawn(session.store), wanted)
    assert np.array_equal(shown, wanted)
    last = session.history.done[-1]
    assert (last.what, sorted(each.id for each in last.after)) == ("paint", [4, 5])
    session.undo()
    assert np.array_equal(drawn(session.store), corrected)


def test_objects_that_were_deleted_in_the_saved_file_elsewhere_then_stay_deleted_until_taken_back(
    tmp_path: Path,
) -> None:
    _, corrected = adopted_and_corrected(tmp_path / "j")
    shown = np.where(np.isin(corrected, [3, 4]), 0, corrected)
    labels = shown.copy()
    session, merged = opened_again(tmp_path / "j", labels)
    assert np.array_equal(drawn(session.store), shown)
    assert merged.redrawn == []
    assert opened_again(tmp_path / "j", shown.copy())[1].redrawn == []
    session.undo()
    assert np.array_equal(drawn(session.store), corrected)


def test_objects_that_the_file_has_not_shown_yet_or_had_lost_when_it_was_saved_then_are_back(
    tmp_path: Path,
) -> None:
    path = tmp_path / "j"
    session = AnnotationSession()
    journal = Journal(path, SHAPE)
    journal.follow(session)
    for label, col in ((1, 5), (2, 25), (3, 45)):
        session.put("commit", (), (square(label, 5, col),))
    session.edit("delete", [(1, (0,))])
    saved = drawn(session.store)
    session.put("commit", (), (square(4, 25, 5),))
    session.undo()
    session.undo()
    journal.close()
    before = drawn(store_of(square(1, 5, 5), square(2, 5, 25)))
    for shown in (saved, before):  # saved when the first was deleted; before there was a third
        again, _ = opened_again(path, shown.copy())
        assert sorted(each.id for each in again.store) == [1, 2, 3]


def test_a_label_that_was_numbered_anew_when_the_file_is_opened_again_then_its_correction_stands(
    tmp_path: Path,
) -> None:
    file, corrected = adopted_and_corrected(tmp_path / "j")
    file[file == 2] = 60
    session, merged = opened_again(tmp_path / "j", file)
    assert np.array_equal(drawn(session.store), corrected)
    assert np.array_equal(file, corrected)
    assert merged.names == {}


def test_labels_of_another_run_when_they_have_the_numbers_of_the_old_ones_then_all_are_kept(
    tmp_path: Path,
) -> None:
    _, corrected = adopted_and_corrected(tmp_path / "j")
    other = drawn(store_of(square(1, 30, 5), square(2, 45, 5), square(3, 30, 60), square(4, 48, 60)))
    session, merged = opened_again(tmp_path / "j", other)
    assert sorted(merged.names) == [2, 3, 4]
    after = drawn(session.store)
    assert np.array_equal(np.where(corrected > 0, after, 0), corrected)
    assert len(np.unique(after)) - 1 == len(np.unique(corrected)) - 1 + 4


FILE = (
    square(1, 5, 5, category="file", note="file"),
    square(2, 5, 30, category="file", note="file"),
    square(4, 30, 5, category="file"),  # the journal has another object by this number
    square(6, 40, 40),
    square(7, 43, 43, category="under", note="the last one"),
    Object(8, (0,), (42, 42), np.ones((3, 3), bool), note="hidden"),
    Object(9, (0,), (7, 7), np.ones((3, 3), bool), note="hidden, and deleted since"),
    square(10, 5, 5, plane=2, category="far"),
)


def said(store: ObjectStore) -> dict[tuple[int, int], tuple[str, str, int]]:
    return {(each.id, each.plane[0]): (each.category, each.note, each.area) for each in store}


@pytest.mark.parametrize("large", [False, True])
def test_what_a_file_tells_of_its_labels_then_holds_where_the_journal_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool
) -> None:
    if large:
        monkeypatch.setattr(regions_module, "LARGEST", 10)
    hidden = Object(9, (0,), (7, 7), np.ones((3, 3), bool))
    mine = [square(1, 5, 5, category="journal"), square(2, 5, 30), square(4, 30, 60), hidden]
    session, record = session_of(mine, tmp_path / "journal")
    if not large:
        session.edit("delete", [hidden.key])
        record = read_record(tmp_path / "journal")
    told = store_of(*FILE)
    labels = drawn(told)
    merged = taken_over(session, labels, None, record, told)
    assert merged.names == {4: 11}
    wanted = {
        (1, 0): ("journal", "file", 100),
        (2, 0): ("file", "file", 100),
        (4, 0): ("", "", 100),
        (11, 0): ("file", "", 100),
        (6, 0): ("", "", 100),
        (7, 0): ("under", "the last one", 100),
        (8, 0): ("", "hidden", 9),
        (10, 2): ("far", "", 100),
    }
    assert said(session.store) == wanted | ({(9, 0): ("", "hidden, and deleted since", 9)} if large else {})
    assert np.array_equal(labels, drawn(session.store))
    again = read_record(tmp_path / "journal")
    assert said(ObjectStore.after(again.line)) == said(session.store)
