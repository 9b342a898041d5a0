"""Layers that go: one in each turn of the window's loop, so that the window answers in between."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from .jobs import TURN

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer


class Leaving(QObject):
    """Takes layers out of a viewer that nobody needs any more.

    Parameters
    ----------
    layers : napari.components.LayerList
    parent : QObject
        With which it ends.
    """

    def __init__(self, layers: LayerList, parent: QObject) -> None:
        super().__init__(parent)
        self._layers = layers
        self._going: list[Layer] = []
        self._turn = QTimer(self)
        self._turn.setInterval(TURN)
        self._turn.timeout.connect(self._step)

    @property
    def busy(self) -> bool:
        """Whether some are still there."""
        return bool(self._going)

    def take(self, layers: Iterable[Layer]) -> None:
        """Take layers out soon; those that are gone already are passed over."""
        self._going += layers
        self._turn.start()

    def finish(self) -> None:
        """Take all out now that are still there."""
        while self._going:
            self._step()

    def _step(self) -> None:
        while self._going:
            layer = self._going.pop(0)
            if layer in self._layers:
                self._layers.remove(layer)
                return
        self._turn.stop()
