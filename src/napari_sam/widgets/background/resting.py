"""What waits for a moment of rest."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer


def after_rest(parent: QObject, act: Callable[[], object], milliseconds: int = 0) -> QTimer:
    """Return a timer that calls a function once, some time after it was started last.

    Parameters
    ----------
    parent : QObject
        What owns the timer.
    act : callable
    milliseconds : int
    """
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(act)
    return timer
