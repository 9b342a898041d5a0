"""Windows over a plane, and how the objects of one join those of the windows before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from napari_sam.errors import ImageError
from napari_sam.predict import PlaneWindow

from ..cutting import Labels
from ..given import check_kinds

Box = tuple[slice, slice]

TOUCH = 4
"""Pixels from a window's border within which an object counts as cut by it."""
SAME = 0.5
"""IoU in the overlap above which two windows' pieces are one object."""
TAKEN = 0.5
"""An object that others cover by a larger share than this is left out."""


@dataclass(frozen=True)
class WindowSettings:
    """How a plane is divided.

    Attributes
    ----------
    side : int
        Of a window, in data pixels.
    overlap : int
        Pixels that neighbours share, at the least.

    Raises
    ------
    ImageError
        If no such windows can be laid.
    TypeError
        If a value is of another kind, such as text.
    """

    side: int = 1024
    overlap: int = 128

    def __post_init__(self) -> None:
        check_kinds(self)
        if not 4 * TOUCH <= self.overlap <= self.side // 2:
            raise ImageError(
                f"An overlap of {self.overlap} does not suit windows of {self.side}; give from {4 * TOUCH} to"
                " half of their side."
            )


@dataclass(frozen=True)
class Tile:
    """A window and what its neighbours see of it.

    Attributes
    ----------
    window : PlaneWindow
    seen : (int, int)
        Rows and columns from its first on that the windows above and to the left see too.
    left : (int, int)
        Row and column in it from which on the windows below and to the right see; its shape without any.
    """

    window: PlaneWindow
    seen: tuple[int, int]
    left: tuple[int, int]

    def cuts(self, box: Box) -> bool:
        """Say whether an object reaches a border that is not the plane's."""
        return any(low or high for low, high in self._reached(box, TOUCH))

    def leaves_to_neighbour(self, box: Box) -> bool:
        """Say whether it cuts an object of which a neighbour sees more on either side of the border."""
        for axis, (low, high) in enumerate(self._reached(box, TOUCH)):
            if low and box[axis].stop < self.seen[axis] - TOUCH:  # at it, the one before leaves it to this
                return True
            if high and box[axis].start >= self.left[axis] + TOUCH:
                return True
        return False

    def is_nearest(self, box: Box) -> bool:
        """Say whether an object's middle is no nearer to the middle of a neighbour."""
        for part, seen, left, side in zip(box, self.seen, self.left, self.window.shape, strict=True):
            if not seen <= part.start + part.stop < left + side:
                return False
        return True

    def reaches_out(self, box: Box) -> bool:
        """Say whether an object at the very border may go on beyond it."""
        return any(low or high for low, high in self._reached(box, 0))

    def _reached(self, box: Box, within: int) -> list[tuple[bool, bool]]:
        """Say of each axis whether the first and the last border are reached."""
        ends = zip(box, self.window.origin, self.window.shape, self.window.plane, strict=True)
        return [
            (start > 0 and part.start <= within, start + side < plane and part.stop >= side - within)
            for part, start, side, plane in ends
        ]


@dataclass(frozen=True)
class Stitched:
    """What a window's labels became.

    Attributes
    ----------
    labels : (h, w) int32
        Of the window, with those of the windows before it.
    new : dict
        Number in the window to label, of objects that no window before had seen.
    merged : dict
        Labels that turned out to be of one object with an earlier label, and that label.
    """

    labels: Labels
    new: dict[int, int]
    merged: dict[int, int]


def tiles_of(plane: tuple[int, int], settings: WindowSettings) -> list[Tile]:
    """Lay overlapping windows over a plane, row by row, all of one size and evenly spaced."""
    rows, cols = (_spans(length, settings) for length in plane)
    return [
        Tile(PlaneWindow((row, col), (height, width), plane), (above, before), (below, after))
        for row, height, above, below in rows
        for col, width, before, after in cols
    ]


def stitch(found: Labels, tile: Tile, before: Labels, first: int) -> Stitched:
    """Join the objects of a window with what the windows before it made of the same place.

    Pieces that cover the same part of the overlap are one object. Of an object that a window sees whole,
    the mask of the window nearest to it is taken, and of others all pieces together.

    Parameters
    ----------
    found : (h, w) int32
        The window's own labels, from 1 on.
    tile : Tile
    before : (h, w) int32
        The plane's labels so far.
    first : int
        The next free label.
    """
    names, labels = _numbered(before)
    links = _links(found, labels, tile)
    places = boxes_of(labels)
    new: dict[int, int] = {}
    merged: dict[int, int] = {}
    for number, box in enumerate(boxes_of(found), 1):
        if box is None or tile.leaves_to_neighbour(box):
            continue
        mask = found[box] == number
        free = mask & (labels[box] == 0)
        known = links.get(number)
        if known is not None:
            _merge(names, known, merged)
            _join(labels, known, places, tile, box, mask)
        elif free.sum() > (1 - TAKEN) * mask.sum():
            labels[box][free] = len(names)
            new[number] = first + len(new)
            names.append(new[number])
    return Stitched(np.array(names, np.int32)[labels], new, merged)


def boxes_of(labels: Labels) -> list[Box | None]:
    """Return the rows and columns of label 1, 2, and so on; None of numbers that are missing."""
    return list(ndimage.find_objects(labels))  # type: ignore[arg-type]  # says tuples of any length, without None


def resolved(merged: Mapping[int, int], label: int) -> int:
    """Follow merged labels to the one that stays."""
    while label in merged:
        label = merged[label]
    return label


def _spans(length: int, settings: WindowSettings) -> list[tuple[int, int, int, int]]:
    """Return start, length, what the one before sees and where the next begins, of windows on an axis."""
    side = min(settings.side, length)
    count = 1 + max(0, -(-(length - side) // (settings.side - settings.overlap)))
    starts = np.linspace(0, length - side, count).astype(int).tolist()
    ends = [start + side for start in starts]
    return [
        (start, side, max(before - start, 0), after - start)
        for start, before, after in zip(starts, [0, *ends], [*starts[1:], length], strict=False)
    ]


def _numbered(labels: Labels) -> tuple[list[int], Labels]:
    """Return the labels that occur, 0 first, and an array of their places among them."""
    names, places = np.unique(labels, return_inverse=True)
    if names[0] == 0:
        return names.tolist(), places.reshape(labels.shape).astype(np.int32)
    return [0, *names.tolist()], places.reshape(labels.shape).astype(np.int32) + 1


def _links(found: Labels, labels: Labels, tile: Tile) -> dict[int, list[int]]:
    """Return which earlier objects each of a window's continues: pieces are compared in the overlap.

    Also in what the windows above and the one to the left see for themselves: of an object between two
    rows of windows the upper ones leave all to the lower ones, of which the left one saw a part only, and
    the upper right one may have seen a part that it did not know to be of it.
    """
    above, left, right = np.zeros((3, *found.shape), bool)
    above[: tile.seen[0]] = True
    left[:, : tile.seen[1]] = True
    right[:, tile.left[1] :] = True
    overlaps = [above | left, above & right, *([above, left] if all(tile.seen) else [])]
    links: dict[int, set[int]] = {}
    for overlap in overlaps:
        for mine, other in _same_pieces(np.where(overlap, found, 0), np.where(overlap, labels, 0)):
            links.setdefault(mine, set()).add(other)
    return {number: sorted(known) for number, known in links.items()}


def _same_pieces(found: Labels, labels: Labels) -> Iterator[tuple[int, int]]:
    """Yield the labels of two windows of which connected pieces are mostly the same."""
    ours, owner = _pieces(found)
    theirs, earlier = _pieces(labels)
    both = (ours > 0) & (theirs > 0)
    pairs, counts = np.unique(np.stack([ours[both], theirs[both]]), axis=1, return_counts=True)
    union = np.bincount(ours.ravel())[pairs[0]] + np.bincount(theirs.ravel())[pairs[1]] - counts
    for mine, other in pairs[:, counts > SAME * union].T:
        yield int(owner[mine]), int(earlier[other])


def _pieces(labels: Labels) -> tuple[Labels, Labels]:
    """Return labels numbered by connected pieces, and the label of each piece."""
    pieces: Labels = measure.label(labels)
    owner = np.zeros(int(pieces.max()) + 1, np.int32)
    owner[pieces.ravel()] = labels.ravel()
    return pieces, owner


def _merge(names: list[int], known: list[int], merged: dict[int, int]) -> None:
    """Give objects that are one the lowest of their labels; in place."""
    label = min(names[each] for each in known)
    for old in {names[each] for each in known} - {label}:
        merged[old] = label
        names[:] = [label if name == old else name for name in names]


def _join(
    labels: Labels, known: list[int], places: list[Box | None], tile: Tile, box: Box, mask: NDArray[np.bool_]
) -> None:
    """Add a cut piece to what others saw of its object, or draw an object that this window sees best."""
    if tile.cuts(box):
        labels[box][mask & (labels[box] == 0)] = known[0]
    elif tile.is_nearest(box):
        _redraw(labels, known, places, tile, box, mask)


def _redraw(
    labels: Labels, known: list[int], places: list[Box | None], tile: Tile, box: Box, mask: NDArray[np.bool_]
) -> None:
    """Draw an object in place of what others saw of it, unless that goes on beyond the window."""
    for each in known:
        place = places[each - 1]
        if place is not None and tile.reaches_out(place):
            return
    for each in known:
        place = places[each - 1]
        if place is not None:
            labels[place][labels[place] == each] = 0
    labels[box][mask & (labels[box] == 0)] = known[0]
