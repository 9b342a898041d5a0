"""What a journal holds, what was drawn into labels before, and what they show, as one session.

They differ where another window went on with a journal, a disk took no more edits, or somebody painted. All
objects of the three are kept, and no two get one label. Where nobody knows what was drawn, as for labels of a
file, they are compared with what the journal held when they were saved, as far as one can tell: only what
differs from that was painted since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.masks import Window

from ..objects import Edit, Object, Plane
from ..painting import Painted
from ..regions import few_pixels
from ..session import AnnotationSession
from ..store import Labels, ObjectStore, whole_of, window_of
from .as_saved import deleted
from .record import Record
from .seen import Seen, in_file, in_large_file, in_window
from .told import describe
from .unwritten import Names, bring, fitting, renamed


@dataclass(frozen=True, eq=False)
class Redrawn:
    """Pixels that have to show something else.

    Attributes
    ----------
    plane : tuple of int
    window : (rows, columns)
    before, after : (h, w) int
        What they show, and what they should.
    """

    plane: Plane
    window: Window
    before: NDArray[Any]
    after: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Merged:
    """What became of labels that a session goes on with.

    Attributes
    ----------
    redrawn : list of Redrawn
        What the labels do not show yet.
    names : dict
        The labels that got another number.
    known : set of tuple of int
        The planes whose labels are all objects.
    """

    redrawn: list[Redrawn]
    names: Names
    known: set[Plane]


def merge(
    session: AnnotationSession,
    labels: Any,
    plane: Plane,
    drawn: ObjectStore | None = None,
    record: Record | None = None,
    told: ObjectStore | None = None,
) -> Merged:
    """Let a session, fresh from its journal, go on with labels that are there.

    Parameters
    ----------
    session : AnnotationSession
        It has given no label yet that is shown.
    labels : (..., Y, X) int
    plane : tuple of int
        Whose labels become objects, besides those of all planes with objects.
    drawn : ObjectStore, optional
        What the last session in this window drew into the labels, if it is known; what they show besides
        was painted.
    record : Record, optional
        What the journal held when it was opened, and what it had held before.
    told : ObjectStore, optional
        What the file of the labels says of their objects, as far as they are shown, which holds where the
        journal says nothing.
    """
    drawn = fitting(drawn, labels.shape)
    told = ObjectStore() if told is None or drawn is not None else told
    steps = record.happened if record is not None and drawn is None else ()
    names: Names = {}
    if drawn is not None:
        session.store.newest_on_top = drawn.newest_on_top
        names = bring(session, drawn, record)
        drawn = renamed(drawn, names)
    else:
        session.store.overlap_as(labels)
        session.store.newest_on_top |= told.newest_on_top
        session.reserve(max((each.id for each in told), default=0))
    objects = [*session.store, *(drawn or ()), *told]
    objects += [each for step in steps for each in (*step.before, *step.after)]
    planes = sorted({plane, *(each.plane for each in objects)})
    _delete(session, labels, planes, steps)
    seen = _seen(session, labels, planes, names, drawn, steps, told)
    _rename(session, [each for one in seen.values() for each in one.new], names, drawn)
    redrawn = _add(session, labels, seen, names)
    describe(session, told, steps, [pair for one in seen.values() for pair in one.pairs])
    if names:
        for each in sorted({*np.ndindex(labels.shape[:-2])} - {*planes}):
            pixels = np.asarray(labels[each])
            redrawn += _differing(each, whole_of(pixels), pixels, _numbered(pixels, names))
    return Merged(redrawn, names, {*planes} if few_pixels(labels) else set())


def _delete(session: AnnotationSession, labels: Any, planes: Iterable[Plane], steps: Sequence[Edit]) -> None:
    """Delete the objects of planes that another program has deleted in the labels, in one step."""
    if session.read_only or not steps or not few_pixels(labels):
        return
    gone = [
        each.key
        for plane in planes
        for each in deleted(steps, session.store, _shown(labels[plane], {}), plane)
    ]
    if gone:
        session.edit("delete", gone)


def _seen(
    session: AnnotationSession,
    labels: Any,
    planes: Iterable[Plane],
    names: Names,
    drawn: ObjectStore | None,
    steps: Sequence[Edit],
    told: ObjectStore,
) -> dict[Plane, Seen]:
    """Return what planes show."""
    store, few = session.store, few_pixels(labels)
    said: defaultdict[Plane, list[Object]] = defaultdict(list)
    for each in told:
        said[each.plane].append(each)

    def look(plane: Plane) -> Seen:
        if not few:
            return in_large_file(store, said[plane]) if drawn is None else Seen([], [], drawn)
        pixels = _shown(labels[plane], names)
        if drawn is None:
            return in_file(pixels, plane, store, steps, said[plane])
        return in_window(pixels, plane, store, drawn)

    return {plane: look(plane) for plane in planes}


def _rename(
    session: AnnotationSession, new: Iterable[Object], names: Names, drawn: ObjectStore | None
) -> None:
    """Give new numbers to labels whose numbers are those of other objects, on all planes."""
    others = set() if drawn is None else {each.id for each in session.store} - {each.id for each in drawn}
    for each in new:
        number = names.get(each.id, each.id)
        if (number, each.plane) in session.store or number in others:
            names[each.id] = session.next_id
            session.reserve(session.next_id)


def _add(session: AnnotationSession, labels: Any, seen: dict[Plane, Seen], names: Names) -> list[Redrawn]:
    """Let new labels become objects, and what was painted edits, in one step; return what is to be drawn."""
    redrawn: list[Redrawn] = []
    painted: list[Painted] = []
    for plane, one in seen.items():
        new = [replace(each, id=names.get(each.id, each.id)) for each in one.new]
        if not few_pixels(labels):
            session.adopt(new)
            redrawn += _drawn_where_untouched(session.store, labels, plane, one.before, names)
            continue
        window = whole_of(labels[plane])
        before = session.store.render(plane, window)
        session.adopt(new)
        stands = session.store.render(plane, window)
        wanted = _wanted(one, _shown(labels[plane], names), plane, before, stands)
        if np.array_equal(wanted, stands):
            redrawn += _differing(plane, window, np.asarray(labels[plane]), stands)
        else:
            painted.append((plane, window, wanted))
    if not session.read_only:
        session.paint_planes(painted)
    for plane, window, pixels in painted:
        after = pixels if session.read_only else session.store.render(plane, window)
        redrawn += _differing(plane, window, np.asarray(labels[plane]), after)
    return redrawn


def _wanted(seen: Seen, shown: Labels, plane: Plane, before: Labels, stands: Labels) -> Labels:
    """Return what a plane should show: what was painted, where the session changed nothing.

    Parameters
    ----------
    seen : Seen
    shown : (h, w) int64
        What the plane shows, by the numbers of the session.
    plane : tuple of int
    before, stands : (h, w) int64
        What the session had there, and has with the new labels.
    """
    for label, each in seen.pairs:
        shown[window_of(label)][label.mask] = each.id
    strange = [each.id for _, each in seen.pairs if each.key not in seen.before]
    was = np.where(np.isin(before, strange), before, seen.before.render(plane, whole_of(shown)))
    return np.where((shown != was) & (before == was), shown, stands)


def _drawn_where_untouched(
    store: ObjectStore, labels: Any, plane: Plane, before: ObjectStore, names: Names
) -> list[Redrawn]:
    """Draw the objects of a large plane, each by itself, where nobody has painted."""
    redrawn = []
    for each in (*store, *before):
        if each.plane == plane:
            window = window_of(each)
            pixels = np.asarray(labels[each.window])
            shown = _numbered(pixels, names)
            untouched = shown == before.render(plane, window)
            wanted = np.where(untouched, store.render(plane, window), shown)
            redrawn += _differing(plane, window, pixels, wanted)
    return redrawn


def _differing(plane: Plane, window: Window, before: NDArray[Any], wanted: NDArray[Any]) -> list[Redrawn]:
    """Return what of a window should show something else; numbers below zero are nobody's, and stay."""
    after = np.where(before < 0, before.astype(np.int64), wanted)  # of uint64 it would be floats
    (rows, cols), (top, left) = np.nonzero(after != before), (window[0].start, window[1].start)
    if not len(rows):
        return []
    low, high = (int(rows.min()), int(cols.min())), (int(rows.max()) + 1, int(cols.max()) + 1)
    part = (slice(low[0], high[0]), slice(low[1], high[1]))
    place = (slice(top + low[0], top + high[0]), slice(left + low[1], left + high[1]))
    return [Redrawn(plane, place, before[part].copy(), after[part].copy())]


def _shown(pixels: Any, names: Names) -> Labels:
    """Return the labels that pixels show, by the numbers of a session: those below zero are nobody's."""
    return np.maximum(_numbered(np.asarray(pixels), names), 0)


def _numbered(pixels: NDArray[Any], names: Names) -> Labels:
    """Return pixels with the numbers that a session knows labels by."""
    numbered = pixels.astype(np.int64)
    for label, number in names.items():
        numbered[pixels == label] = number
    return numbered
