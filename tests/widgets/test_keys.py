"""Keys that a person chooses, in a real viewer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QFocusEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.forms.key_page import ACTIONS, ASKED, KeyPage
from napari_sam.widgets.forms.pages import OBJECTS
from napari_sam.widgets.keys.keyboard import Keyboard
from napari_sam.widgets.keys.keymap import DEFAULTS, Keymap
from napari_sam.widgets.keys.pressed import _menu_item_of

Make = Callable[..., AnnotatorWidget]
pytestmark = pytest.mark.shown
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def choose(qtbot: Any, page: KeyPage, action: str, key: Any, modifier: Any = None) -> None:
    """Click on a row, and press a key."""
    table = page.table
    index = table.model().index(ACTIONS.index(action), 1)
    table.scrollTo(index)
    qtbot.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(table.visualRect(index).center())
    )
    assert table.item(index.row(), 1).text() == ASKED
    qtbot.keyClick(table, key, modifier or Qt.KeyboardModifier.NoModifier)


def opened(widget: AnnotatorWidget) -> KeyPage:
    """Bring the page of keys to the front, as a person has to."""
    widget.pages.setCurrentWidget(widget.key_page)
    return widget.key_page


def press(qtbot: Any, widget: AnnotatorWidget, key: Any, modifier: Any = None) -> None:
    """Press a key on the image."""
    canvas = widget._viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, key, modifier or Qt.KeyboardModifier.NoModifier)
    qtbot.waitUntil(lambda: not widget.jobs.busy, timeout=20_000)


def point(qtbot: Any, widget: AnnotatorWidget, *place: int) -> None:
    assert widget.annotation is not None
    widget.annotation.prompts.points.add(list(place))
    qtbot.waitUntil(lambda: bool(widget.annotation.session.proposals), timeout=20_000)  # type: ignore[union-attr]


def test_a_key_when_changed_then_acts_and_the_old_one_does_nothing_also_in_a_new_dock(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    page = opened(widget)
    choose(qtbot, page, "second", Qt.Key.Key_J)
    choose(qtbot, page, "undo", Qt.Key.Key_U, SHIFT)
    for _ in range(2):  # now, and after the dock was closed and opened again
        annotation = widget.annotation
        assert annotation is not None
        point(qtbot, widget, 40, 50)
        press(qtbot, widget, Qt.Key.Key_2)
        assert annotation.session.objects == ()
        press(qtbot, widget, Qt.Key.Key_J)
        assert len(annotation.session.objects) == 1
        press(qtbot, widget, Qt.Key.Key_Z, CONTROL)
        assert len(annotation.session.objects) == 1
        press(qtbot, widget, Qt.Key.Key_U, SHIFT)
        assert annotation.session.objects == ()
        viewer = widget._viewer
        widget.stop()
        viewer.window.remove_dock_widget(widget)
        widget = AnnotatorWidget(viewer)
        viewer.window.add_dock_widget(widget, name="again")
        qtbot.waitUntil(lambda widget=widget: not widget.jobs.busy, timeout=20_000)
        widget.start()
        qtbot.waitUntil(lambda widget=widget: not widget.jobs.busy, timeout=20_000)
    widget.stop()
    widget.jobs.close()


def test_a_key_when_changed_then_is_named_wherever_it_was(make_annotator: Make, qtbot: Any) -> None:
    widget = make_annotator()
    annotation, panel = widget.annotation, widget.panel
    assert annotation is not None
    point(qtbot, widget, 40, 50)
    page = opened(widget)
    for action, key in (
        ("second", Qt.Key.Key_J), ("commit", Qt.Key.Key_Space), ("clear", Qt.Key.Key_F9),
        ("points", Qt.Key.Key_Y), ("swap", Qt.Key.Key_T), ("accept", Qt.Key.Key_G),
        ("delete", Qt.Key.Key_W), ("follow", Qt.Key.Key_V), ("classify", Qt.Key.Key_U),
    ):  # fmt: skip
        choose(qtbot, page, action, key)
    assert [text.split()[0] for text in annotation.view.captions.features["caption"][-3:]] == ["1", "J", "3"]
    assert [button.text().split()[0] for button in panel.thumbnails.buttons] == ["1", "J", "3"]
    assert "<b>J</b>" in panel._steps.text()
    assert "<b>Space</b>" in panel._steps.text()
    assert panel.thumbnails.buttons[1].toolTip().endswith("(J)")
    assert panel.commit.toolTip().endswith("(Space)")
    assert panel.clear.toolTip().endswith("(F9)")
    assert panel.outside.toolTip().endswith("(T)")
    assert panel.segment_all.accept.toolTip().endswith("(G)")
    assert panel.stack.follow.toolTip().endswith("(V)")
    assert widget.object_panel.buttons["delete"].toolTip().endswith("(W)")
    assert widget.object_panel.classes.assign.toolTip().endswith("(U)")
    press(qtbot, widget, Qt.Key.Key_J)
    choose(qtbot, opened(widget), "undo", Qt.Key.Key_BracketLeft)
    annotation.editing.edit("delete", [annotation.session.objects[0].key])
    assert panel.status.text() == "Delete: 1 label. [ takes it back."
    annotation.writer.labels.paint((100, 20), 5)
    assert panel.status.text() == "Paint: 1 label. [ takes it back."


def test_defaults_when_pressed_then_every_action_has_its_first_key_and_the_table_of_objects_follows(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    page = opened(widget)
    choose(qtbot, page, "second", Qt.Key.Key_J)
    settings = Path(widget._file)
    assert json.loads(settings.read_text(encoding="utf-8"))["keys"] == {"second": "J"}
    qtbot.mouseClick(page.defaults, Qt.MouseButton.LeftButton)
    assert json.loads(settings.read_text(encoding="utf-8"))["keys"] == {}
    assert page.table.item(ACTIONS.index("second"), 1).text() == "2"
    point(qtbot, widget, 40, 50)
    press(qtbot, widget, Qt.Key.Key_2)
    assert widget.annotation is not None
    assert len(widget.annotation.session.objects) == 1
    choose(qtbot, opened(widget), "delete", Qt.Key.Key_W)
    widget.pages.setCurrentIndex(OBJECTS)
    widget.annotation.editing.selection.set([(1, ())])
    for key, left in ((Qt.Key.Key_X, 1), (Qt.Key.Key_W, 0)):
        QTest.keyClick(widget.object_panel.table, key)
        assert len(widget.annotation.session.objects) == left
    widget.annotation.undo()
    widget.annotation.editing.selection.set([(1, ())])
    widget.object_panel.set_keymap(Keymap.from_settings({"swap": "X"}))  # which leaves none to delete with
    for key in (Qt.Key.Key_X, Qt.Key.Key_Shift, Qt.Key.Key_Exclam):
        QTest.keyClick(widget.object_panel.table, key)
        assert len(widget.annotation.session.objects) == 1


def test_the_page_then_is_narrow_and_named_and_says_which_keys_are_taken(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    page = opened(widget)
    assert page.minimumSizeHint().width() <= 300
    assert widget.pages.minimumSizeHint().width() <= 300
    assert page.table.accessibleName()
    assert page.defaults.accessibleName()
    assert [action for action, key in DEFAULTS.items() if _menu_item_of(key)] == []
    row = ACTIONS.index("first")
    page.table.setCurrentCell(row, 0)
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert page.table.item(row, 1).text() == ASKED
    qtbot.keyClick(page.table, Qt.Key.Key_Shift)  # held for another key
    assert page.table.item(row, 1).text() == ASKED
    # there is no window manager to give focus to windows
    QApplication.sendEvent(page.table, QFocusEvent(QEvent.Type.FocusOut))
    assert page.table.item(row, 1).text() == "1"
    assert page.keymap == Keymap()
    mouse = page.table.item(len(ACTIONS), 0)
    assert mouse.flags() == Qt.ItemFlag.ItemIsEnabled  # written as clearly as the others
    assert "mouse" in mouse.toolTip()
    page.table.cellClicked.emit(len(ACTIONS), 0)
    assert page.table.waiting is None
    for action, key, modifier, said in (
        ("merge", Qt.Key.Key_X, None, "X is the key of 'delete an object'"),
        ("merge", Qt.Key.Key_O, CONTROL, "in napari's menus; choose another"),
        ("merge", Qt.Key.Key_Exclam, SHIFT, "napari does not hear of the key"),
    ):
        choose(qtbot, page, action, key, modifier)
        assert said in page.status.text()
        assert page.keymap == Keymap()
        assert page.table.item(ACTIONS.index(action), 1).text() == "M"
    for key, lost in (
        (Qt.Key.Key_Delete, "'delete selected points'"),
        (Qt.Key.Key_Space, "'hold for pan zoom'"),
        (Qt.Key.Key_J, ""),
    ):
        choose(qtbot, page, "reject", key)
        assert page.keymap["reject"]
        assert ("napari's" in page.status.text()) == bool(lost)
        assert lost in page.status.text()


@pytest.fixture
def layers() -> list[Any]:
    viewer = ViewerModel()
    return [viewer.add_labels(np.zeros((4, 4), int)), viewer.add_points(ndim=2)]


def pressed(layer: Any, key: str) -> bool:
    """Press a key on a layer; say whether it has one of its own for it."""
    act = next((act for binding, act in layer.keymap.items() if str(binding) == key), None)
    if act is not None:
        act(layer)
    return act is not None


def test_a_keyboard_when_keys_are_swapped_then_both_act_on_the_layers_that_they_are_for(
    layers: list[Any],
) -> None:
    labels, points = layers
    heard: list[str] = []
    keyboard = Keyboard(Keymap())
    keyboard.listen(labels, ("undo",))
    keyboard.on("undo", lambda: heard.append("undo"))
    keyboard.on("merge", lambda: heard.append("merge"))
    keyboard.listen(points)
    keyboard.use(Keymap.from_settings({"undo": "M", "merge": "Ctrl+Z"}))
    assert pressed(points, "M")
    assert pressed(points, "Ctrl+Z")
    assert pressed(labels, "M")
    assert not pressed(labels, "Ctrl+Z")
    assert heard == ["undo", "merge", "undo"]
    keyboard.close()
    assert labels.keymap == {}
    assert points.keymap == {}


def test_two_keyboards_when_they_listen_to_one_layer_then_the_last_is_heard_and_then_the_first_again(
    layers: list[Any],
) -> None:
    _, layer = layers
    heard: list[int] = []
    first, second = Keyboard(Keymap()), Keyboard(Keymap.from_settings({"undo": "G"}))
    for number, keyboard in enumerate((first, second)):
        keyboard.listen(layer)
        keyboard.on("undo", lambda number=number: heard.append(number))
    assert not pressed(layer, "Ctrl+Z")
    first.use(Keymap.from_settings({"undo": "W"}))
    assert pressed(layer, "G")
    assert not pressed(layer, "W")
    second.close()
    assert pressed(layer, "W")
    assert heard == [1, 0]
    second.listen(layer)
    first.close()
    second.on("undo", lambda: heard.append(1))
    assert pressed(layer, "G")
    second.close()
    assert layer.keymap == {}
