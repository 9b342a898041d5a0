"""Forms that are higher than the window: they scroll, so that docks fit the screen of a laptop."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea, QWidget


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
