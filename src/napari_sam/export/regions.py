"""One object on its way between programs, and label images made of such objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.errors import DataError
from napari_sam.masks import Mask, Window, cropped, labelled

if TYPE_CHECKING:
    from napari_sam.session import Object

Shape = tuple[int, ...]
LARGEST = int(np.iinfo(np.uint32).max)
"""The highest number of an object that label images have room for."""


@dataclass(frozen=True, eq=False)
class Region:
    """One object.

    Attributes
    ----------
    id : int
        Its label, from 1 on.
    plane : tuple of int
        Position on the axes before (Y, X); empty for a 2-D image.
    origin : (int, int)
        Row and column of the mask's first pixel in the plane.
    mask : (h, w) bool
        Not empty; empty rows or columns at its border are cut off.
    category : str
        What kind of object it is; empty if nobody said.
    iou_prediction : float, optional
        What the model thought of it.
    model : str
        What drew it; empty if unknown.
    note : str
        What the person wrote about it.

    Raises
    ------
    DataError
        If it has no pixels.
    """

    id: int
    plane: tuple[int, ...]
    origin: tuple[int, int]
    mask: Mask = field(repr=False)
    category: str = ""
    iou_prediction: float | None = None
    model: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        # a script's masks may be of numbers, which would be taken for an index
        (row, col), mask = cropped(self.origin, np.asarray(self.mask, bool))
        if not mask.size:
            raise DataError(f"Object {self.id} has no pixels; leave it out.")
        object.__setattr__(self, "mask", mask)
        # and its numbers numpy's, which JSON does not take
        object.__setattr__(self, "id", int(self.id))
        object.__setattr__(self, "plane", tuple(map(int, self.plane)))
        object.__setattr__(self, "origin", (int(row), int(col)))
        if self.iou_prediction is not None:
            object.__setattr__(self, "iou_prediction", float(self.iou_prediction))

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.mask))


def regions_from_objects(objects: Iterable[Object]) -> list[Region]:
    """Take over what a session committed."""
    return [
        Region(o.id, o.plane, o.origin, o.mask, o.category, o.iou_prediction, o.model, o.note)
        for o in objects
    ]


def regions_from_labels(labels: NDArray[np.integer], *, pieces: bool = False) -> list[Region]:
    """Cut a label image of any tool into objects.

    Parameters
    ----------
    labels : (..., Y, X) int
        0 background, one value an object; an object of several planes becomes one region a plane.
    pieces : bool
        Make an object of every connected piece, with numbers of its own.

    Raises
    ------
    DataError
        If these are no labels.
    """
    labels = np.asarray(labels)  # of zarr or dask, too
    if labels.ndim < 2 or labels.dtype.kind not in "iub":
        what = f"an array of {labels.ndim} dimensions and dtype {labels.dtype}"
        raise DataError(f"This is {what}; give labels: whole numbers in at least two dimensions.")
    if labels.size and labels.min() < 0:
        raise DataError(
            f"There are negative labels (down to {labels.min()}), which are no objects; set them to 0, or let"
            " napari's own writer save them."
        )
    regions: list[Region] = []
    for plane in np.ndindex(labels.shape[:-2]):
        regions += [Region(label, plane, *found) for label, found in labelled(labels[plane])]
    return pieces_of(regions) if pieces else regions


def pieces_of(regions: Iterable[Region]) -> list[Region]:
    """Make an object of every connected piece of some objects, corners counting as connected.

    Pieces are numbered from 1 on, and keep what else is known of their object.
    """
    every = (piece for region in regions for piece in _pieces(region))
    return [replace(piece, id=number) for number, piece in enumerate(every, 1)]


def _pieces(region: Region) -> list[Region]:
    numbers, _ = ndimage.label(region.mask, np.ones((3, 3)))
    top, left = region.origin
    return [
        replace(region, origin=(top + box[0].start, left + box[1].start), mask=numbers[box] == index)
        for index, box in enumerate(ndimage.find_objects(numbers), 1)
    ]


def labels_from_regions(regions: Sequence[Region], shape: Shape) -> NDArray[np.uint32]:
    """Draw objects into a label image, later ones over earlier ones.

    Parameters
    ----------
    regions : sequence of Region
    shape : (..., Y, X)

    Raises
    ------
    DataError
        If an object lies outside the image, or its number has no place in it.
    """
    try:
        labels = np.zeros(shape, np.uint32)
    except ValueError as error:  # MemoryError, where it could be
        raise DataError(f"There can be no image of {shape} ({error}); give the image's own shape.") from error
    for region in regions:
        window = window_in(region, shape)
        if not 1 <= region.id <= LARGEST:
            raise DataError(
                f"Object {region.id} has a number that label images have no room for; give it one from 1 to"
                f" {LARGEST}."
            )
        labels[region.plane][window][region.mask] = region.id
    return labels


def window_in(region: Region, shape: Shape) -> Window:
    """Return the rows and columns of an image's plane that an object's mask covers.

    Raises
    ------
    DataError
        If the object lies outside the image.
    """
    ends = _ends(region)
    inside = len(ends) == len(shape) and min(*region.plane, *region.origin) >= 0
    if not inside or any(end > side for end, side in zip(ends, shape, strict=True)):
        raise DataError(f"Object {region.id} lies outside an image of {shape}; give the image's own shape.")
    row, col = region.origin
    return slice(row, ends[-2]), slice(col, ends[-1])


def extent(regions: Sequence[Region]) -> Shape:
    """Return the smallest image that holds all objects, which all have as many axes; (1, 1) without any."""
    if not regions:
        return 1, 1
    return tuple(max(ends) for ends in zip(*map(_ends, regions), strict=True))


def _ends(region: Region) -> Shape:
    """Return where an object ends along each axis, exclusively."""
    (row, col), (height, width) = region.origin, region.mask.shape
    return (*(at + 1 for at in region.plane), row + height, col + width)
