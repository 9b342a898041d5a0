"""Prompts that cannot be answered, and how they go away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt

from napari_sam.widgets.annotator import AnnotatorWidget

from ..conftest import settle

Make = Callable[..., AnnotatorWidget]


def test_points_that_cannot_be_answered_and_those_of_a_reopened_object_then_can_be_cleared(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    panel, annotation = widget.panel, widget.annotation
    assert annotation is not None
    assert not panel.clear.isEnabled()
    annotation.prompts.points.add((-5.123456, 10))
    annotation.prompts.points.add((40, 50))
    settle(qtbot, widget)
    assert panel.status.text() == (
        "The point (-5.1, 10) lies outside the image of 120 x 160 pixels; move it inside, or clear it."
    )
    assert (panel.commit.isEnabled(), panel.clear.isEnabled()) == (False, True)
    qtbot.mouseClick(panel.clear, Qt.MouseButton.LeftButton)
    assert len(annotation.prompts.points.data) == 0
    assert not panel.clear.isEnabled()
    annotation.prompts.points.add((40, 50))
    settle(qtbot, widget)
    assert len(annotation.session.proposals) == 1
    assert (panel.commit.isEnabled(), panel.clear.isEnabled()) == (True, True)
    annotation.commit()
    assert (panel.commit.isEnabled(), panel.clear.isEnabled()) == (False, False)
    annotation.prompts.positive = False
    annotation.prompts.points.add((40, 50))
    settle(qtbot, widget)
    assert "All points are outside" in widget.panel.status.text()
    assert widget.panel.clear.isEnabled()
    annotation.clear()  # as Escape does
    assert not widget.panel.clear.isEnabled()
    annotation.prompts.positive = True
    annotation.editing.reopen()
    settle(qtbot, widget)
    assert widget.panel.clear.isEnabled()
    qtbot.mouseClick(widget.panel.clear, Qt.MouseButton.LeftButton)
    assert not widget.panel.clear.isEnabled()
    assert len(annotation.session.objects) == 1


def test_a_given_prompt_outside_the_image_when_started_then_can_be_cleared(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    widget._viewer.add_points([(300, 10)], name="seeds")
    widget.panel.prompts.setCurrentText("seeds")
    widget.start()
    settle(qtbot, widget)
    assert "(300, 10) lies outside" in widget.panel.status.text()
    assert widget.panel.clear.isEnabled()
