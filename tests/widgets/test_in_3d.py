"""Views in which nothing can be prompted, in 3-D or with rolled axes; and layers that are not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.utils.interactions import mouse_press_callbacks
from qtpy.QtCore import Qt

from napari_sam.widgets.annotator import AnnotatorWidget

from .conftest import IMAGE, commit, prompt
from .test_faults import STACK, shown, told
from .test_story import Press, press_key

Make = Callable[..., AnnotatorWidget]
pytestmark = pytest.mark.shown


def test_an_image_of_two_axes_when_seen_in_3d_then_is_painted_and_what_is_prompted_there_is_answered_in_2d(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(IMAGE)
    annotation, viewer = widget.annotation, widget._viewer
    assert annotation is not None
    annotation.view.filling.visible = False
    commit(widget, qtbot, 30, 40)
    viewer.dims.ndisplay = 3
    viewer.screenshot(canvas_only=True, flash=False)
    annotation.prompts.points.add([80, 100])
    annotation.editing.selection.set([each.key for each in annotation.session.objects])
    viewer.screenshot(canvas_only=True, flash=False)
    annotation.editing.selection.set([])
    viewer.screenshot(canvas_only=True, flash=False)
    assert not annotation.session.proposals
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(lambda: bool(annotation.session.proposals), timeout=20_000)
    viewer.dims.ndisplay = 3
    assert annotation.chooser.under(Press((80, 100))) is None
    annotation.undo()
    assert not annotation.session.proposals  # or Enter would commit what has no prompt any more
    viewer.dims.ndisplay = 2
    prompt(widget, qtbot, 80, 100)
    assert annotation.view.outlines.visible
    assert not annotation.view.filling.visible


def test_lines_when_hidden_then_others_take_their_place_and_are_seen_when_they_are_shown_again(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(IMAGE)
    annotation = widget.annotation
    assert annotation is not None
    outlines, filling = annotation.view.outlines, annotation.view.filling
    prompt(widget, qtbot, 60, 80)
    annotation.view.fill(2)
    lines, rows = len(outlines.data), len(filling.data)
    outlines.visible = filling.visible = False
    annotation.clear()
    prompt(widget, qtbot, 0, 0)
    annotation.view.fill(2)
    outlines.visible = filling.visible = True
    assert 0 < len(outlines._view_data) == len(outlines.data) < lines
    assert 0 < len(filling._view_data) == len(filling.data) < rows
    widget._viewer.screenshot(canvas_only=True, flash=False)


def test_axes_when_rolled_or_in_3d_then_prompts_wait_and_it_is_said(make_annotator: Make, qtbot: Any) -> None:
    widget = make_annotator(STACK)
    commit(widget, qtbot, 1, 30, 40)
    annotation, dims = widget.annotation, widget._viewer.dims
    assert annotation is not None
    before, canvas = shown(widget), widget._viewer.window._qt_viewer.canvas.native
    for change, back in (
        (lambda: setattr(dims, "order", (2, 0, 1)), lambda: setattr(dims, "order", (0, 1, 2))),
        (lambda: setattr(dims, "ndisplay", 3), lambda: setattr(dims, "ndisplay", 2)),
    ):
        change()
        assert "roll the axes back" in told(widget)
        annotation.prompts.points.add([1, 80, 100])
        assert "roll the axes back" in told(widget)
        assert not annotation.session.proposals
        annotation.clear()
        assert told(widget) == ""
        widget._viewer.cursor.position = (1, 30, 40)
        press_key(qtbot, widget, Qt.Key.Key_X)
        mouse_press_callbacks(widget._viewer, Press((1, 30, 40), ("Shift",)))
        assert len(annotation.session.objects) == 1
        assert not annotation.editing.selection.keys
        annotation.editing.reopen()
        assert annotation.session.reopened is None
        assert "roll the axes back" in told(widget)
        widget._viewer.layers.selection.active = widget._viewer.layers["cells"]
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton)  # which Points would not make a prompt, either
        assert "roll the axes back" in told(widget)
        back()
        assert told(widget) == ""
    assert np.array_equal(shown(widget), before)
    dims.set_point(0, 1)
    qtbot.waitUntil(lambda: annotation.session.ready and not widget.jobs.busy, timeout=20_000)
    commit(widget, qtbot, 1, 80, 100)
    assert shown(widget)[1, 80, 100] == 2
