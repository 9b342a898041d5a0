"""Labels as they are seen, with what a session, or the file that they are of, knows of their objects."""

from __future__ import annotations

from collections.abc import Sequence
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
        What a session has drawn into the labels, or their file told of them.

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


def tell_more(regions: Sequence[Region], labels: NDArray[np.integer]) -> bool:
    """Say whether something is known of the objects of a file that labels of them do not show."""
    said = (each.category or each.note or each.model or each.iou_prediction is not None for each in regions)
    return any(said) or sum(each.area for each in regions) > int(np.count_nonzero(labels))


def objects_told(regions: Sequence[Region], labels: NDArray[np.integer]) -> ObjectStore:
    """Return the objects of a file as far as labels still show them.

    They are whole where the labels show of them what the file did, and else as they are seen. What was erased
    is left out.

    Parameters
    ----------
    regions : sequence of Region
        As they were read.
    labels : (..., Y, X) int
        Which were drawn of these, whoever has painted since.
    """
    from napari_sam.session import Edit, ObjectStore
    from napari_sam.session.store import fits

    inside = [each for each in map(_object, regions) if fits(each, labels.shape)]
    store = ObjectStore.after([Edit("read", (), tuple(inside))])
    store.overlap_as(labels)
    kept = tuple(filter(None, (_as_seen(each, labels, store) for each in store)))
    told = ObjectStore.after([Edit("read", (), kept)])
    told.newest_on_top = store.newest_on_top
    return told


def _object(region: Region) -> Object:
    from napari_sam.session import Object

    return Object(
        region.id,
        region.plane,
        region.origin,
        region.mask,
        category=region.category,
        note=region.note,
        iou_prediction=region.iou_prediction,
        model=region.model,
    )


def _as_seen(each: Object, labels: NDArray[np.integer], store: ObjectStore) -> Object | None:
    """Return an object as labels show it, whole where they can; None where they do not."""
    origin, mask = cropped(each.origin, labels[each.window] == each.id)
    seen = Region(each.id, each.plane, origin, mask) if mask.size else None
    if _is_drawn(each, seen, labels, store):
        return each
    return None if seen is None else replace(each, origin=origin, mask=mask)


def _whole(each: Object) -> Region:
    return regions_from_objects([each])[0]


def _is_drawn(each: Object, seen: Region | None, labels: NDArray[np.integer], store: ObjectStore) -> bool:
    """Say whether an object can be drawn again as a whole, and labels show what they do.

    They have to show of it what the session says, and nothing more; and where others hid it, still
    others: some may have been painted since, or erased.
    """
    from napari_sam.session.store import fits, window_of

    if not fits(each, labels.shape):
        return False
    wanted = cropped(each.origin, store.render(each.plane, window_of(each)) == each.id)
    if not (_covers(seen, *wanted) if wanted[1].size else seen is None):
        return False
    return bool(labels[each.window][each.mask].all())


def _covers(seen: Region | None, origin: Origin, mask: Mask) -> bool:
    """Say whether a label covers these pixels, and no others."""
    return seen is not None and seen.origin == origin and np.array_equal(seen.mask, mask)
