"""What can be done to committed objects, as functions of the objects alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from napari_sam.errors import PromptError
from napari_sam.masks import Mask, cropped

from .objects import Edit, Object, level_by_hand
from .store import ObjectStore

Objects = tuple[Object, ...]
SPECK = 0.1
"""Parts smaller than this share of an object's largest part are specks."""


def operate(what: str, objects: Objects, next_id: int, **arguments: Any) -> Objects:
    """Return what an operation makes of objects.

    Parameters
    ----------
    what : str
        One of `OPERATIONS`.
    objects : tuple of Object
    next_id : int
        A label that no object has.
    **arguments
        What the operation takes besides.

    Raises
    ------
    PromptError
        If the operation does not fit these objects.
    """
    if what not in OPERATIONS:
        raise PromptError(f"There is no operation {what!r}; use one of {', '.join(OPERATIONS)}.")
    if not objects:
        raise PromptError("There is no object here; point at one, or select some in the table.")
    return OPERATIONS[what](objects, next_id, **arguments)


def delete(objects: Objects, next_id: int) -> Objects:  # noqa: ARG001 (as all operations)
    """Leave nothing."""
    return ()


def merge(objects: Objects, next_id: int) -> Objects:  # noqa: ARG001 (as all operations)
    """Make one object of several, with the first one's label and class."""
    planes = {each.plane for each in objects}
    if len(objects) < 2 or len(planes) > 1:
        raise PromptError("Merging takes two or more objects of one plane; select them in the table.")
    low = np.min([each.origin for each in objects], axis=0)
    high = np.max([np.add(each.origin, each.mask.shape) for each in objects], axis=0)
    whole = np.zeros(high - low, bool)
    for each in objects:
        row, col = np.subtract(each.origin, low)
        whole[row : row + each.mask.shape[0], col : col + each.mask.shape[1]] |= each.mask
    first = objects[0]
    return (_by_hand(replace(first, origin=(int(low[0]), int(low[1])), mask=whole)),)


def join(objects: Objects, next_id: int) -> Objects:  # noqa: ARG001 (as all operations)
    """Give masks of different planes the first one's label and class, so that they are one object."""
    if len(objects) < 2 or len({each.plane for each in objects}) < len(objects):
        raise PromptError(
            "Joining takes masks of different planes; commit the object in another plane first."
        )
    category = next((each.category for each in objects if each.category), "")
    return tuple(replace(each, id=objects[0].id, category=category) for each in objects)


def split(objects: Objects, next_id: int, points: Sequence[Sequence[float]]) -> Objects:
    """Cut an object in two where it is narrowest between two of its points, or else half-way.

    Parameters
    ----------
    objects : tuple of Object
        One.
    next_id : int
        The label of the second part.
    points : two (row, col)
        Inside the object, in data pixels; the first one's part keeps the label.
    """
    if len(objects) != 1 or len(points) != 2:
        raise PromptError("Splitting takes one object and two points on it.")
    (whole,) = objects
    pixels = [(int(np.rint(row)), int(np.rint(col))) for row, col in points]
    if pixels[0] == pixels[1] or not all(whole.covers(*pixel) for pixel in pixels):
        raise PromptError("Splitting takes two different points on one object; put them on its two parts.")
    parts = _halves(whole.mask, np.subtract(pixels, whole.origin))
    first, second = (cropped(whole.origin, parts == number) for number in (1, 2))
    one = _by_hand(replace(whole, origin=first[0], mask=first[1]))
    return one, replace(one, id=next_id, origin=second[0], mask=second[1])


def _halves(mask: Mask, points: NDArray[np.intp]) -> NDArray[np.int32]:
    """Return 1 and 2 where a mask belongs to one or the other of two of its pixels, (2, 2); 0 elsewhere.

    What is deep around each point is its own, and both grow until they meet: at the neck between them,
    wherever in their parts the points are. A mask without a neck is cut half-way.
    """
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    height = -ndimage.gaussian_filter(depth, 1)  # without the ripples of a jagged edge
    basins = watershed(height, mask=mask)
    one, other = basins[tuple(points.T)]
    grown = np.zeros(mask.shape, np.int32)
    if one != other:
        grown = watershed(height, (basins == one) + 2 * (basins == other), mask=mask)
    places = np.indices(mask.shape)
    away = [((places - point[:, None, None]) ** 2).sum(axis=0) for point in points]
    nearer = 1 + (away[1] < away[0])  # also of pieces that neither can grow into
    return np.where(mask & (grown == 0), nearer, grown)


def fill_holes(objects: Objects, next_id: int) -> Objects:  # noqa: ARG001 (as all operations)
    """Fill what lies inside an object."""

    def filled(mask: Mask) -> Mask:
        parts, _ = ndimage.label(~_padded(mask, 1))  # half the time of scipy's own filling
        return np.asarray(parts != parts[0, 0])[1:-1, 1:-1]

    return _reshaped(objects, filled, "no hole to fill")


def remove_specks(objects: Objects, next_id: int) -> Objects:  # noqa: ARG001 (as all operations)
    """Take away parts that are much smaller than the largest one."""

    def without(mask: Mask) -> Mask:
        parts, _ = ndimage.label(mask, np.ones((3, 3)))
        areas = np.bincount(parts.ravel())
        areas[0] = 0
        return np.asarray((areas >= SPECK * areas.max())[parts] & mask)

    return _reshaped(objects, without, "no speck to remove")


def smooth(objects: Objects, next_id: int, radius: float = 2.0) -> Objects:  # noqa: ARG001 (as all operations)
    """Round off what is narrower than a radius in pixels; an object never vanishes."""
    if not radius >= 0:
        raise PromptError(f"The radius {radius} to smooth by is below 0; give one in pixels.")
    margin = int(np.ceil(3 * radius))

    def rounded(mask: Mask) -> Mask:
        around = _padded(mask, margin)
        soft = ndimage.gaussian_filter(around.astype(np.float32), radius, truncate=3)
        smoothed: Mask = soft > 0.5
        return smoothed if smoothed.any() else around

    return _reshaped(objects, rounded, "nothing to smooth", margin)


def describe(
    objects: Objects,
    next_id: int,  # noqa: ARG001 (as all operations)
    category: str | None = None,
    note: str | None = None,
) -> Objects:
    """Give objects a class or a note; None leaves it as it is."""
    return tuple(
        each.described(
            each.category if category is None else category,
            each.note if note is None else note,
        )
        for each in objects
    )


OPERATIONS: dict[str, Callable[..., Objects]] = {
    each.__name__: each for each in (delete, merge, join, split, fill_holes, remove_specks, smooth, describe)
}

DESCRIBE = describe.__name__
"""The operation that changes no mask."""


def check(edit: Edit, store: ObjectStore) -> None:
    """Make sure that an edit changes something, and overwrites none of the objects that there are.

    Raises
    ------
    PromptError
        If it does not.
    """
    told = [[(each.category, each.note) for each in side] for side in (edit.before, edit.after)]
    if edit.what == DESCRIBE and told[0] == told[1]:
        raise PromptError("They have this class and note already; choose a class, or write another note.")
    other = store.overwritten(edit)
    if other is not None:
        raise PromptError(f"Label {other.id} is in that plane already; delete it there, or choose others.")


def _reshaped(objects: Objects, reshape: Callable[[Mask], Mask], otherwise: str, margin: int = 0) -> Objects:
    """Give every object another mask, which may begin `margin` pixels earlier."""
    made = []
    for each in objects:
        origin, mask = cropped((each.origin[0] - margin, each.origin[1] - margin), reshape(each.mask))
        new = replace(each, origin=origin, mask=mask)
        made.append(new if _same(new, each) else replace(new, level=level_by_hand(each.level)))
    if all(_same(one, other) for one, other in zip(objects, made, strict=True)):
        raise PromptError(f"There is {otherwise}; the objects stay as they are.")
    return tuple(made)


def _padded(mask: Mask, margin: int) -> Mask:
    """Return a mask with a margin, which numpy's own function takes long to make for a small one."""
    rows, cols = mask.shape
    around = np.zeros((rows + 2 * margin, cols + 2 * margin), bool)
    around[margin : margin + rows, margin : margin + cols] = mask
    return around


def _same(one: Object, other: Object) -> bool:
    return one.origin == other.origin and np.array_equal(one.mask, other.mask)


def _by_hand(each: Object) -> Object:
    """Forget how an object was made, because no prompt would make it again."""
    return replace(each, prompts=None, choice=None, level="", iou_prediction=None)
