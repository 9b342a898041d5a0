"""Docks whose fields keep what is typed into them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QAbstractSpinBox, QLineEdit, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent

FIELDS = (QLineEdit, QAbstractSpinBox)


class Dock(QWidget):
    """A dock in which Enter and Esc in a field do nothing on the image."""

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Keep what a field leaves over from napari's window, which passes what it hears on to the canvas."""
        field = self.focusWidget()  # none, after Enter in the number of a slider: it gives the focus away
        if event is not None and (field is None or isinstance(field, FIELDS)):
            event.accept()
        else:
            super().keyPressEvent(event)
