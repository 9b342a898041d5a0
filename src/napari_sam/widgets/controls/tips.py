"""Tooltips that name the key of what they explain, whichever key that is now."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from ..keys.keymap import Keymap

ACTION, TEXT = "napari_sam_action", "napari_sam_tip"
"""Qt properties of a widget: the action that it stands for, and its tooltip without the key."""


def explain(widget: QWidget, text: str, action: str) -> None:
    """Give a widget a tooltip, and remember whose key belongs to it."""
    widget.setProperty(ACTION, action)
    widget.setProperty(TEXT, text)
    widget.setToolTip(text)


def name_keys(root: QWidget, keymap: Keymap) -> None:
    """Name the keys in the tooltips of a widget's children."""
    for widget in root.findChildren(QWidget):
        action = widget.property(ACTION)
        if action:
            widget.setToolTip(f"{widget.property(TEXT)} ({keymap.text(action)})")


def wrapped(text: str) -> str:
    """Return a tooltip of lines that fit the screen, however long the text is and whatever is in it."""
    return f"<p>{escape(text)}</p>" if text else ""
