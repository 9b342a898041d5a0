"""Sentences in the docks: what went wrong is red, in a shade that can be read in light and dark themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QPalette

if TYPE_CHECKING:
    from qtpy.QtWidgets import QLabel

ON_DARK, ON_LIGHT = "#ff8a80", "#b3261e"


def tell(label: QLabel, text: str, *, error: bool) -> None:
    """Show a sentence, in red if it is about what went wrong.

    Parameters
    ----------
    label : QLabel
        In a widget that has the theme's colours.
    text : str
    error : bool
    """
    around = label.parentWidget() or label  # whose text is never red
    light_text = around.palette().color(QPalette.ColorRole.WindowText).lightness() > 127
    red = ON_DARK if light_text else ON_LIGHT
    label.setStyleSheet(f"color: {red};" if error else "")
    label.setTextFormat(Qt.TextFormat.PlainText)  # names in it may hold what looks like HTML
    label.setText(text)
