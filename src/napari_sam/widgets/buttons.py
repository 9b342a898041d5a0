"""A button that says what it does, to eyes and to screen readers."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QPushButton, QWidget

from .tips import explain


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
    made = QPushButton(title, parent)
    explain(made, tip, action)
    made.setAccessibleName(title)
    made.setAccessibleDescription(tip)
    made.clicked.connect(lambda: pressed())  # noqa: PLW0108 (clicked says more)
    return made
