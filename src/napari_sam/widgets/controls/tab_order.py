"""The order in which the Tab key goes through controls: that in which they are seen."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLayout, QScrollArea, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator


def tab_as_seen(root: QWidget) -> None:
    """Let the Tab key go from top to bottom, whatever was made first.

    Parameters
    ----------
    root : QWidget
        Whose layouts have all its controls by now.
    """
    for one, other in pairwise(_controls(root)):
        QWidget.setTabOrder(one, other)


def _controls(widget: QWidget) -> Iterator[QWidget]:
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None:
        yield widget
    inside = widget.widget() if isinstance(widget, QScrollArea) else None
    if inside is not None:
        yield from _controls(inside)
    layout = widget.layout()
    if layout is not None:
        yield from _in(layout)


def _in(layout: QLayout) -> Iterator[QWidget]:
    for item in (layout.itemAt(index) for index in range(layout.count())):
        if item is None:
            continue
        widget, held = item.widget(), item.layout()
        if widget is not None:
            yield from _controls(widget)
        elif held is not None:
            yield from _in(held)
