"""Boxes, scribbles and lassos, drawn with the mouse's own tools of a real viewer and by code."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from qtpy.QtCore import Qt

from napari_sam.predict.prompts import MaskPrompt
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.prompts.drawings import read_drawings

from ..conftest import settle

LINE = np.array([(20.0, 20.0), (20.0, 60.0)])
AROUND = np.array([(30.0, 40.0), (30.0, 60.0), (60.0, 60.0), (60.0, 40.0)])


def test_drawings_of_every_kind_then_become_boxes_masks_and_points_of_their_plane() -> None:
    def placed(vertices: np.ndarray, plane: int) -> np.ndarray:
        return np.column_stack([np.full(len(vertices), plane), vertices])

    drawings = [
        (placed(LINE, 2), "path", True), (placed(LINE, 1), "path", True),
        (placed(LINE + 30, 2), "line", False),
        (placed(AROUND, 2), "polygon", True), (placed(AROUND, 2), "polygon", False),
        (placed(AROUND, 2), "rectangle", True), (placed(AROUND * 0.01, 2), "rectangle", True),
        (placed(AROUND + 500, 2), "polygon", True),
    ]  # fmt: skip
    drawn = read_drawings(drawings, (2,), (120, 80))
    assert np.allclose(drawn.points[:3], [(20, 20 + 40 / 6), (20, 40), (20, 60 - 40 / 6)])
    assert drawn.labels.tolist() == [1, 1, 1, 0, 0, 0]  # the second line leaves the plane after two points
    (lasso, mask), (box, nothing) = drawn.marks
    assert box == (30, 40, 60, 60)
    assert np.allclose(lasso, box, atol=1)
    assert isinstance(mask, MaskPrompt)
    assert nothing is None


def test_lassos_then_are_one_object_each_and_a_reopened_one_is_asked_with_again(
    make_annotator: Callable[..., AnnotatorWidget], qtbot: Any
) -> None:
    widget = make_annotator()
    annotation = widget.annotation
    assert annotation is not None
    annotation.prompts.use_lassos()
    annotation.prompts.boxes.add_polygons([AROUND])
    settle(qtbot, widget)
    annotation.commit()
    (made,) = annotation.session.objects
    annotation.editing.reopen()
    settle(qtbot, widget)
    (proposal,) = annotation.session.proposals
    assert made.prompts is not None
    assert proposal.prompts.mask is made.prompts.mask
    annotation.clear()
    annotation.prompts.use_lassos()
    annotation.prompts.boxes.add_polygons([AROUND, AROUND + np.array([40, 60])])
    settle(qtbot, widget)
    assert [each.prompts.mask is not None for each in annotation.session.proposals] == [True, True]
    annotation.commit()
    assert len(annotation.session.objects) == 3


@pytest.mark.shown
def test_a_scribble_and_a_lasso_when_chosen_by_key_and_drawn_then_are_answered_and_committed(
    make_annotator: Callable[..., AnnotatorWidget], qtbot: Any
) -> None:
    widget = make_annotator()
    annotation = widget.annotation
    assert annotation is not None
    canvas = widget._viewer.window._qt_viewer.canvas.native
    for key, mode in (
        (Qt.Key.Key_K, "add_path"), (Qt.Key.Key_L, "add_polygon_lasso"), (Qt.Key.Key_B, "add_rectangle"),
    ):  # fmt: skip
        qtbot.keyClick(canvas, key)
        assert annotation.prompts.boxes.mode == mode
    prompts, session = annotation.prompts, annotation.session
    widget._use_tool("scribbles")
    assert prompts.boxes.mode == "add_path"
    prompts.boxes.add_paths([LINE])
    settle(qtbot, widget)
    assert session.proposals[0].prompts.labels.tolist() == [1, 1, 1]
    prompts.positive = False
    prompts.boxes.add_paths([LINE + 30])
    settle(qtbot, widget)
    assert session.proposals[0].prompts.labels.tolist() == [1, 1, 1, 0, 0, 0]
    assert len({tuple(colour) for colour in prompts.boxes.edge_color}) == 2
    annotation.commit()
    assert len(prompts.boxes.data) == 0
    prompts.positive = True
    widget._use_tool("lassos")
    assert prompts.boxes.mode == "add_polygon_lasso"
    prompts.boxes.add_polygons([AROUND])
    settle(qtbot, widget)
    (proposal,) = session.proposals
    assert isinstance(proposal.prompts.mask, MaskPrompt)
    assert proposal.prompts.box is not None
    annotation.commit()
    assert [each.id for each in session.objects] == [1, 2]


class Drag:
    """A mouse button that is held in the layer of boxes, scribbles and lassos."""

    def __init__(self, layer: Any, *places: tuple[float, ...]) -> None:
        self._layer = layer
        self._event = SimpleNamespace(
            type="mouse_press", modifiers=(), button=1, is_dragging=True, handled=False,
            view_direction=None, dims_displayed=list(layer._slice_input.displayed),
        )  # fmt: skip
        self._at(places[0])
        mouse_press_callbacks(layer, self._event)
        self._event.type = "mouse_move"
        for place in places[1:]:
            self.move(*place)

    def _at(self, place: tuple[float, ...]) -> None:
        self._event.position, self._event.pos = place, 20 * np.array(place[-2:])

    def move(self, *place: float) -> None:
        self._at(place)
        mouse_move_callbacks(self._layer, self._event)

    def release(self) -> None:
        self._event.type = "mouse_release"
        mouse_release_callbacks(self._layer, self._event)


def test_what_is_half_drawn_when_something_else_is_done_then_goes_and_the_button_may_be_released(
    make_annotator: Callable[..., AnnotatorWidget], qtbot: Any
) -> None:
    widget = make_annotator(np.zeros((2, 120, 160), np.uint8))
    annotation = widget.annotation
    assert annotation is not None
    prompts, viewer = annotation.prompts, widget._viewer
    viewer.dims.set_current_step(0, 0)
    prompts.points.add([0, 90, 120])
    settle(qtbot, widget)
    annotation.commit()
    corners = [(0.0, *corner) for corner in AROUND]
    doings = (
        annotation.clear, prompts.use_scribbles, prompts.use_boxes, prompts.use_points, annotation.undo,
        lambda: viewer.dims.set_current_step(0, 1),
    )  # fmt: skip
    for tool in ("lassos", "scribbles", "boxes"):
        for otherwise in doings:
            widget._use_tool(tool)
            drag = Drag(prompts.boxes, *corners[:3])
            assert len(prompts.boxes.data) == 1
            otherwise()
            drag.move(*corners[3])
            drag.release()
            assert len(prompts.boxes.data) == len(prompts.boxes.features) == 0
            assert len(annotation.session.objects) == 1
        assert widget.panel.status.text() == "Dropped what was half drawn."
        viewer.dims.set_current_step(0, 0)
    qtbot.waitUntil(lambda: annotation.session.ready, timeout=20_000)
    Drag(prompts.boxes, *corners).release()
    settle(qtbot, widget)
    assert len(annotation.session.proposals) == 1


def test_lines_when_too_short_then_leave_no_trace_on_the_next_ones(
    make_annotator: Callable[..., AnnotatorWidget], qtbot: Any
) -> None:
    widget = make_annotator()
    annotation = widget.annotation
    assert annotation is not None
    prompts = annotation.prompts
    for tool in ("lassos", "scribbles"):
        prompts.points.add([90, 120])
        prompts.positive = False
        widget._use_tool(tool)
        for _ in range(2):
            Drag(prompts.boxes, (20, 20)).release()
        assert len(prompts.boxes.data) == 0
        prompts.positive = True
        Drag(prompts.boxes, *map(tuple, AROUND)).release()
        settle(qtbot, widget)
        assert 0 not in annotation.session.proposals[0].prompts.labels
        for left in ([[1]], []):
            annotation.undo()
            settle(qtbot, widget)
            assert [each.prompts.labels.tolist() for each in annotation.session.proposals] == left
