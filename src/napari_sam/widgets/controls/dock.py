"""Docks whose controls keep the keys that are for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QLineEdit, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent

FIELDS = (QLineEdit, QAbstractSpinBox)
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class Dock(QWidget):
    """A dock in which Enter and Esc in a field do nothing on the image, and Enter on a button presses it."""

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Keep what is for a control from napari's window, which passes what it hears on to the canvas."""
        control = self.focusWidget()  # none, after Enter in the number of a slider: it gives the focus away
        if event is not None and isinstance(control, QAbstractButton) and event.key() in ENTER:
            event.accept()
            if not event.isAutoRepeat():
                control.click()
        elif event is not None and (control is None or isinstance(control, FIELDS)):
            event.accept()
        else:
            super().keyPressEvent(event)
