"""Undoing and redoing without a limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_sam.session import Edit
from napari_sam.session.history import History


@given(st.lists(st.sampled_from(["do", "undo", "redo"]), max_size=400))
def test_steps_in_any_order_then_are_those_of_a_line_of_edits_with_a_place_in_it(steps: list[str]) -> None:
    history, line, place = History(), [], 0
    for step in steps:
        if step == "do":
            line = [*line[:place], Edit(f"edit {len(line)}", (), ())]
            history.add(line[-1])
            place += 1
        elif step == "undo":
            assert history.step_back() is (line[place - 1] if place else None)
            place = max(place - 1, 0)
        else:
            assert history.step_on() is (line[place] if place < len(line) else None)
            place = min(place + 1, len(line))
    assert history.done == tuple(line[:place])
    assert history.undone == tuple(line[place:][::-1])


def test_ten_thousand_edits_then_can_all_be_taken_back_and_brought_back() -> None:
    history, edits = History(), [Edit("commit", (), ()) for _ in range(10_000)]
    for edit in edits:
        history.add(edit)
    assert [history.step_back() for _ in edits] == edits[::-1]
    assert history.step_back() is None
    assert [history.step_on() for _ in edits] == edits
    assert history.step_on() is None
