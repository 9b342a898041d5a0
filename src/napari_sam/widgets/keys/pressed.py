"""Which key was pressed, and who else in the window waits for it."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QApplication

from napari_sam.errors import KeymapError

from .keymap import key_named


def key_of(event: QKeyEvent) -> str:
    """Return the name of the key that was pressed, as a keymap keeps it.

    Raises
    ------
    KeymapError
        If napari would not hear of it.
    """
    pressed: Any = event  # which is of another kind in Qt 5
    qt6 = hasattr(event, "keyCombination")
    pressed = event.keyCombination() if qt6 else int(pressed.modifiers()) | pressed.key()
    return key_named(QKeySequence(pressed).toString(QKeySequence.SequenceFormat.PortableText))


def free_key_of(event: QKeyEvent) -> str:
    """Return the name of the key that was pressed, if no menu of an open window has it.

    Raises
    ------
    KeymapError
        If napari would not hear of it, or a menu would answer to it first.
    """
    key = key_of(event)
    item = _menu_item_of(key)
    if item:
        raise KeymapError(f"{key} is the key of {item!r} in napari's menus; choose another.")
    return key


def _menu_item_of(key: str) -> str:
    """Return the title of the menu item whose key this is; empty if there is none."""
    for widget in QApplication.allWidgets():
        for action in widget.actions():
            if key in map(_name, action.shortcuts()):
                return str(action.text()).replace("&", "")
    return ""


def _name(sequence: QKeySequence) -> str:
    try:
        return key_named(str(sequence.toString(QKeySequence.SequenceFormat.PortableText)))
    except KeymapError:  # of several keys, for example
        return ""
