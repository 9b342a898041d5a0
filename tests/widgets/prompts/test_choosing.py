"""Choosing among candidates with the pointer, the wheel and the keys, in a real viewer."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Points
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_sam.weights import LoadedModel
from napari_sam.widgets.annotating.annotation import Annotation
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.layers.planes import camera_of

from ..conftest import settle

Make = Callable[..., AnnotatorWidget]
pytestmark = pytest.mark.shown
NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


def running(widget: AnnotatorWidget) -> Annotation:
    assert widget.annotation is not None
    return widget.annotation


class Pointer:
    """A mouse on napari's canvas."""

    def __init__(self, qtbot: Any, widget: AnnotatorWidget) -> None:
        self._qtbot, self._widget = qtbot, widget
        self._canvas = widget._viewer.window._qt_viewer.canvas.native

    def at(self, row: float, col: float) -> QPoint:
        camera = camera_of(self._widget._viewer)
        way = (np.array([row, col]) - np.asarray(camera.center[-2:])) * camera.zoom
        return QPoint(round(self._canvas.width() / 2 + way[1]), round(self._canvas.height() / 2 + way[0]))

    def move(self, row: float, col: float) -> None:
        place = QPointF(self.at(row, col))
        none = Qt.MouseButton.NoButton
        everywhere = QPointF(self._canvas.mapToGlobal(place.toPoint()))

        def arrived() -> bool:
            # sent again, since moves that follow each other quickly are dropped
            event = QMouseEvent(QEvent.Type.MouseMove, place, everywhere, none, none, NONE)
            QApplication.sendEvent(self._canvas, event)
            return bool(np.allclose(self._widget._viewer.cursor.position, (row, col), atol=0.5))

        self._qtbot.waitUntil(arrived, timeout=20_000)

    def click(self, row: float, col: float, modifier: Qt.KeyboardModifier = NONE) -> None:
        QTest.mouseClick(self._canvas, Qt.MouseButton.LeftButton, modifier, self.at(row, col))
        settle(self._qtbot, self._widget)

    def wheel(self, row: float, col: float, notches: int, modifier: Qt.KeyboardModifier) -> None:
        place = QPointF(self.at(row, col))
        event = QWheelEvent(
            place,
            QPointF(self._canvas.mapToGlobal(place.toPoint())),
            QPoint(),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            modifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(self._canvas, event)

    def key(self, key: Qt.Key) -> None:
        self._qtbot.keyClick(self._canvas, key)
        settle(self._qtbot, self._widget)


def stars(widget: AnnotatorWidget) -> list[bool]:
    return [button.text().endswith("*") for button in widget.panel.thumbnails.buttons]


def test_the_pointer_fills_the_wheel_marks_enter_takes_the_marked_and_stop_leaves_no_callbacks(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    viewer = widget._viewer
    lists = (viewer.mouse_move_callbacks, viewer.mouse_wheel_callbacks, viewer.mouse_drag_callbacks)
    before = [len(each) for each in lists]
    widget.start()
    settle(qtbot, widget)
    assert [len(each) for each in lists] != before
    annotation, pointer = running(widget), Pointer(qtbot, widget)
    view, chooser = annotation.view, annotation.chooser
    pointer.click(60, 80)
    offer = chooser.offer
    assert offer is not None
    assert len(offer.shown) == 3
    # over the small one, over the ring that only the largest covers, and beside all
    large = offer.candidates.items[offer.shown[2]]
    pointer.move(60, 80)
    assert view.filled == offer.shown[0]
    assert len(view.filling.data) == offer.candidates.items[offer.shown[0]].mask.shape[0]
    pointer.move(60, large.bbox[3])
    assert view.filled == offer.shown[2]
    pointer.move(60, large.bbox[3] + 12)
    assert view.filled is None
    assert len(view.filling.data) == 0
    zoom = camera_of(widget._viewer).zoom
    for _ in range(3):
        pointer.wheel(60, 80, 1, SHIFT)
    assert stars(widget) == [False, False, True]
    assert view.filled == offer.shown[2]
    pointer.wheel(60, 80, -1, SHIFT)
    assert stars(widget) == [False, True, False]
    assert view.captions.features["caption"].tolist()[-2].endswith("*")
    assert camera_of(widget._viewer).zoom == zoom
    pointer.wheel(60, 80, 1, SHIFT)
    pointer.key(Qt.Key.Key_Return)
    labels = annotation.writer.labels.data
    assert np.array_equal(labels == 1, offer.candidates.masks[offer.shown[2]])
    widget.stop()
    assert [len(each) for each in lists] == before
    settle(qtbot, widget)
    assert not any(isinstance(layer, Points) for layer in viewer.layers)


def test_a_shift_click_takes_the_candidate_under_the_pointer_and_adds_no_point(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    annotation, pointer = running(widget), Pointer(qtbot, widget)
    pointer.click(60, 80)
    offer = annotation.chooser.offer
    assert offer is not None
    ring = offer.candidates.items[offer.shown[1]].bbox[3]
    pointer.click(60, ring, SHIFT)
    labels = annotation.writer.labels.data
    assert np.array_equal(labels == 1, offer.candidates.masks[offer.shown[1]])
    assert len(annotation.prompts.points.data) == 0
    assert annotation.prompts.points.mode == "add"
    pointer.click(30, 60, SHIFT)  # over none: a point as ever
    pointer.click(40, 100, Qt.KeyboardModifier.ControlModifier)
    kinds = annotation.prompts.points.features["label"].tolist()
    assert kinds == ["inside", "outside"]


def test_a_marked_candidate_is_refined_and_a_committed_choice_reopened(
    make_annotator: Make, qtbot: Any, discs: LoadedModel
) -> None:
    widget = make_annotator()
    annotation, pointer = running(widget), Pointer(qtbot, widget)
    pointer.click(60, 80)
    offer = annotation.chooser.offer
    assert offer is not None
    assert discs.sam.seen.masks is None
    largest = offer.shown[2]
    pointer.key(Qt.Key.Key_3)
    assert len(annotation.session.objects) == 1
    pointer.key(Qt.Key.Key_R)
    assert len(annotation.session.objects) == 1
    assert annotation.writer.labels.data.any()
    assert len(annotation.prompts.points.data) == 1
    assert annotation.chooser.index == largest
    assert stars(widget) == [False, False, True]
    reopened = annotation.chooser.offer
    assert reopened is not None
    assert reopened.candidates.items[largest].area == offer.candidates.items[largest].area
    pointer.click(66, 84)
    (proposal,) = annotation.session.proposals
    assert proposal.prompts.mask is not None
    assert np.array_equal(proposal.prompts.mask.logits, offer.candidates.items[largest].logits)
    assert len(proposal.candidates) == 1
    pointer.key(Qt.Key.Key_Escape)
    pointer.click(60, 80)
    assert annotation.session.proposals[0].prompts.mask is None
    pointer.key(Qt.Key.Key_Escape)
    pointer.key(Qt.Key.Key_R)
    assert "Reopened label 1" in widget.panel.status.text()
    pointer.key(Qt.Key.Key_1)
    assert [each.id for each in annotation.session.objects] == [1]
    assert annotation.session.objects[0].area < offer.candidates.items[largest].area


def test_choices_are_learned_kept_suggested_next_time_and_forgotten_by_a_button(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    annotation, pointer = running(widget), Pointer(qtbot, widget)
    model_suggests = None
    for _ in range(5):
        pointer.click(60, 80)
        offer = annotation.chooser.offer
        assert offer is not None
        model_suggests = offer.candidates.best
        pointer.key(Qt.Key.Key_3)
    assert model_suggests != offer.shown[2]
    kept = json.loads((Path(os.environ["NAPARI_SAM_CONFIG"]) / "preference.json").read_text())
    assert kept["choices"] == 5
    assert kept["cluster"] > 0
    assert widget.panel.learned.text() == "* learned from 5 choices of yours"
    assert "cluster" in widget.panel.learned.toolTip()
    widget.stop()
    widget.start()
    settle(qtbot, widget)
    pointer.click(60, 80)
    assert stars(widget) == [False, False, True]
    pointer.key(Qt.Key.Key_Escape)
    qtbot.mouseClick(widget.panel.forget, Qt.MouseButton.LeftButton)
    assert not widget.panel.learned.isVisible()
    pointer.click(60, 80)
    assert running(widget).chooser.offer.suggested == model_suggests  # type: ignore[union-attr]


def test_the_dock_is_remembered_and_narrow(make_annotator: Make, qtbot: Any) -> None:
    widget = make_annotator(start=False)
    panel = widget.panel
    assert panel.hint.isVisible()
    assert panel.minimumSizeHint().width() <= 300
    qtbot.mouseClick(panel.hint_button, Qt.MouseButton.LeftButton)
    panel.model.setCurrentIndex(panel.model.findData("vit_b"))
    panel.device.setCurrentText("cpu")
    widget.start()
    settle(qtbot, widget)
    again = AnnotatorWidget(widget._viewer)
    widget._viewer.window.add_dock_widget(again, name="again")
    settle(qtbot, again)
    assert not again.panel.hint.isVisible()
    assert again.panel.model.currentData() == "vit_b"
    assert again.panel.device.currentText() == "cpu"
    again.start()  # on the labels that the other dock writes into: both would lose its undo
    assert again.annotation is None
    assert "press Stop there" in again.panel.status.text()
    widget.stop()
    again.jobs.close()
