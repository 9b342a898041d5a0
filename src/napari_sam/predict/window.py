"""The part of a large plane that is read and embedded, and how prompts get into it and masks out of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.errors import ImageError, PromptError

from .candidates import Candidate, Candidates
from .frames import Frame, Positions, span
from .prompts import MaskPrompt, Prompts, Shape
from .reading import reading

SIDE = 1024
"""Side of a window in data pixels, where prompts do not need a larger one."""
MOST = 4096
"""Side of the largest window."""
ROOM = 8
"""A prompt keeps an eighth of the window's side from its border, or the border would cut objects off."""


@dataclass(frozen=True)
class PlaneWindow:
    """A rectangle of a plane.

    Attributes
    ----------
    origin : (int, int)
        Row and column of its first pixel in the plane.
    shape : (int, int)
        Its rows and columns.
    plane : (Y, X)
        Shape of the whole plane.
    """

    origin: tuple[int, int]
    shape: Shape
    plane: Shape

    @property
    def index(self) -> tuple[slice, slice]:
        """Index of the window in the plane."""
        rows, cols = (
            slice(start, start + length) for start, length in zip(self.origin, self.shape, strict=True)
        )
        return rows, cols

    @property
    def whole(self) -> bool:
        """Whether it is the whole plane."""
        return self.shape == self.plane

    def holds(self, positions: Positions) -> bool:
        """Say whether (K, 2) positions lie in the window with room around them, up to the plane's ends."""
        low, high = np.array(self.origin), np.array(self.origin) + self.shape
        room = np.array(self.shape) // ROOM
        first = np.where(low > 0, low + room, -0.5)
        last = np.where(high < self.plane, high - 1 - room, np.array(self.plane) - 0.5)
        return bool(((positions >= first) & (positions <= last)).all())

    def cuts(self, item: Candidate) -> bool:
        """Say whether a mask in the plane reaches a border of the window that is not the plane's own."""
        low, high = np.array(item.origin), np.array(item.origin) + item.mask.shape
        first, last = np.array(self.origin), np.array(self.origin) + self.shape
        reached = ((low <= first) & (first > 0)) | ((high >= last) & (last < self.plane))
        return bool(item.mask.size and reached.any())

    @property
    def neighbours(self) -> tuple[PlaneWindow, ...]:
        """The windows to the right, to the left, below and above that hold what this one's border cuts."""
        found = []
        for axis, way in ((1, 1), (1, -1), (0, 1), (0, -1)):
            origin = list(self.origin)
            origin[axis] += way * (self.shape[axis] - self.shape[axis] // ROOM * 2)
            origin[axis] = min(max(origin[axis], 0), self.plane[axis] - self.shape[axis])
            found.append(replace(self, origin=(origin[0], origin[1])))
        return tuple(each for each in found if each != self)

    def entering(self, prompts: Prompts) -> Prompts:
        """Return prompts on the plane as prompts on the window alone.

        Negative points beyond the window say nothing about masks within it and are left out; a box is
        cut off at its border.

        Raises
        ------
        PromptError
            If a prompt lies outside the plane, or a positive point or the whole box outside the window.
        """
        prompts = prompts.within(self.plane)
        if self.whole:
            return prompts
        origin = np.array(self.origin)
        points = prompts.positions - origin
        ends = np.array(self.shape) - 0.5
        heard = (prompts.labels == 1) | ((points >= -0.5) & (points <= ends)).all(axis=1)
        box = None if prompts.box is None else (np.reshape(prompts.box, (2, 2)) - origin).ravel().tolist()
        mask = prompts.mask
        if isinstance(mask, MaskPrompt):
            mask = MaskPrompt(mask.logits, _shifted(mask.frame, -origin))
        try:
            inside = Prompts(points[heard], prompts.labels[heard], box, mask)
            return inside.within(self.shape)
        except PromptError as error:
            raise PromptError(
                f"A prompt lies outside the {self.shape[0]} x {self.shape[1]} pixels from {self.origin}"
                " that are embedded; embed the window around it."
            ) from error

    def leaving(self, candidates: Candidates) -> Candidates:
        """Return candidates on the window as candidates on the plane."""
        if self.whole:
            return candidates
        items = tuple(self._placed(item) for item in candidates.items)
        return replace(candidates, shape=self.plane, items=items)

    def _placed(self, item: Candidate) -> Candidate:
        row, col = (a + b for a, b in zip(item.origin, self.origin, strict=True))
        return replace(item, origin=(row, col), frame=_shifted(item.frame, np.array(self.origin)))


def window_around(plane: Shape, held: ArrayLike, side: int = SIDE) -> PlaneWindow:
    """Return the window that has some positions near its middle.

    Its place is a multiple of a quarter of its side, except at the plane's end, so that neighbouring
    prompts have one window and its embedding in common.

    Parameters
    ----------
    plane : (Y, X)
    held : (K, 2)
        At least one position (row, col).
    side : int
        Side of the window; doubled until the positions take up no more than half of it.

    Raises
    ------
    PromptError
        If the positions are too far from each other, or are none.
    ImageError
        If the plane has other axes.
    """
    if len(plane) != 2:
        raise ImageError(
            f"A window lies in a plane, (Y, X), and not in {tuple(plane)}; leave out the others."
        )
    positions = np.asarray(held, np.float64)
    if (
        positions.ndim != 2
        or positions.shape[1] != 2
        or not positions.size
        or not np.isfinite(positions).all()
    ):
        raise PromptError("A window lies around (row, col) pairs; give at least one, such as [(120, 85)].")
    reach, centre = span(positions)
    while reach > side / 2:
        side *= 2
    if side > MOST:
        raise PromptError(
            f"The prompts reach over {reach:.0f} pixels, more than the {MOST // 2} that can be seen at once;"
            " mark a smaller object, or fewer objects at a time."
        )
    origin, shape = [], []
    for middle, length in zip(centre, plane, strict=True):
        step = side // 4
        start = round((middle - side / 2) / step) * step
        shape.append(min(side, length))
        origin.append(int(np.clip(start, 0, length - shape[-1])))
    return PlaneWindow((origin[0], origin[1]), (shape[0], shape[1]), plane)


def read_part(image: ArrayLike, window: PlaneWindow | None, channel_axis: int | None = None) -> ArrayLike:
    """Return the pixels of a window, reading no more than that of a lazy image; all without a window.

    Parameters
    ----------
    image : (Y, X), (Y, X, C), or 3-dimensional with `channel_axis`
        Any array that can be sliced: numpy, dask, zarr.
    window : PlaneWindow or None
    channel_axis : int, optional

    Raises
    ------
    ImageError
        If the window does not lie in the image, or its pixels cannot be read.
    """
    if window is None:
        return image
    rows, cols = window.index
    index = [rows, cols]
    if channel_axis is not None:
        index.insert(channel_axis % 3, slice(None))
    lazy: Any = image if hasattr(image, "shape") else np.asarray(image)
    part = read_pixels(lazy, tuple(index))
    seen = tuple(side for side, cut in zip(part.shape, index, strict=False) if cut != slice(None))
    if seen != tuple(window.shape):
        raise ImageError(
            f"The window of {window.shape} from {window.origin} does not lie in the image of shape"
            f" {lazy.shape}; give one that does."
        )
    return part


def read_pixels(image: Any, index: tuple[int | slice, ...]) -> NDArray[Any]:
    """Return what an index means of anything that can be sliced, which may be read from a file only now.

    Raises
    ------
    ImageError
        If it cannot be read: a damaged file raises whatever its damage makes of it.
    MemoryError, PermissionError
        As they come.
    """
    with reading(f"The pixels [{', '.join(map(_place, index))}] of the image"):
        return np.asarray(image[index])


def _place(along: int | slice) -> str:
    """Say where an index is along an axis, as numpy would."""
    if isinstance(along, int):
        return str(along)
    return ":" if along.start is None else f"{along.start}:{along.stop}"


def whole_plane(plane: Shape) -> PlaneWindow:
    """Return the window that is the whole plane."""
    return PlaneWindow((0, 0), plane, plane)


def _shifted(frame: Frame, by: Positions) -> Frame:
    return replace(frame, row=frame.row + float(by[0]), col=frame.col + float(by[1]))
