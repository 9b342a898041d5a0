"""What a journal held when labels were saved, as far as labels of a file can tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam.masks import Window

from ..objects import ADOPT, Edit, Key, Object, Plane, common
from ..regions import regions
from ..store import Labels, ObjectStore, whole_of, window_of
from .unwritten import SAME, alike

Pairs = list[tuple[Object, Object]]
"""Labels of a plane, and the objects that they show."""


def held(steps: Sequence[Edit], shown: Labels, plane: Plane, *, newest_on_top: bool) -> Pairs:
    """Return the labels of a plane that show what a journal held at one moment: when they differ least."""
    there = _on_plane(steps, plane)
    moment, _ = _moment(there, shown, plane, newest_on_top=newest_on_top)
    store = ObjectStore.after(there[:moment])
    return paired(regions(shown, plane), store) if len(store) else []


def deleted(steps: Sequence[Edit], store: ObjectStore, shown: Labels, plane: Plane) -> list[Object]:
    """Return the objects of a plane that were deleted in saved labels by another program.

    Only where all else is as it was saved at last: what the labels have never shown is not deleted, and
    labels that show what the journal held at any moment were not changed elsewhere.

    Parameters
    ----------
    steps : sequence of Edit
        All that a journal has done, one after another.
    store : ObjectStore
        What the journal holds.
    shown : (h, w) int64
        What the labels of the plane show.
    plane : tuple of int
    """
    there = _on_plane(steps, plane)
    now = store.render(plane, whole_of(shown))
    differing = shown != now
    gone = np.unique(now[differing])
    if not gone.size or shown[differing].any() or np.isin(gone, shown).any():
        return []
    if _moment(there, shown, plane, newest_on_top=store.newest_on_top)[1] == 0:
        return []
    came: dict[Key, int] = {}
    for place, step in enumerate(there):
        came |= {each.key: place for each in step.after}
    last = max((came.get((label, plane), -1) for label in np.unique(shown).tolist()), default=-1)
    keys = [(label, plane) for label in gone.tolist()]
    return [store[key] for key in keys if came.get(key, last + 1) <= last]


def paired(strange: Sequence[Object], store: ObjectStore) -> Pairs:
    """Return the labels of a plane that show objects of a store: by the same number, or in the same place."""
    pairs: Pairs = []
    for each in strange:
        other = store.get(each.key)
        if other is not None and common(each, other) >= SAME * min(each.area, other.area):
            pairs.append((each, other))
    named, taken = {each.id for each, _ in pairs}, {other.key for _, other in pairs}
    for each in strange:
        near = store.within(each.plane, window_of(each)) if each.id not in named else []
        found = next((other for other in near if other.key not in taken and alike(each, other)), None)
        if found is not None:
            pairs.append((each, found))
            taken.add(found.key)
    return pairs


def _moment(steps: Sequence[Edit], shown: Labels, plane: Plane, *, newest_on_top: bool) -> tuple[int, int]:
    """Return after how many steps a plane is the most like what labels show, of several the last.

    And how many pixels differ then.
    """
    store = ObjectStore()
    store.newest_on_top = newest_on_top
    begun = bool(steps) and steps[0].what == ADOPT  # it was never seen empty
    differing = int(np.count_nonzero(shown))
    fewest, best = shown.size + 1 if begun else differing, 0
    for count, step in enumerate(steps, 1):
        window = _around(step.moved)
        differing -= int(np.count_nonzero(shown[window] != store.render(plane, window)))
        store.apply(step)
        differing += int(np.count_nonzero(shown[window] != store.render(plane, window)))
        if differing <= fewest:
            fewest, best = differing, count
    return best, fewest


def _on_plane(steps: Sequence[Edit], plane: Plane) -> list[Edit]:
    """Return what steps do on one plane; those that do nothing there are left out."""
    there = []
    for step in steps:
        before, after = (
            tuple(each for each in side if each.plane == plane) for side in (step.before, step.after)
        )
        if before or after:
            there.append(Edit(step.what, before, after))
    return there


def _around(objects: Sequence[Object]) -> Window:
    """Return the window of a plane that objects are in."""
    windows = [window_of(each) for each in objects] or [(slice(0, 0), slice(0, 0))]
    rows, cols = zip(*windows, strict=True)
    return (
        slice(min(each.start for each in rows), max(each.stop for each in rows)),
        slice(min(each.start for each in cols), max(each.stop for each in cols)),
    )
