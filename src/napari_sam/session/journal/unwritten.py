"""Objects that were drawn and that the journal does not hold: a disk took no more, or it is another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..objects import PAINT, Edit, Key, Object, object_iou
from ..session import AnnotationSession
from ..store import ObjectStore, fits
from .record import Record

SAME = 0.5
"""Labels and objects that share as much are the same."""
Names = dict[int, int]
"""Labels as they are shown that a session knows by another number."""


def fitting(drawn: ObjectStore | None, shape: Sequence[int]) -> ObjectStore | None:
    """Return what was drawn, unless it was drawn into labels of another shape."""
    return drawn if drawn is not None and all(fits(each, shape) for each in drawn) else None


def bring(session: AnnotationSession, drawn: ObjectStore, record: Record | None) -> Names:
    """Give a session the objects that its journal has never held; return the labels that were taken."""
    written = _written(record)
    missing = [each for each in drawn if not any(_equal(each, other) for other in written.get(each.key, ()))]
    if not missing:
        return {}
    lost = {id(each) for each in missing}
    own = {each.id for each in drawn if id(each) not in lost}
    own |= {each.id for each in missing if alike(each, session.store.get(each.key))}
    last = 0 if record is None else record.last_id
    taken = sorted({each.id for each in missing if each.id <= last} - own)
    session.reserve(max(each.id for each in missing))
    names = {label: session.next_id + step for step, label in enumerate(taken)}
    came = [replace(each, id=names.get(each.id, each.id)) for each in missing]
    session.adopt(came)
    if not session.read_only:
        edited = [each for each in came if not _equal(each, session.store[each.key])]
        if edited:
            session.put(PAINT, tuple(session.store[each.key] for each in edited), tuple(edited))
    return names


def _written(record: Record | None) -> dict[Key, list[Object]]:
    """Return all that a journal has held: what stands, what was replaced, and what was taken back."""
    found: dict[Key, list[Object]] = {}
    for edit in () if record is None else record.happened:
        for each in edit.after:
            found.setdefault(each.key, []).append(each)
    return found


def _equal(one: Object, other: Object) -> bool:
    one_said, other_said = ((each.origin, each.category, each.note, each.made) for each in (one, other))
    return one_said == other_said and np.array_equal(one.mask, other.mask)


def alike(one: Object, other: Object | None) -> bool:
    """Say whether two objects of a plane cover about the same pixels."""
    return other is not None and object_iou(one, other) >= SAME


def renamed(drawn: ObjectStore, names: Names) -> ObjectStore:
    """Return what was drawn, by the numbers that the session knows it by."""
    if not names:
        return drawn
    again = tuple(replace(each, id=names.get(each.id, each.id)) for each in drawn)
    other = ObjectStore.after([Edit("rename", (), again)])
    other.newest_on_top = drawn.newest_on_top
    return other
