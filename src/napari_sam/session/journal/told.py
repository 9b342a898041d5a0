"""What the file of labels says of their objects: their classes, and what others hide of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..objects import Edit, Key, Object, Plane
from ..operations import DESCRIBE
from ..session import AnnotationSession
from ..store import ObjectStore, window_of
from .as_saved import Pairs
from .unwritten import alike


class Told:
    """Says what a file tells of labels that a journal does not know, and gives it to what the journal knows.

    Parameters
    ----------
    objects : ObjectStore
        Those of the file, as far as the labels show them.
    steps : sequence of Edit
        All that the journal has done, one after another.
    """

    def __init__(self, objects: ObjectStore, steps: Sequence[Edit]) -> None:
        self._steps = steps
        self._objects = objects
        self._on: defaultdict[Plane, list[Object]] = defaultdict(list)
        for each in objects:
            self._on[each.plane].append(each)

    def on(self, plane: Plane, names: Mapping[int, int]) -> dict[int, Object]:
        """Return what it tells of a plane, by the numbers that a session knows labels by."""
        return {(number := names.get(each.id, each.id)): replace(each, id=number) for each in self._on[plane]}

    def hidden(self, plane: Plane, shown: set[int], store: ObjectStore) -> list[int]:
        """Return the file's numbers of what others hide as a whole, and the journal has never held.

        Parameters
        ----------
        plane : tuple of int
        shown : set of int
            The labels that are seen there.
        store : ObjectStore
            What the session knows.
        """
        unseen = (each for each in self._on[plane] if each.id not in shown)
        return [each.id for each in unseen if not self._held(each, store)]

    def _held(self, each: Object, store: ObjectStore) -> bool:
        """Say whether the journal has an object, by whatever number, or had it by its own."""
        here = store.within(each.plane, window_of(each))
        was = (other for step in self._steps for other in step.after if other.key == each.key)
        return any(_same(each, other) for other in here) or any(alike(each, other) for other in was)

    def describe(self, session: AnnotationSession, pairs: Pairs) -> None:
        """Give objects the class and the note of labels that show them, where the journal never told any.

        Parameters
        ----------
        session : AnnotationSession
        pairs : list of (Object, Object)
            Labels, and the objects that they show.
        """
        for field in ("category", "note") if not session.read_only else ():
            known = {each.key for step in self._steps for each in step.after if getattr(each, field)}
            found: defaultdict[str, list[Key]] = defaultdict(list)
            for label, each in pairs:
                said = getattr(self._objects.get(label.key), field, "")
                if said and each.key in session.store and each.key not in known:
                    found[said].append(each.key)
            for said, keys in found.items():
                session.edit(DESCRIBE, keys, **{field: said})


def _same(one: Object, other: Object) -> bool:
    return one.origin == other.origin and np.array_equal(one.mask, other.mask)
