"""Candidates as pictures in the dock; a click on one chooses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget
from scipy import ndimage

from .candidate_view import COLOURS, caption

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam.predict import Candidates

SIDE = 84
MARGIN = 0.2
"""Share of the largest candidate's side that is shown around it."""


class Thumbnails(QWidget):
    """Three buttons with pictures.

    Signals
    -------
    chosen : int
        The number of the candidate that was clicked on, from 0.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.buttons = [self._button(index) for index in range(len(COLOURS))]
        for button in self.buttons:
            layout.addWidget(button)
        self.clear()

    def _button(self, index: int) -> QToolButton:
        button = QToolButton(self)
        button.setIconSize(QSize(SIDE, SIDE))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setMinimumHeight(SIDE + 30)
        button.setStyleSheet(f"QToolButton {{ border: 2px solid {COLOURS[index]}; }}")
        button.setToolTip(f"Commit this candidate (key {index + 1})")
        button.clicked.connect(lambda: self.chosen.emit(index))
        return button

    def clear(self) -> None:
        """Show no candidates."""
        for index, button in enumerate(self.buttons):
            button.setIcon(QIcon())
            button.setText(str(index + 1))
            button.setEnabled(False)

    def show_candidates(self, candidates: Candidates, pixels: NDArray[np.uint8]) -> None:
        """Show candidates over an image.

        Parameters
        ----------
        candidates : Candidates
        pixels : (Y, X, 3) uint8
            The plane they lie in.
        """
        self.clear()
        square = square_around(candidates)
        for index, button in enumerate(self.buttons[: len(candidates)]):
            picture = thumbnail(candidates, index, pixels, square)
            height, width = picture.shape[:2]
            image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            scaled = QPixmap.fromImage(image).scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio)
            button.setIcon(QIcon(scaled))
            button.setText(caption(candidates, index))
            button.setEnabled(True)


def square_around(candidates: Candidates) -> tuple[int, int, int]:
    """Return (row, col, side) of a square around all candidates, with a margin."""
    filled = [item for item in candidates.items if item.mask.size]
    if not filled:
        return 0, 0, min(candidates.shape)
    boxes = np.array([item.bbox for item in filled])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0) + 1
    side = int(np.ceil((high - low).max() * (1 + 2 * MARGIN))) + 4
    row, col = np.floor((low + high - side) / 2).astype(int)
    return int(row), int(col), side


def thumbnail(
    candidates: Candidates, index: int, pixels: NDArray[np.uint8], square: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Return a square of the image with one candidate outlined and what lies outside it dimmed; uint8 RGB."""
    row, col, side = square
    picture = _cut(pixels, row, col, side)
    item = candidates.items[index]
    mask = np.zeros((side, side), bool)
    if item.mask.size:
        top, left = item.origin[0] - row, item.origin[1] - col
        mask[top : top + item.mask.shape[0], left : left + item.mask.shape[1]] = item.mask
    picture[~mask] //= 2
    step = max(1, round(side / SIDE))
    edge = mask & ~ndimage.binary_erosion(mask, iterations=step)
    colour = QColor(COLOURS[index])
    picture[edge] = (colour.red(), colour.green(), colour.blue())
    return np.ascontiguousarray(picture)


def _cut(pixels: NDArray[np.uint8], row: int, col: int, side: int) -> NDArray[np.uint8]:
    """Return a square of an image, black where it leaves the image."""
    out: NDArray[Any] = np.zeros((side, side, 3), np.uint8)
    part = pixels[max(row, 0) : max(row + side, 0), max(col, 0) : max(col + side, 0)]
    top, left = max(-row, 0), max(-col, 0)
    out[top : top + part.shape[0], left : left + part.shape[1]] = part
    return out
