"""What the file of labels says of their objects: their classes, and what others hide of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ..objects import Edit, Key, Object
from ..operations import DESCRIBE
from ..session import AnnotationSession
from ..store import ObjectStore, window_of
from .as_saved import Pairs
from .unwritten import alike


def hidden(
    told: Sequence[Object], shown: set[int], store: ObjectStore, steps: Sequence[Edit]
) -> list[Object]:
    """Return what others hide as a whole on a plane, and the journal has never held.

    Parameters
    ----------
    told : sequence of Object
        Those of the file on the plane.
    shown : set of int
        The labels that are seen there.
    store : ObjectStore
        What the session knows.
    steps : sequence of Edit
        All that the journal has done, one after another.
    """
    return [each for each in told if each.id not in shown and not _held(each, store, steps)]


def _held(each: Object, store: ObjectStore, steps: Sequence[Edit]) -> bool:
    """Say whether a journal has an object, by whatever number, or had it by its own."""
    here = store.within(each.plane, window_of(each))
    was = (other for step in steps for other in step.after if other.key == each.key)
    return any(_same(each, other) for other in here) or any(alike(each, other) for other in was)


def describe(session: AnnotationSession, told: ObjectStore, steps: Sequence[Edit], pairs: Pairs) -> None:
    """Give objects the class and the note of labels that show them, where the journal never told any.

    Parameters
    ----------
    session : AnnotationSession
    told : ObjectStore
        The objects of the file.
    steps : sequence of Edit
        All that the journal has done, one after another.
    pairs : list of (Object, Object)
        Labels, and the objects that they show.
    """
    for field in ("category", "note") if not session.read_only else ():
        known = {each.key for step in steps for each in step.after if getattr(each, field)}
        found: defaultdict[str, list[Key]] = defaultdict(list)
        for label, each in pairs:
            said = getattr(told.get(label.key), field, "")
            if said and each.key in session.store and each.key not in known:
                found[said].append(each.key)
        for said, keys in found.items():
            session.edit(DESCRIBE, keys, **{field: said})


def _same(one: Object, other: Object) -> bool:
    return one.origin == other.origin and np.array_equal(one.mask, other.mask)
