"""How far a job is, with a button to stop it."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from ..background.resting import after_rest
from .buttons import button
from .progress_bar import ProgressBar

PATIENCE = 250
"""Milliseconds until a job is worth a progress bar."""


class ProgressRow(QWidget):
    """A bar and a button, shown while something goes on that takes a while.

    Signals
    -------
    cancel_asked
        The button was pressed.
    """

    cancel_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.bar = ProgressBar(self)
        self.cancel = button(self, "Cancel", "Stop what is going on", self.cancel_asked.emit)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        self._timer = after_rest(self, lambda: self.setVisible(True), PATIENCE)
        self.setVisible(False)

    def begin(self, title: str) -> None:
        """Show that something is going on, if it takes a while."""
        self.bar.setRange(0, 0)
        self.bar.setFormat(title)
        self._timer.start()

    def show_progress(self, done: int, total: int) -> None:
        """Show how far it is; a total of 0 is unknown."""
        self.bar.show_parts(done, total)

    def end(self) -> None:
        """Show that nothing is going on."""
        self._timer.stop()
        self.setVisible(False)
