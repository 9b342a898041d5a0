"""Boxes, scribbles and lassos, drawn with the mouse's own tools of a real viewer and by code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sam.predict.prompts import MaskPrompt
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.drawings import read_drawings

from .conftest import settle

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
