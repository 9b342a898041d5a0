"""What labels of a plane show: objects that a session knows, and labels that are new to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..objects import Edit, Object, Plane
from ..regions import regions
from ..store import Labels, ObjectStore, whole_of
from .as_saved import Pairs, held, paired
from .told import hidden


@dataclass(frozen=True, eq=False)
class Seen:
    """What labels of a plane show.

    Attributes
    ----------
    pairs : list of (Object, Object)
        Labels that were not drawn here, and the objects of the session that they show.
    new : list of Object
        Labels that show none.
    before : ObjectStore
        What the labels had shown before somebody painted in them.
    """

    pairs: Pairs
    new: list[Object]
    before: ObjectStore


def in_window(pixels: Labels, plane: Plane, store: ObjectStore, drawn: ObjectStore) -> Seen:
    """Look at labels into which this window drew what a session then had.

    Parameters
    ----------
    pixels : (h, w) int64
        The labels, by the numbers of the session.
    plane : tuple of int
    store, drawn : ObjectStore
        What the session knows, and what was drawn.
    """
    if np.array_equal(pixels, drawn.render(plane, whole_of(pixels))):
        return Seen([], [], drawn)
    strange = [each for each in regions(pixels, plane) if each.key not in drawn]
    pairs = [pair for pair in paired(strange, store) if pair[1].key not in drawn]  # or it was painted over
    return Seen(pairs, _without(strange, pairs), drawn)


def in_file(
    pixels: Labels, plane: Plane, store: ObjectStore, steps: Sequence[Edit], told: Sequence[Object]
) -> Seen:
    """Look at labels of a file, of which only the journal can tell what they showed when they were saved.

    Parameters
    ----------
    pixels : (h, w) int64
    plane : tuple of int
    store : ObjectStore
        What the session knows.
    steps : sequence of Edit
        All that the journal has done, one after another.
    told : sequence of Object
        Those of the plane, as the file says.
    """
    found = regions(pixels, plane)
    saved = held(steps, pixels, plane, newest_on_top=store.newest_on_top)
    before = ObjectStore.after([Edit("saved", (), tuple(each for _, each in saved))])
    before.newest_on_top = store.newest_on_top
    strange = _without(found, saved)
    pairs = paired(strange, store)
    whole = {each.id: each for each in told}
    new = [whole.get(each.id, each) for each in _without(strange, pairs)]
    new += hidden(told, {each.id for each in found}, store, steps)
    return Seen([*saved, *pairs], new, before)


def in_large_file(store: ObjectStore, told: Sequence[Object]) -> Seen:
    """Take what a file says of a plane for its labels: to look at all its pixels would take too long."""
    pairs = paired(told, store)
    return Seen(pairs, _without(told, pairs), ObjectStore())


def _without(labels: Sequence[Object], pairs: Pairs) -> list[Object]:
    known = {label.id for label, _ in pairs}
    return [each for each in labels if each.id not in known]
