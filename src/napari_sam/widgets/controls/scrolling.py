"""Forms that are higher than the window: they scroll, so that docks fit the screen of a laptop."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QScrollArea, QWidget

LAID_OUT = 100
"""Milliseconds until what is shown has its place."""


class Revealing(QTimer):
    """Started when a part of a form is shown, scrolls until it is seen whole.

    Parameters
    ----------
    part : QWidget
        Which owns it; a function that knew it as well would be taken away before the timer, and crash.
    """

    def __init__(self, part: QWidget) -> None:
        super().__init__(part)
        self.setSingleShot(True)
        self.setInterval(LAID_OUT)
        self.timeout.connect(self._reveal)

    def _reveal(self) -> None:
        part = area = self.parent()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parent()
        if area is not None and isinstance(part, QWidget) and part.isVisible():
            area.ensureWidgetVisible(part, 0, 0)


def scrolled(panel: QWidget) -> QScrollArea:
    """Let a panel be higher than the room that there is, but no wider."""
    area = QScrollArea()
    area.setWidget(panel)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    bar = area.verticalScrollBar()
    area.setMinimumWidth(panel.minimumSizeHint().width() + (bar.sizeHint().width() if bar else 0))
    return area
