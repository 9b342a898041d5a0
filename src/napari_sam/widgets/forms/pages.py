"""The dock's pages: annotating, the table of objects, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QTabWidget, QWidget

from ..controls.scrolling import Scrolled
from .key_page import KeyPage
from .object_panel import ObjectPanel
from .panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..keys.keymap import Keymap

ANNOTATE, OBJECTS = 0, 1
"""Places of the first page, and of that of objects, which is for an annotation that goes on."""
HEIGHT = 70
"""Pixels at the least, so that the dock fits the screen of a laptop, even below those of napari."""


class Pages(QTabWidget):
    """Three pages, which scroll where they are higher than the dock.

    Parameters
    ----------
    parent : QWidget, optional

    Attributes
    ----------
    panel : Panel
    object_panel : ObjectPanel
    key_page : KeyPage
    trouble : callable
        Gives a sentence on what goes on being wrong, which is shown with every other one; mostly empty.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wrong = False
        self.trouble: Callable[[], str] = str
        self.panel, self.object_panel, self.key_page = Panel(self), ObjectPanel(self), KeyPage(self)
        pages = (
            (Scrolled(self.panel), "Annotate", "Choose image and model, and annotate"),
            (Scrolled(self.object_panel), "Objects", "All committed objects, and what can be done to them"),
            (self.key_page, "Keys", "All keys, which can be changed"),
        )
        for page, title, tip in pages:
            self.setTabToolTip(self.addTab(page, title), tip)
        bar = self.tabBar()
        if bar is not None:
            bar.setAccessibleName("Pages of the dock")
            bar.setToolTip("What the dock shows")
        self.setMinimumHeight(HEIGHT)
        self.set_running(False)

    def set_running(self, running: bool) -> None:
        """Enable what can be done before Start, or after it."""
        if not running and self.currentIndex() == OBJECTS:
            self.setCurrentIndex(ANNOTATE)  # where Start is; Qt would take the next one
        self.setTabEnabled(OBJECTS, running)
        self.panel.set_running(running)
        self.panel.set_pending(0)

    def set_keymap(self, keymap: Keymap) -> None:
        """Name other keys wherever one is named."""
        self.panel.set_keymap(keymap)
        self.object_panel.set_keymap(keymap)

    def say(self, text: str) -> None:
        """Show a sentence."""
        trouble = self.trouble()
        self._show(text if trouble in text else f"{text} {trouble}".strip(), wrong=bool(trouble))

    def fail(self, text: str) -> None:
        """Show a sentence on what went wrong."""
        self._show(text, wrong=True)

    def settle(self) -> None:
        """Show no longer what went wrong, unless it goes on."""
        if self._wrong:
            self.say("")

    def _show(self, text: str, *, wrong: bool) -> None:
        self._wrong = wrong
        self.panel.say(text, error=wrong)
