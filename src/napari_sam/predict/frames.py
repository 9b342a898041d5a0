"""Where the network looks: square frames of input pixels, placed on the image.

Two families share one concept. A ViT sees the whole image in one frame, with Meta's mapping of
positions (a position times the scale, without a half-pixel shift). A windowed model sees squares
cut from the image at a few scales, with exact pixel centres: the data pixel c lies at
(c + 0.5) * scale - 0.5 on the scaled image. `Frame` holds both: an input position is
(position - (row, col)) * scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float64]

BOX_SIDE = 80.0
"""A box is decoded at the finest scale at which its longest side has at most this many input pixels."""
MARGIN = 8.0
"""Input pixels that several points keep from the border of their window."""


@dataclass(frozen=True)
class Frame:
    """A square of input pixels on the image.

    Attributes
    ----------
    row, col : float
        Data position of the centre of the frame's first input pixel.
    scale : float
        Input pixels per data pixel.
    size : int
        Side of the square, in input pixels.
    """

    row: float
    col: float
    scale: float
    size: int

    def to_input(self, positions: Positions) -> Positions:
        """Map (N, 2) data positions (row, col) to input pixels of the frame."""
        return (positions - (self.row, self.col)) * self.scale

    def to_data(self, positions: Positions) -> Positions:
        """Map (N, 2) input positions (row, col) of the frame to data pixels."""
        return positions / self.scale + (self.row, self.col)

    def contains(self, positions: Positions) -> NDArray[np.bool_]:
        """Say which of (N, 2) data positions lie in the frame; (N,) bool."""
        inputs = self.to_input(positions)
        held = (inputs >= -0.5) & (inputs <= self.size - 0.5)
        return held[:, 0] & held[:, 1]


@dataclass(frozen=True)
class Window:
    """A frame on the grid of an embedding.

    Attributes
    ----------
    level : int
        Which of the embedding's scales.
    origin : (int, int)
        Row and column of the first token; may lie outside the image.
    frame : Frame
    """

    level: int
    origin: tuple[int, int]
    frame: Frame


@dataclass(frozen=True)
class Layout:
    """The scales and the grid on which a windowed model looks at an image.

    Attributes
    ----------
    scales : tuple of float
        Input pixels per data pixel of each level.
    size : int
        Side of a window, in input pixels.
    stride : int
        Input pixels a token.
    """

    scales: tuple[float, ...]
    size: int
    stride: int

    def window(self, level: int, centre: Positions) -> Window:
        """Return the window of a level whose middle is nearest to a data position (row, col)."""
        middle = (centre + 0.5) * self.scales[level] - 0.5
        row, col = np.rint((middle + 0.5 - self.size / 2) / self.stride).astype(int).tolist()
        return self.window_at(level, (row, col))

    def window_at(self, level: int, origin: tuple[int, int]) -> Window:
        """Return the window of a level that starts at a token."""
        scale = self.scales[level]
        row, col = ((index * self.stride + 0.5) / scale - 0.5 for index in origin)
        return Window(level, origin, Frame(row, col, scale, self.size))

    def matching(self, frame: Frame) -> Window | None:
        """Return the window that is this very frame, if the grid has one."""
        if frame.scale not in self.scales or frame.size != self.size:
            return None
        level = self.scales.index(frame.scale)
        start = (np.array([frame.row, frame.col]) + 0.5) * frame.scale - 0.5
        row, col = np.rint(start / self.stride).astype(int).tolist()
        window = self.window_at(level, (row, col))
        return window if np.allclose((window.frame.row, window.frame.col), (frame.row, frame.col)) else None

    def fitting_levels(self, side: float, limit: float) -> list[int]:
        """Return the levels at which a side in data pixels is at most `limit`, or else the coarsest."""
        fitting = [i for i, scale in enumerate(self.scales) if side * scale <= limit]
        return fitting or [int(np.argmin(self.scales))]

    def roomy_levels(self, side: float) -> list[int]:
        """Return the levels at which a side in data pixels leaves `MARGIN` free, or else the coarsest."""
        return self.fitting_levels(side, self.size - 2 * MARGIN)

    def box_level(self, side: float) -> int:
        """Return the level for a box with this longest side, in data pixels: the finest that fits."""
        return max(self.fitting_levels(side, BOX_SIDE), key=lambda level: self.scales[level])

    def windows(self, inside: Positions, box: bool, count: int) -> list[Window]:
        """Choose the windows to decode prompts in.

        Parameters
        ----------
        inside : (K, 2)
            Positive points and the box's corners, at least one.
        box : bool
            A box says how large the object is and is asked at its own scale and those beside it;
            points at every scale at which they fit.
        count : int
            How many of the levels points are asked at; the fine ones, which are last, wait until it
            is known that the object is small.
        """
        side, middle = span(inside)
        if box:
            own = self.box_level(side)
            levels = [own, *self.beside(own, side, count)]
        else:
            levels = [level for level in self.roomy_levels(side) if level < count]
        return [self.window(level, middle) for level in levels]

    def beside(self, own: int, side: float, count: int) -> list[int]:
        """Return the others of the first `count` levels, an octave away at most, at which a side fits."""
        scale = self.scales[own]
        roomy = [level for level in self.roomy_levels(side) if level < count and level != own]
        return [level for level in roomy if 0.5 <= self.scales[level] / scale <= 2]

    def finer_windows(self, inside: Positions, extent: Positions, count: int) -> list[Window]:
        """Choose the fine windows, of levels from `count` on, that hold a mask with room around it.

        Parameters
        ----------
        inside : (K, 2)
            Positive points, at least one.
        extent : (2 or 0, 2)
            The least and largest data positions that the mask covers.
        count : int
        """
        side, _ = span(np.concatenate([inside, extent]))
        _, centre = span(inside)
        fine = range(count, len(self.scales))
        return [self.window(level, centre) for level in fine if side * self.scales[level] <= self.size / 2]

    def mask_windows(self, frame: Frame, inside: Positions, extent: Positions, count: int) -> list[Window]:
        """Choose the windows to refine an earlier mask in: `mask_window`, and one a scale coarser and finer.

        The mask may be too small or too large for the scale that it was seen at: that is what many
        corrections are for.

        Parameters
        ----------
        frame, inside, extent
            As `mask_window` takes them.
        count : int
            How many of the levels are embedded as a whole; others are asked at only if the mask is there.
        """
        own = self.mask_window(frame, inside, extent)
        held = np.concatenate([inside, extent])
        if not len(held):
            return [own]
        side, middle = span(held)
        return [own, *[self.window(level, middle) for level in self.beside(own.level, side, count)]]

    def mask_window(self, frame: Frame, inside: Positions, extent: Positions) -> Window:
        """Choose the window to refine an earlier mask in: its own, unless prompts fell outside it.

        Parameters
        ----------
        frame : Frame
            The mask's frame.
        inside : (K, 2)
            Positive points and the box's corners.
        extent : (2 or 0, 2)
            The least and largest data positions that the mask covers; none if it is empty.
        """
        own = self.matching(frame)
        if own is not None and frame.contains(inside).all():
            return own
        held = np.concatenate([inside, extent])
        if not len(held):
            held = frame.to_data(np.full((1, 2), (frame.size - 1) / 2))
        side, middle = span(held)
        return self.window(max(self.roomy_levels(side), key=lambda level: self.scales[level]), middle)


def span(positions: Positions) -> tuple[float, Positions]:
    """Return the longest side of the box around (K, 2) positions, at least one, and the box's middle."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    return float((high - low).max()), (low + high) / 2


def useful_scales(scales: tuple[float, ...], size: int, shape: tuple[int, int]) -> tuple[float, ...]:
    """Leave out scales so coarse that a finer one shows the whole image around any prompt.

    Parameters
    ----------
    scales : tuple of float
        From fine to coarse.
    size : int
        Side of a window, in input pixels.
    shape : (Y, X)
        Of the image.
    """
    reach = [size / 2 / scale for scale in scales]
    enough = [index for index, data in enumerate(reach) if data >= max(shape)]
    return scales[: enough[0] + 1] if enough else scales


def whole_frame(shape: tuple[int, int], size: int) -> Frame:
    """Return the frame of a model that sees the whole image with its longest side resized to `size`."""
    return Frame(0.0, 0.0, size / max(shape), size)


def resized_shape(shape: tuple[int, int], size: int) -> tuple[int, int]:
    """Return rows and columns after resizing the longest side to `size`, rounded as Meta's code does."""
    scale = size / max(shape)
    return max(int(shape[0] * scale + 0.5), 1), max(int(shape[1] * scale + 0.5), 1)
