"""Objects that following finds in no other plane, and how labels of several planes are counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_sam.session import Object
from napari_sam.session.following import Following
from napari_sam.widgets.annotator import AnnotatorWidget

from ..conftest import begin
from ..stack.test_stack import settle

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


def test_follow_when_no_other_plane_shows_the_object_then_says_so_and_its_label_counts_once(
    stack: AnnotatorWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(), (mask(0, "propagated"), mask(2, "propagated")), ()]
    monkeypatch.setattr(Following, "run", lambda *_, **__: found.pop(0))
    assert stack.annotation is not None
    editing, session = stack.annotation.editing, stack.annotation.session
    assert follow(stack, qtbot) == "Label 1 was not found in the neighbouring planes."
    assert [edit.what for edit in session.history.done] == ["commit"]  # there is no step to take back
    assert follow(stack, qtbot).startswith("Label 1 goes through 3 planes, 0 to 2.")
    assert follow(stack, qtbot) == (
        "Label 1 was not found in the neighbouring planes any more; Ctrl+Z brings its masks there back."
    )
    assert [each.plane for each in session.objects] == [(1,)]
    editing.undo()
    assert len(session.objects) == 3

    editing.undo()
    assert stack.panel.status.text() == "Took back: follow, 1 label, on other planes."
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
