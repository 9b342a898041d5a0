"""Controls that say what they do, to eyes and to screen readers, and leave a dock narrow."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QComboBox, QPushButton, QSizePolicy, QWidget
from superqt import QCollapsible

from .tips import explain

PADDING = 12
"""Pixels on both sides of a button's text."""
NARROWEST = 80
"""Pixels of a list or a field, at the least."""


class Button(QPushButton):
    """A push button as narrow as its text, which leaves the keys to the window where it cannot be pressed.

    Qt would give them to the next control that can be: Space, by which napari pans, would press that one. And
    before napari's style is there it wants more width, which a dock keeps as its least.
    """

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Return the room of its text."""
        size = super().minimumSizeHint()
        text = self.fontMetrics().horizontalAdvance(self.text())
        size.setWidth(min(size.width(), text + PADDING))
        return size

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002, N802 (Qt's names)
        """Go to another control, by the Tab key alone."""
        return self.isEnabled() and bool(super().focusNextPrevChild(next))


def button(
    parent: QWidget, title: str, tip: str, pressed: Callable[[], object], action: str = ""
) -> QPushButton:
    """Return a push button.

    Parameters
    ----------
    parent : QWidget
    title : str
    tip : str
        What it does, in a few words.
    pressed : callable
        Called without arguments.
    action : str, optional
        What a key does as well; the tooltip names that key.
    """
    made = Button(title, parent)
    explain(made, tip, action)
    made.setAccessibleName(title)
    made.setAccessibleDescription(tip)
    made.clicked.connect(lambda: pressed())  # noqa: PLW0108 (clicked says more)
    return made


def explain_folding(section: QCollapsible) -> None:
    """Say what the title of a section does that can be folded."""
    toggle = section.toggleButton()
    toggle.setAccessibleName(section.text())
    toggle.setToolTip("Fold or unfold this section")


def narrow(combo: QComboBox) -> None:
    """Let a list be as narrow as a dock is, whatever the longest text in it."""
    combo.setMinimumWidth(NARROWEST)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
