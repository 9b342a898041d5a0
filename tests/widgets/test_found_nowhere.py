"""Objects that following finds in no other plane, and how labels of several planes are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_sam.session import Object
from napari_sam.session.following import Following
from napari_sam.widgets.annotator import AnnotatorWidget

from .conftest import begin
from .test_stack import settle

Make = Callable[..., AnnotatorWidget]


@pytest.fixture
def stack(make_annotator: Make, qtbot: Any) -> AnnotatorWidget:
    """The annotator, started on a stack, with one object in plane 1."""
    widget = make_annotator(np.zeros((4, 60, 80), np.uint8), start=False)
    widget._viewer.dims.set_current_step(0, 1)
    begin(qtbot, widget)
    settle(qtbot, widget)
    assert widget.annotation is not None
    widget.annotation.session.put("commit", (), (mask(1),))
    return widget


def mask(plane: int, level: str = "") -> Object:
    return Object(1, (plane,), (10, 10), np.ones((8, 8), bool), level=level)


def follow(stack: AnnotatorWidget, qtbot: Any) -> str:
    assert stack.stack is not None
    stack.stack.follow()
    settle(qtbot, stack)
    return str(stack.panel.status.text())


def test_follow_when_no_other_plane_shows_the_object_then_one_sentence_says_so_and_there_is_no_step(
    stack: AnnotatorWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Following, "run", lambda *_, **__: ())
    assert stack.annotation is not None
    assert follow(stack, qtbot) == "Label 1 was not found in the neighbouring planes."
    assert [edit.what for edit in stack.annotation.session.history.done] == ["commit"]


def test_follow_when_no_other_plane_shows_it_any_more_then_its_masks_go_and_undo_brings_them_back(
    stack: AnnotatorWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(mask(0, "propagated"), mask(2, "propagated")), ()]
    monkeypatch.setattr(Following, "run", lambda *_, **__: found.pop(0))
    assert stack.annotation is not None
    session = stack.annotation.session
    assert follow(stack, qtbot).startswith("Label 1 goes through 3 planes, 0 to 2.")
    assert follow(stack, qtbot) == (
        "Label 1 was not found in the neighbouring planes any more; Ctrl+Z brings its masks there back."
    )
    assert [each.plane for each in session.objects] == [(1,)]
    stack.annotation.editing.undo()
    assert len(session.objects) == 3


def test_a_label_of_several_planes_when_followed_and_taken_back_then_counts_once(
    stack: AnnotatorWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Following, "run", lambda *_, **__: (mask(0, "propagated"), mask(2, "propagated")))
    follow(stack, qtbot)
    assert stack.annotation is not None
    editing, session = stack.annotation.editing, stack.annotation.session
    editing.undo()
    assert stack.panel.status.text() == "Took back: follow, 1 label."
    editing.redo()
    editing.edit("delete", [each.key for each in session.objects])
    assert stack.panel.status.text().startswith("Delete: 1 label.")
    editing.undo()
    stack.stop()
    stack.panel.labels.setCurrentIndex(0)
    stack._viewer.layers.remove("cells cells")
    stack.start()
    settle(qtbot, stack)
    assert "Your last session's 1 label is back." in stack.panel.status.text()
