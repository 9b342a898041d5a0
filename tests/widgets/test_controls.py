"""Every control of both docks: named for screen readers, explained, and readable in a narrow dock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QDockWidget,
    QHeaderView,
    QLabel,
    QLineEdit,
    QProgressBar,
    QScrollBar,
    QStyleOptionComboBox,
    QTabBar,
    QTableView,
    QToolButton,
    QWidget,
)

from napari_sam.automatic.thresholds import THRESHOLDS
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.batch.batch import BatchWidget
from napari_sam.widgets.forms.object_model import CLASS, HEADERS
from napari_sam.widgets.forms.pages import OBJECTS
from napari_sam.widgets.forms.panel import Panel

from .conftest import settle

Make = Callable[..., AnnotatorWidget]
pytestmark = pytest.mark.shown
CONTROLS = (
    QAbstractButton, QComboBox, QLineEdit, QAbstractSpinBox, QAbstractSlider, QAbstractItemView,
    QProgressBar, QTabBar,
)  # fmt: skip
QTS_OWN = (QScrollBar, QHeaderView)
"""Qt names them by what they are part of."""
NARROW, LAPTOP = 300, 740
"""Pixels of a narrow dock, and of a laptop's screen below its bars."""

WINDOW = QPalette.ColorRole.Window
READABLE = 4.5
"""Contrast that small text needs, as WCAG 2 measures it."""


def contrast(one: QColor, other: QColor) -> float:
    """Return how much lighter one colour is than the other."""
    rgb = np.array([each.getRgbF()[:3] for each in (one, other)])
    light = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92) @ (0.2126, 0.7152, 0.0722)
    return float((light.max() + 0.05) / (light.min() + 0.05))


def controls(root: QWidget) -> Iterator[QWidget]:
    """Yield what a person can press, move or fill in, seen now or not."""
    for each in root.findChildren(QWidget):
        whole = each.parent()
        part = isinstance(whole, QAbstractSpinBox | QTabBar | QTableView)
        popup = each.window() is not root.window()
        if isinstance(each, CONTROLS) and not isinstance(each, QTS_OWN) and not part and not popup:
            yield each


def name_of(control: QWidget) -> str:
    """Return what a screen reader says, which is a button's text unless it has a name."""
    written = control.text() if isinstance(control, QAbstractButton) else ""
    return str(control.accessibleName() or written)


def cut(root: QWidget) -> list[str]:
    """Return the texts that are seen and have less room than they take."""
    found = []
    for each in root.findChildren(QWidget):
        if not each.isVisible() or not isinstance(each, QAbstractButton | QLabel):
            continue
        if isinstance(each, QLabel) and each.wordWrap():
            continue
        text = each.text()
        lines = [each.fontMetrics().horizontalAdvance(line) for line in text.splitlines()]
        box = 24 if isinstance(each, QCheckBox) else 0
        if lines and max(lines) + box > each.width():
            found.append(text)
    return found


def dock_of(widget: QWidget) -> QDockWidget:
    """Return what napari puts a widget into."""
    dock = widget.parent()
    while not isinstance(dock, QDockWidget):
        dock = dock.parent()
    return dock


def narrowed(widget: QWidget, viewer: Any) -> None:
    """Make the dock as narrow as it may be."""
    dock = dock_of(widget)
    viewer.window._qt_window.resizeDocks([dock], [NARROW], Qt.Orientation.Horizontal)
    QApplication.processEvents()
    assert dock.width() == NARROW


@pytest.fixture
def full(make_annotator: Make, qtbot: Any) -> AnnotatorWidget:
    """Return the dock with all that it can show: a stack of channels, candidates, proposals, objects."""
    image = np.zeros((2, 3, 96, 120), np.uint8)
    image[..., 20:40, 30:50] = 200
    widget = make_annotator(image, start=False, axis_labels=("c", "z", "y", "x"))
    narrowed(widget, widget._viewer)
    widget.start()
    settle(qtbot, widget)
    annotation = widget.annotation
    assert annotation is not None
    for row in (30, 60):
        annotation.prompts.points.add((1, row, 40))
        settle(qtbot, widget)
        annotation.commit()
    assert len(annotation.session.objects) == 2
    annotation.prompts.points.add((1, 30, 90))
    settle(qtbot, widget)
    panel = widget.panel.segment_all
    panel.set_thresholds(THRESHOLDS["instances"], {each.name: each.most for each in THRESHOLDS["instances"]})
    panel.set_counts(1234, 1000, 12)
    panel.set_current("1000 of 1234, score 0.56")
    widget.object_panel.classes.name.setText("mitotic")
    widget.object_panel.classes.add.click()
    return widget


def cuts_no_text(full: AnnotatorWidget) -> None:
    """Assert that all is seen whole in the narrow dock."""
    assert [button.isEnabled() for button in full.panel.thumbnails.buttons] == [True] * 3
    full.pages.fail("Where nobody scrolled to")
    for index in range(full.pages.count()):
        full.pages.setCurrentIndex(index)
        QApplication.processEvents()
        assert cut(full) == []
        assert full.panel.status.isVisible()
        assert full.panel.status.visibleRegion().boundingRect().height() == full.panel.status.height()
    full.pages.setCurrentIndex(OBJECTS)
    QApplication.processEvents()
    assert not full.object_panel.table.horizontalScrollBar().isVisible()
    columns = [full.object_panel.table.columnWidth(index) for index in range(len(HEADERS))]
    assert columns[HEADERS.index("plane")] > 0
    assert columns[CLASS] >= columns[HEADERS.index("area")]


def widens_for_large_letters(full: AnnotatorWidget, monkeypatch: pytest.MonkeyPatch, qtbot: Any) -> None:
    """Assert that the dock becomes as wide as its buttons once napari's letters are larger."""
    area = full.pages.widget(0)
    with monkeypatch.context() as larger:
        larger.setattr(get_settings().appearance, "font_size", 16)
        full.pages.setCurrentIndex(0)
        qtbot.waitUntil(lambda: NARROW < full.panel.width() == area.viewport().width())
        assert cut(full) == []


def seen_whole(part: QWidget) -> bool:
    """Say whether no scrolling hides a part."""
    return part.isVisible() and part.visibleRegion().boundingRect() == part.rect()


def shows_what_is_next(full: AnnotatorWidget, qtbot: Any) -> None:
    """Assert that a low dock scrolls to what is possible now, and fits a laptop's screen below napari's."""
    window, dock = full._viewer.window._qt_window, dock_of(full)
    area, review = full.pages.widget(0), full.panel.segment_all._review
    window.resize(window.width(), 700)
    full.panel.segment_all.set_counts(0, 0, 0)
    area.verticalScrollBar().setValue(0)
    QApplication.processEvents()
    assert not seen_whole(full.panel.commit)
    full.pages.set_running(True)
    qtbot.waitUntil(lambda: seen_whole(full.panel.commit))
    full.panel.segment_all.set_counts(5, 5, 0)
    qtbot.waitUntil(lambda: seen_whole(review))
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    QApplication.processEvents()
    assert window.minimumSizeHint().height() <= LAPTOP
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)


def leaves_the_keys_alone(full: AnnotatorWidget, qtbot: Any) -> None:
    """Assert that Enter in a field commits nothing, on a button presses it, and no button takes over."""
    assert full.annotation is not None
    assert len(full.annotation.session.proposals) == 1
    for field in full.panel.segment_all.score.findChildren(QLineEdit):
        field.setFocus()
        qtbot.keyClick(field, Qt.Key.Key_Return)
    assert len(full.annotation.session.objects) == 2
    boxes = next(each for each in full.panel.findChildren(QAbstractButton) if each.text() == "Boxes")
    for button in (boxes, full.panel.outside):
        pressed: list[object] = []
        button.clicked.connect(lambda *_, pressed=pressed: pressed.append(None))  # PySide6 gives no argument
        button.setFocus()
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            qtbot.keyClick(button, key)
        assert len(pressed) == 3
    assert len(full.annotation.session.objects) == 2
    commit = full.panel.commit
    commit.setEnabled(True)
    commit.setFocus()
    assert full.window().focusWidget() is commit
    qtbot.keyClick(commit, Qt.Key.Key_Tab)
    assert full.window().focusWidget() is full.panel.clear
    full.panel.clear.setEnabled(False)
    assert full.window().focusWidget() is None


def named_and_explained(full: AnnotatorWidget) -> None:
    """Assert that every control of both docks has a name and a tooltip."""
    batch = BatchWidget(full._viewer)
    full._viewer.window.add_dock_widget(batch, name="batch")
    batch.panel.computing.model.addItem("a model with a long name (download 1250 MB)")
    assert batch.panel.minimumSizeHint().width() <= NARROW
    assert batch.panel.out.minimumWidth() >= batch.fontMetrics().horizontalAdvance("my labels")
    assert full._viewer.window._qt_window.minimumSizeHint().height() <= LAPTOP
    for dock in (full, batch):
        there = list(controls(dock))
        assert len(there) > 10
        assert [each for each in there if not name_of(each)] == []
        assert [name_of(each) for each in there if not each.toolTip()] == []
    assert full.panel.channels.isVisible()
    assert full.panel.stack.isVisible()
    bar = full.pages.tabBar()
    assert bar.accessibleName()
    assert all(bar.tabToolTip(index) for index in range(bar.count()))
    batch.jobs.close()
    batch.opening.close()


def tabbed(start: QWidget, root: QWidget) -> list[str]:
    """Return the names of the controls through which the Tab key goes, within a widget."""
    found, each = [], start
    while each is not None and root.isAncestorOf(each):
        tabs = each.focusPolicy() & Qt.FocusPolicy.TabFocus and each.focusProxy() is None
        if tabs and each.isVisible() and each.isEnabled():
            found.append(name_of(each))
        each = each.nextInFocusChain()
        if each is start:
            break
    return found


def tabs_as_seen(full: AnnotatorWidget) -> None:
    """Assert that the Tab key goes from top to bottom, through tables as well."""
    page = full.object_panel
    full.pages.setCurrentIndex(OBJECTS)
    assert not page.table.tabKeyNavigation()  # which leads from cell to cell, and never out
    there = ["Objects", "Undo", "Overlaps", "Classes", "Remove the current class", "Add a class", "Save…"]
    assert [name for name in tabbed(page.table, page) if name in there] == there
    full.pages.setCurrentIndex(0)
    started = tabbed(full.panel.start, full.panel)
    names = [
        "Start",
        "Draw points",
        "Clicks are outside the cell",
        "Commit",
        "Axis of planes",
        "Follow",
        "In view",
    ]
    assert [name for name in started if name in names] == names
    assert "" not in tabbed(full.pages.tabBar(), full)


def test_a_narrow_dock_then_cuts_no_text_names_every_control_shows_what_is_next_and_ends_where_start_is(
    full: AnnotatorWidget, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    cuts_no_text(full)
    full.pages.setCurrentIndex(0)
    tabs_as_seen(full)
    leaves_the_keys_alone(full, qtbot)
    shows_what_is_next(full, qtbot)
    named_and_explained(full)
    widens_for_large_letters(full, monkeypatch, qtbot)
    full.pages.setCurrentIndex(OBJECTS)
    full._viewer.layers.remove("cells")
    assert "was removed" in full.panel.status.text()
    assert full.panel.start.isVisible()


def test_a_plane_shows_no_stack_pictures_use_all_pixels_and_a_layers_long_name_is_in_the_tooltip(
    make_annotator: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make_annotator()
    assert not widget.panel.stack.isVisible()
    assert widget.annotation is not None
    sizes = []
    for ratio in (1.0, 2.0):
        monkeypatch.setattr(type(widget.panel.thumbnails), "devicePixelRatioF", lambda _, ratio=ratio: ratio)
        widget.annotation.prompts.points.add((40, 50 + 10 * ratio))
        settle(qtbot, widget)
        buttons: list[QToolButton] = widget.panel.thumbnails.buttons
        sizes.append([size.width() for each in buttons for size in each.icon().availableSizes()])
        widget.annotation.clear()
    assert len(sizes[0]) == 3
    assert sizes[1] == [2 * width for width in sizes[0]]

    widget.stop()
    settle(qtbot, widget)
    name = "2026-11-26 plate 3 well B07 field 12 DAPI, FITC, Cy5 - background subtracted"
    widget._viewer.add_image(np.zeros((8, 8), np.uint8), name=name)
    combo = widget.panel.image
    assert combo.itemData(combo.findText(name), Qt.ItemDataRole.ToolTipRole) == name
    combo.setCurrentText(name)
    combo.resize(160, combo.height())
    drawn = QStyleOptionComboBox()
    combo.initStyleOption(drawn)
    assert drawn.currentText.startswith(name[:4])
    assert drawn.currentText.endswith(name[-4:])  # by which those of a series differ
    assert combo.fontMetrics().horizontalAdvance(drawn.currentText) < 160
    assert combo.currentText() == name
    assert widget.panel.minimumSizeHint().width() <= NARROW

    status = widget.panel.status
    for theme in ("light", "dark"):
        widget._viewer.theme = theme
        QApplication.processEvents()
        widget.pages.fail("The layer '<b>cells</b>' went wrong.")
        QApplication.processEvents()
        red, ground = status.palette().color(status.foregroundRole()), widget.palette().color(WINDOW)
        assert contrast(red, ground) > READABLE, theme
    assert status.textFormat() == Qt.TextFormat.PlainText  # or the layer's name would be bold, without <b>


def test_tooltips_when_start_means_stop_and_another_candidate_is_marked_then_they_say_what_is_done(
    qtbot: Any,
) -> None:
    panel = Panel()
    qtbot.addWidget(panel)
    before = panel.start.toolTip()
    panel.set_running(True)
    assert panel.start.toolTip() == "End the session; its labels stay"
    assert "marked *" in panel.commit.toolTip()
    panel.set_running(False)
    assert panel.start.toolTip() == before != ""
