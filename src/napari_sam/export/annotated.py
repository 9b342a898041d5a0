"""Labels as they are seen, with what a session knows of its objects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_sam.masks import Mask, Origin, cropped

from .regions import Region, regions_from_labels, regions_from_objects

if TYPE_CHECKING:
    from napari_sam.session import Object, ObjectStore


def annotated_regions(labels: NDArray[np.integer], store: ObjectStore | None) -> list[Region]:
    """Cut labels into objects, and give those of a session their whole masks, classes and notes.

    An object whose pixels were painted over since is as it was painted. Regions of the session come first,
    in the order in which they are drawn.

    Parameters
    ----------
    labels : (..., Y, X) int
    store : ObjectStore, optional
        What a session has drawn into the labels.

    Raises
    ------
    DataError
        If these are no labels.
    """
    seen = regions_from_labels(labels)
    if store is None:
        return seen
    found = {(region.id, region.plane): region for region in seen}
    drawn = (each for each in store.drawn() if _is_drawn(each, found.get(each.key), labels, store))
    whole = {each.key: _whole(each) for each in drawn}
    for key in found.keys() - whole.keys():
        each = store.get(key)
        if each is not None:
            whole[key] = replace(_whole(each), origin=found[key].origin, mask=found[key].mask)
    return [*whole.values(), *(region for key, region in found.items() if key not in whole)]


def _whole(each: Object) -> Region:
    return regions_from_objects([each])[0]


def _is_drawn(each: Object, seen: Region | None, labels: NDArray[np.integer], store: ObjectStore) -> bool:
    """Say whether an object can be drawn again as a whole, and labels show what they do.

    They have to show of it what the session says, and nothing more; and where others hid it, still
    others: some may have been painted since, or erased.
    """
    planes = labels.shape[:-2]
    if len(each.plane) != len(planes) or (np.array(each.plane) >= planes).any():
        return False
    rows, cols = each.window[-2:]
    assert isinstance(rows, slice)  # noqa: S101 (the last two are)
    assert isinstance(cols, slice)  # noqa: S101
    wanted = cropped(each.origin, store.render(each.plane, (rows, cols)) == each.id)
    if not (_covers(seen, *wanted) if wanted[1].size else seen is None):
        return False
    there = labels[each.window]
    return there.shape == each.mask.shape and bool(there[each.mask].all())


def _covers(seen: Region | None, origin: Origin, mask: Mask) -> bool:
    """Say whether a label covers these pixels, and no others."""
    return seen is not None and seen.origin == origin and np.array_equal(seen.mask, mask)
