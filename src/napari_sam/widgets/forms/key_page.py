"""The dock's page of keys: what each one does, and another one for it."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QFocusEvent, QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_sam.errors import KeymapError

from ..controls.buttons import button
from ..controls.telling import tell
from ..keys.keymap import DEFAULTS, MOUSE, TITLES, Keymap
from ..keys.pressed import free_key_of

ASKED = "press a key"
ACTIONS = tuple(DEFAULTS)
"""The action of each row; the rows of the mouse come after them."""
MODIFIERS = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)
ELSEWHERE = ("label", "image", "vector", "track", "surface", "plane", "brush", "reset_pol", "complete_pol")
"""What the names of those of napari's actions hold that do nothing on points and shapes."""
BEGIN = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space, Qt.Key.Key_F2)


class _Table(QTableWidget):
    """A table that takes the next key for a row, once it is asked to.

    Signals
    -------
    pressed : QKeyEvent
        The key that was waited for.
    """

    pressed = Signal(QKeyEvent)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(len(ACTIONS) + len(MOUSE), 2, parent)
        self.waiting: int | None = None
        self._keys = [QTableWidgetItem() for _ in ACTIONS]
        for row, (action, key) in enumerate(zip(ACTIONS, self._keys, strict=True)):
            self.setItem(row, 0, QTableWidgetItem(TITLES[action]))
            self.setItem(row, 1, key)
        for row, (how, what) in enumerate(MOUSE, len(ACTIONS)):
            for column, text in enumerate((what, how)):
                item = QTableWidgetItem(text)
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)  # pale ones could hardly be read
                item.setToolTip("What the mouse does stays as it is")
                self.setItem(row, column, item)
        self.cellClicked.connect(lambda row, _: self.wait(row))

    def wait(self, row: int | None) -> None:
        """Wait for the key of a row, or no longer."""
        before, self.waiting = self.waiting, row if row is not None and row < len(ACTIONS) else None
        for changed, text in ((before, ""), (self.waiting, ASKED)):
            if changed is not None:
                key = self._keys[changed]
                key.setText(text or key.data(Qt.ItemDataRole.UserRole))

    def show_keys(self, keymap: Keymap) -> None:
        """Write the keys of a keymap."""
        for action, key in zip(ACTIONS, self._keys, strict=True):
            key.setText(keymap.text(action))
            key.setData(Qt.ItemDataRole.UserRole, key.text())

    def event(self, event: QEvent | None) -> bool:
        """Keep napari's menus from answering to the key that is waited for."""
        if event is not None and event.type() == QEvent.Type.ShortcutOverride and self.waiting is not None:
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Take a key for a row, or begin to wait for one."""
        if event is None or event.key() in MODIFIERS:
            return
        if self.waiting is not None:
            self.pressed.emit(event)
        elif event.key() in BEGIN:
            self.wait(self.currentRow())
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Wait no longer."""
        self.wait(None)
        super().focusOutEvent(event)


def napari_use(keymap: Keymap, action: str) -> str:
    """Return what napari itself does with an action's key on points and shapes; empty for nothing."""
    from napari.settings import get_settings

    binding = keymap.binding(action)
    for name, bindings in get_settings().shortcuts.shortcuts.items():
        if binding in bindings and not any(other in name for other in ELSEWHERE):
            return str(name.removeprefix("napari:").replace("_", " "))
    return ""


class KeyPage(QWidget):
    """Shows a keymap, and lets a person change it.

    Signals
    -------
    changed : Keymap
        The person chose another key, or the default ones.
    """

    changed = Signal(Keymap)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keymap = Keymap()
        self.table = self._build_table()
        self.status = QLabel("Click on a row and press another key for it.", self)
        self.status.setAccessibleName("Messages about keys")
        self.status.setWordWrap(True)
        self.defaults = button(self, "Defaults", "Give every action its first key again", self._put_back)
        layout = QVBoxLayout(self)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.status)
        layout.addWidget(self.defaults)
        self.show_keymap(self.keymap)

    def _build_table(self) -> _Table:
        table = _Table(self)
        across, down = QHeaderView(Qt.Orientation.Horizontal), QHeaderView(Qt.Orientation.Vertical)
        table.setHorizontalHeader(across)
        table.setVerticalHeader(down)
        table.setAccessibleName("Keys and what they do")
        table.setToolTip("Click on a row, or press Enter there, and press another key for it")
        table.setHorizontalHeaderLabels(["what", "key"])
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setTabKeyNavigation(False)
        down.hide()
        down.setDefaultSectionSize(table.fontMetrics().lineSpacing() + 6)
        across.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        across.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        table.pressed.connect(self._pressed)
        return table

    def show_keymap(self, keymap: Keymap) -> None:
        """Show the keys of another keymap."""
        self.keymap = keymap
        self.table.show_keys(keymap)

    def say(self, text: str, *, error: bool = False) -> None:
        """Show one sentence."""
        tell(self.status, text, error=error)

    def _pressed(self, event: QKeyEvent) -> None:
        """Give the row that waits the key that was pressed, or say why not."""
        action = ACTIONS[self.table.waiting or 0]
        self.table.wait(None)
        try:
            keymap = self.keymap.with_key(action, free_key_of(event))
        except KeymapError as error:
            self.say(str(error), error=True)
            return
        self._change(keymap)
        own = napari_use(keymap, action)
        lost = f" While you annotate, napari's {own!r} does not hear it." if own else ""
        self.say(f"{keymap.text(action)}: {TITLES[action]}.{lost}")

    def _put_back(self) -> None:
        self._change(Keymap())
        self.say("Every action has its first key again.")

    def _change(self, keymap: Keymap) -> None:
        self.show_keymap(keymap)
        self.changed.emit(keymap)
