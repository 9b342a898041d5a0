"""A list of names, of which the chosen one shows its end, too."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox

PADDING = 8
"""Pixels beside the text, in napari's style."""


class NameBox(QComboBox):
    """Leaves the middle of a long name out, where Qt leaves the end out: names of a series begin alike."""

    def initStyleOption(self, option: QStyleOptionComboBox | None) -> None:  # noqa: N802 (Qt's name)
        """Say what is drawn; Qt before 6 does not ask, and shows the beginning."""
        super().initStyleOption(option)
        style = self.style()
        if option is not None and style is not None:
            part = QStyle.SubControl.SC_ComboBoxEditField
            room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, self).width()
            elided = self.fontMetrics().elidedText(
                self.currentText(), Qt.TextElideMode.ElideMiddle, room - PADDING
            )
            option.currentText = elided
