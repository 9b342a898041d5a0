from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam.errors import PromptError
from napari_sam.session import AnnotationSession, Edit, Object, ObjectStore
from napari_sam.session.store import window_of

SIDE = 600


def square(label: int, row: int, col: int, side: int = 10, plane: tuple[int, ...] = ()) -> Object:
    return Object(label, plane, (row, col), np.ones((side, side), bool))


def session_of(*objects: Object) -> AnnotationSession:
    session = AnnotationSession(author="a person", clock=lambda: "now")
    session.adopt(objects)
    return session


placed = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 90)), min_size=1, max_size=12
)


@settings(max_examples=40, deadline=None)
@given(placed, st.booleans(), st.integers(0, 11))
def test_a_store_when_drawn_in_windows_then_as_all_objects_one_over_the_other(
    places: list[tuple[int, int, int]], newest: bool, gone: int
) -> None:
    store = ObjectStore()
    store.newest_on_top = newest
    objects = [square(label, *place) for label, place in enumerate(places, 1)]
    store.apply(Edit("commit", (), tuple(objects)))
    left = objects[:gone] + objects[gone + 1 :]
    store.apply(Edit("delete", tuple(objects[gone : gone + 1]), ()))
    whole = np.zeros((SIDE, SIDE), int)
    for each in left if newest else reversed(left):
        whole[each.window] = each.id
    for rows in (slice(0, 300), slice(300, SIDE)):
        for cols in (slice(0, 256), slice(256, SIDE)):
            assert np.array_equal(store.render((), (rows, cols)), whole[rows, cols])
    assert len(store) == len(left)
    for row, col, _ in places:
        shown = store.at((), row, col)
        assert (shown.id if shown else 0) == whole[row, col]
    assert store.together() == [each for each in store if len(store.within((), window_of(each))) > 1]


def test_merge_when_two_touch_then_one_with_the_first_label_and_undo_brings_both_back() -> None:
    session = session_of(square(1, 0, 0), square(2, 0, 10), square(3, 0, 0, plane=(1,)))
    session.edit("merge", [(1, ()), (2, ())])
    assert session.store[1, ()].mask.shape == (10, 20)
    assert session.store[1, ()].area == 200
    assert (2, ()) not in session.store
    session.undo()
    assert [session.store[label, ()].area for label in (1, 2)] == [100, 100]
    with pytest.raises(PromptError, match="one plane"):
        session.edit("merge", [(1, ()), (3, (1,))])


def test_split_when_two_discs_touch_then_cut_at_the_neck() -> None:
    rows, cols = np.mgrid[:21, :37]
    left, right = ((rows - 10) ** 2 + (cols - col) ** 2 <= 100 for col in (10, 26))
    session = session_of(Object(4, (), (50, 60), left | right))
    session.edit("split", [(4, ())], points=[[60, 66], [60, 90]])
    one, two = session.store[4, ()], session.store[5, ()]
    assert one.area + two.area == (left | right).sum()
    assert abs(one.area - two.area) <= 21
    assert one.covers(60, 66)
    assert two.covers(60, 90)
    assert one.origin[1] + one.mask.shape[1] <= two.origin[1] + 1
    assert session.next_id == 6
    with pytest.raises(PromptError, match="two different points"):
        session.edit("split", [(4, ())], points=[[60, 66], [60, 90]])


def test_split_when_its_label_is_given_after_it_was_planned_then_the_part_gets_another_one() -> None:
    session = session_of(square(4, 50, 60, plane=(0,)))
    plan = session.plan("split", session.objects, points=[[51, 61], [58, 68]])
    session.put("commit", (), (square(session.next_id, 50, 60, plane=(1,)),))
    done = session.carry_out(plan)
    assert {each.key for each in session.objects} == {(4, (0,)), (5, (1,)), (6, (0,))}
    assert session.history.done[-1] is done
    assert session.next_id == 7


@pytest.mark.parametrize("points", [((60, 51), (60, 85)), ((53, 55), (67, 80)), ((60, 56), (68, 72))])
def test_split_when_points_are_at_the_rim_then_still_cut_at_the_neck(points: tuple[Any, Any]) -> None:
    rows, cols = np.mgrid[:21, :37]
    left, right = ((rows - 10) ** 2 + (cols - col) ** 2 <= 100 for col in (10, 26))
    session = session_of(Object(4, (), (50, 50), left | right))
    session.edit("split", [(4, ())], points=points)
    one, two = session.store[4, ()], session.store[5, ()]
    assert one.area + two.area == (left | right).sum()
    assert abs(one.area - two.area) <= 21


def test_split_when_there_is_no_neck_then_each_point_has_what_is_nearer_and_no_pixel_is_lost() -> None:
    mask = np.zeros((21, 41), bool)
    mask[:, :36] = np.hypot(*np.ogrid[-10:11, -18:18][::-1]) <= 18
    mask[3:6, 39:41] = True  # a piece apart
    session = session_of(Object(4, (), (50, 60), mask))
    session.edit("split", [(4, ())], points=[[60, 64], [60, 92]])
    one, two = session.store[4, ()], session.store[5, ()]
    assert one.area + two.area == mask.sum()
    assert abs(one.area - two.area) <= 0.1 * mask.sum()
    assert two.covers(54, 100)


def test_shaping_when_an_object_has_holes_specks_and_teeth_then_each_goes() -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:35, 5:35] = True
    mask[15:20, 15:20] = False
    mask[2, 50] = mask[20, 35] = True
    session = session_of(Object(1, (), (0, 0), mask))
    session.edit("fill_holes", [(1, ())])
    assert session.store[1, ()].area == 902
    session.edit("remove_specks", [(1, ())])
    assert session.store[1, ()].area == 901
    assert session.store[1, ()].origin == (5, 5)
    session.edit("smooth", [(1, ())], radius=2.0)
    assert 850 < session.store[1, ()].area < 901
    assert not session.store[1, ()].covers(20, 35)
    with pytest.raises(PromptError, match="no hole"):
        session.edit("fill_holes", [(1, ())])
    with pytest.raises(PromptError, match="below 0"):
        session.edit("smooth", [(1, ())], radius=-1)
    with pytest.raises(PromptError, match="no operation 'dilate'; use one of delete, merge"):
        session.edit("dilate", [(1, ())])
    for _ in range(3):
        session.undo()
    assert np.array_equal(session.store[1, ()].mask, mask)


def test_paint_when_a_stroke_crosses_objects_then_it_is_part_of_them_and_can_be_undone() -> None:
    session = session_of(square(1, 0, 0), square(2, 5, 5))
    window = (slice(0, 20), slice(0, 20))
    before = session.store.render((), window)
    assert before[7, 7] == 1
    painted = before.copy()
    painted[12:14, 6:20] = 2
    painted[0:2] = 0
    painted[18, 0:3] = 9
    session.paint((), window, painted)
    assert np.array_equal(session.store.render((), window), painted)
    assert session.store[2, ()].covers(7, 7)  # hidden by the other, and still its own
    assert (session.store[9, ()].author, session.store[9, ()].made) == ("a person", "now")
    assert session.paint((), window, painted) is None
    session.undo()
    assert np.array_equal(session.store.render((), window), before)


@pytest.mark.parametrize("newest_on_top", [False, True])
def test_paint_when_it_goes_over_objects_that_overlap_then_none_of_them_shows_in_its_place(
    newest_on_top: bool,
) -> None:
    session = session_of(square(1, 0, 0), square(2, 5, 5), square(3, 4, 4))
    session.store.newest_on_top = newest_on_top
    window = (slice(0, 20), slice(0, 20))
    before = session.store.render((), window)
    for label in (1, 3, 9):
        painted = session.store.render((), window)
        painted[3:9, label : label + 8] = label
        session.paint((), window, painted)
        assert np.array_equal(session.store.render((), window), painted)
    for _ in range(3):
        session.undo()
    assert np.array_equal(session.store.render((), window), before)
    assert session.next_id == 10


def test_paint_when_a_stroke_has_a_number_below_0_then_takes_pixels_and_makes_no_object() -> None:
    session = session_of(square(1, 0, 0))
    painted = session.store.render((), (slice(0, 20), slice(0, 20)))
    painted[5:, 5:] = -1
    session.paint((), (slice(0, 20), slice(0, 20)), painted)
    assert {each.id: each.area for each in session.objects} == {1: 75}


def test_an_object_when_painted_away_then_is_gone() -> None:
    session = session_of(square(1, 0, 0))
    session.paint((), (slice(0, 10), slice(0, 10)), np.zeros((10, 10), int))
    assert session.objects == ()
    session.undo()
    assert session.objects[0].area == 100


def test_an_edit_of_nothing_when_asked_for_then_says_what_to_do() -> None:
    with pytest.raises(PromptError, match="no object here"):
        session_of().edit("delete", [(1, ())])


def test_objects_when_described_then_are_found_where_they_were_and_come_last() -> None:
    store = ObjectStore()
    one, other = (Object(i, (), (300 * i, 0), np.ones((9, 9), bool)) for i in (1, 2))
    store.apply(Edit("commit", (), (one, other)))
    named = one.described("cell", "odd")
    assert (named.category, named.note, named.area, named.id) == ("cell", "odd", 81, 1)
    assert one.category == ""
    edit = Edit("describe", (one,), (named,))
    assert edit.moved == ()
    store.apply(edit)
    assert list(store) == [other, named]
    assert store.at((), 304, 4) is named
    smaller = replace(named, mask=named.mask[:2])
    assert smaller.area == 18
    edit = Edit("paint", (named, other), (smaller, other))
    assert edit.moved == (named, smaller)
    store.apply(edit)
    assert store.at((), 304, 4) is None
    assert store.at((), 301, 4) is smaller
    assert store.at((), 604, 4) is other


def test_a_class_or_note_that_objects_have_already_then_is_no_step() -> None:
    session = session_of(square(1, 0, 0), square(2, 50, 50))
    with pytest.raises(PromptError, match="this class and note already"):
        session.edit("describe", [(1, ())], category="")
    session.edit("describe", [(1, ())], category="round", note="odd")
    with pytest.raises(PromptError, match="this class and note already"):
        session.edit("describe", [(1, ())], category="round")
    session.edit("describe", [(1, ()), (2, ())], category="round")
    session.undo()
    assert {each.id: (each.category, each.note) for each in session.objects} == {
        1: ("round", "odd"),
        2: ("", ""),
    }
    session.undo()
    assert not session.history.done
