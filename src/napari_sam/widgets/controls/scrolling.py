"""Forms that are higher than the window: they scroll, so that docks fit the screen of a laptop."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
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


class Scrolled(QScrollArea):
    """Lets a panel be higher than the room that there is, but no wider, whatever the size of letters is.

    Parameters
    ----------
    panel : QWidget
    """

    def __init__(self, panel: QWidget) -> None:
        super().__init__()
        self.setWidget(panel)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what has the focus in it is scrolled to
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return a size in which all of the panel's width is seen."""
        size = super().minimumSizeHint()
        panel, bar = self.widget(), self.verticalScrollBar()
        if panel is not None and bar is not None:
            size.setWidth(panel.minimumSizeHint().width() + bar.sizeHint().width())
        return size

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 (Qt's name)
        """Hear that the panel needs another size, as in larger letters."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)
