"""The dock's section "Stack": what can be done to objects of several planes."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QVBoxLayout, QWidget
from superqt import QCollapsible

from ..controls.buttons import button, explain_folding
from ..controls.progress_row import ProgressRow
from ..controls.tips import explain


class StackPanel(QWidget):
    """Setters for what is shown, signals for what was asked; shown for stacks alone.

    Signals
    -------
    follow_asked, join_asked, link_asked, track_asked, cancel_asked
        A button was pressed.
    """

    follow_asked = Signal()
    join_asked = Signal()
    link_asked = Signal()
    track_asked = Signal()
    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axis = QComboBox(self)
        self.axis.setAccessibleName("Axis of planes")
        self.axis.setToolTip("The axis along which objects are followed, linked and tracked")
        asked = (
            (
                "Follow",
                "Follow the last object through the planes; by key: the one pointed at",
                "follow",
            ),
            ("Join", "Let the last commit be one object with the one before, in another plane", "join"),
            ("Link planes", "Give masks that overlap from plane to plane one label, in a new layer", "link"),
            ("Track", "Find each object again in the next frame, also after divisions", "track"),
        )
        self.follow, self.join, self.link, self.track = (
            button(self, title, tip, getattr(self, f"{name}_asked").emit) for title, tip, name in asked
        )
        explain(self.follow, asked[0][1], "follow")
        self.progress = ProgressRow(self)
        self.progress.cancel_asked.connect(self.cancel_asked)
        grid = QGridLayout()
        grid.addWidget(QLabel("Along", self), 0, 0)
        grid.addWidget(self.axis, 0, 1)
        for index, each in enumerate((self.follow, self.join, self.link, self.track)):
            grid.addWidget(each, 1 + index // 2, index % 2)
        inside = QWidget(self)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(grid)
        column.addWidget(self.progress)
        section = QCollapsible("Stack", self)
        explain_folding(section)
        section.addWidget(inside)
        section.expand(animate=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(section)
        self.set_axes({})

    @property
    def chosen_axis(self) -> int | None:
        """The axis that objects go along; None where there is no stack."""
        axis: int | None = self.axis.currentData()
        return axis

    def set_axes(self, titles: Mapping[int, str], chosen: int | None = None) -> None:
        """Offer axes of planes, one of them chosen; without any there is no stack."""
        with QSignalBlocker(self.axis):
            self.axis.clear()
            for axis, title in titles.items():
                self.axis.addItem(title, axis)
            self.axis.setCurrentIndex(max(self.axis.findData(chosen), 0))
        self.setVisible(bool(titles))

    def set_busy(self, busy: bool) -> None:
        """Enable what can be asked while nothing is going on."""
        for each in (self.axis, self.follow, self.join, self.link, self.track):
            each.setEnabled(not busy)
