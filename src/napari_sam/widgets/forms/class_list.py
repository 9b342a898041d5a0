"""The list of classes in the dock: one is current, and all but "none" can be renamed in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam.session.classes import NONE

from ..controls.buttons import Button
from ..controls.tips import explain

if TYPE_CHECKING:
    from napari_sam.session.classes import Classes

SWATCH = 12
"""Side of a colour's square, in pixels."""
ROWS = 5
"""As many classes are seen at once."""
NAME = int(Qt.ItemDataRole.UserRole)


class ClassList(QWidget):
    """Setters for what is shown, signals for what was asked.

    Signals
    -------
    assign_asked : str
        The selected objects are to get a class; empty for none.
    add_asked : str
        A new one.
    rename_asked : str, str
        Another name for one.
    remove_asked : str
        One less.
    """

    assign_asked = Signal(str)
    add_asked = Signal(str)
    rename_asked = Signal(str, str)
    remove_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = QListWidget(self)
        self.list.setAccessibleName("Classes")
        self.list.setToolTip("Double-click a class to rename it")
        self.list.setMaximumHeight(ROWS * self.fontMetrics().lineSpacing() + 16)
        self.name = QLineEdit(self)
        self.name.setPlaceholderText("new class")
        self.name.setAccessibleName("Name of a new class")
        self.name.setToolTip("The name of a new class; Enter adds it")
        self.assign = Button("Give", self)
        self.assign.setAccessibleName("Give the current class")
        explain(self.assign, "Give the current class to the selected objects", "classify")
        self.add = Button("Add", self)
        self.add.setAccessibleName("Add a class")
        self.add.setToolTip("Add a class of this name")
        self.remove = Button("Remove", self)
        self.remove.setAccessibleName("Remove the current class")
        self.remove.setToolTip("Take the current class away from all objects and from the list")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        left, right = QVBoxLayout(), QVBoxLayout()
        left.addWidget(self.list)
        left.addWidget(self.name)
        for button in (self.assign, self.remove):
            right.addWidget(button)
        right.addStretch()
        right.addWidget(self.add)
        layout.addLayout(left, 1)
        layout.addLayout(right)
        self.list.itemChanged.connect(self._renamed)
        self.list.currentRowChanged.connect(self._show_current)
        self.assign.clicked.connect(lambda: self.assign_asked.emit(self.current))
        self.remove.clicked.connect(lambda: self.remove_asked.emit(self.current))
        self.add.clicked.connect(self._add)
        self.name.returnPressed.connect(self._add)

    @property
    def current(self) -> str:
        """The class that is given next; empty for none."""
        item = self.list.currentItem()
        return "" if item is None else str(item.data(NAME))

    def set_classes(self, classes: Classes, current: str) -> None:
        """Show these classes, with one of them current."""
        with QSignalBlocker(self.list):
            self.list.clear()
            for name in ("", *classes):
                item = QListWidgetItem(name or NONE)
                item.setData(NAME, name)
                if name:
                    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                swatch = QPixmap(SWATCH, SWATCH)
                swatch.fill(QColor(classes.colour(name)))
                item.setIcon(QIcon(swatch))
                self.list.addItem(item)
                if name == current:
                    self.list.setCurrentItem(item)
            if self.list.currentItem() is None:
                self.list.setCurrentRow(0)
        self._show_current()

    def _show_current(self) -> None:
        self.remove.setEnabled(bool(self.current))

    def _add(self) -> None:
        name = self.name.text()
        self.name.clear()
        self.add_asked.emit(name)

    def _renamed(self, item: QListWidgetItem) -> None:
        old = str(item.data(NAME))
        if item.text() != old:
            self.rename_asked.emit(old, item.text())
