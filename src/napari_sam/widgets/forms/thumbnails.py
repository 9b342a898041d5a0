"""Candidates as pictures in the dock; a click on one chooses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget
from scipy import ndimage

from napari_sam.session.offer import COLOURS

from ..controls.tips import explain
from ..keys.keymap import CHOICES, Keymap
from ..prompts.candidate_view import caption

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam.predict import Candidates
    from napari_sam.session.offer import Offer

SIDE = 84
BORDERS = ("solid", "dashed", "dotted")
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
        self._keymap = Keymap()
        self._offer: tuple[Offer, int] | None = None
        self.buttons = [self._button(index) for index in range(len(COLOURS))]
        for button in self.buttons:
            layout.addWidget(button)
        self.clear()

    def _button(self, index: int) -> QToolButton:
        button = QToolButton(self)
        button.setIconSize(QSize(SIDE, SIDE))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        button.setMinimumHeight(SIDE + 2 * self.fontMetrics().lineSpacing() + 14)
        button.setStyleSheet(f"QToolButton {{ border: 2px {BORDERS[index]} {COLOURS[index]}; }}")
        explain(button, "Commit this candidate", CHOICES[index])
        button.clicked.connect(lambda: self.chosen.emit(index))
        return button

    def clear(self) -> None:
        """Show no candidates."""
        self._offer = None
        for index, button in enumerate(self.buttons):
            button.setIcon(QIcon())
            button.setText(self._keymap.text(CHOICES[index]))
            button.setAccessibleName(f"Candidate {index + 1}, none yet")
            button.setEnabled(False)

    def set_keymap(self, keymap: Keymap) -> None:
        """Write other keys beside what is shown."""
        self._keymap = keymap
        if self._offer is None:
            self.clear()
        else:
            self.mark(*self._offer)

    def show_offer(self, offer: Offer, pixels: NDArray[np.uint8], origin: tuple[int, int] = (0, 0)) -> None:
        """Show what is offered, over an image.

        Parameters
        ----------
        offer : Offer
        pixels : (Y, X, 3) uint8
            The part of the plane that it lies in.
        origin : (int, int)
            Row and column of the part's first pixel.
        """
        self.clear()
        square = square_around(offer.candidates)
        for number, index in enumerate(offer.shown[: len(self.buttons)]):
            picture = thumbnail(offer.candidates, index, pixels, square, COLOURS[number], origin)
            height, width = picture.shape[:2]
            image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            self.buttons[number].setIcon(QIcon(self._scaled(image)))
            self.buttons[number].setEnabled(True)
        self.mark(offer, offer.suggested)

    def _scaled(self, image: QImage) -> QPixmap:
        """Return a picture of a button's size, with all pixels that the screen has for it."""
        side = round(SIDE * self.devicePixelRatioF())
        scaled = QPixmap.fromImage(image).scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio)
        scaled.setDevicePixelRatio(self.devicePixelRatioF())
        return scaled

    def mark(self, offer: Offer, marked: int) -> None:
        """Write the captions; a candidate's index gets the star."""
        self._offer = offer, marked
        for number, button in enumerate(self.buttons[: len(offer.shown)]):
            button.setText(caption(offer, number, marked, self._keymap, "\n"))
            button.setAccessibleName(f"Candidate {caption(offer, number, marked, self._keymap)}")


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
    candidates: Candidates,
    index: int,
    pixels: NDArray[np.uint8],
    square: tuple[int, int, int],
    colour: str,
    origin: tuple[int, int] = (0, 0),
) -> NDArray[np.uint8]:
    """Return a square of the image that begins at `origin`, one candidate outlined and all else dimmed.

    The result is (S, S, 3) uint8.

    Large squares are sampled, for the sake of speed.
    """
    step = max(1, square[2] // (2 * SIDE))
    picture, item = _sampled(pixels, origin, square, step), candidates.items[index]
    mask = _sampled(item.mask, item.origin, square, step)
    picture[~mask] //= 2
    edge = mask & ~ndimage.binary_erosion(mask, iterations=max(1, round(len(mask) / SIDE)))
    line = QColor(colour)
    picture[edge] = (line.red(), line.green(), line.blue())
    return np.ascontiguousarray(picture)


def _sampled(
    array: NDArray[Any], origin: tuple[int, int], square: tuple[int, int, int], step: int
) -> NDArray[Any]:
    """Return every `step`-th pixel of a square, of an array that starts at `origin`; zero where it ends."""
    row, col, side = square
    steps = np.arange(0, side, step)
    rows, cols = row - origin[0] + steps, col - origin[1] + steps
    out = np.zeros((len(rows), len(cols), *array.shape[2:]), array.dtype)
    here, there = (rows >= 0) & (rows < array.shape[0]), (cols >= 0) & (cols < array.shape[1])
    out[np.ix_(here, there)] = array[np.ix_(rows[here], cols[there])]
    return out
