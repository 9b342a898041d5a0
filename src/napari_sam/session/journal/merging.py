"""What a journal holds, what was drawn into labels before, and what they show, as one session.

They differ where another window went on with a journal, a disk took no more edits, or somebody painted. All
objects of the three are kept, and no two get one label. Where nobody knows what was drawn, as for labels of a
file, they are compared with what the journal held when they were saved, as far as one can tell: only what
differs from that was painted since.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.masks import Window

from ..objects import Edit, Key, Object, Plane
from ..painting import Painted
from ..regions import few_pixels, regions
from ..session import AnnotationSession
from ..store import Labels, ObjectStore, whole_of, window_of
from .as_saved import Pairs, deleted, held, paired
from .record import Record
from .told import Told
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
    names, drawn = {}, fitting(drawn, labels.shape)
    told = ObjectStore() if told is None or drawn is not None else told
    if drawn is not None:
        session.store.newest_on_top = drawn.newest_on_top
        names = bring(session, drawn, record)
    else:
        session.store.overlap_as(labels)
        session.store.newest_on_top |= told.newest_on_top
        session.reserve(max((each.id for each in told), default=0))
    steps = record.happened if drawn is None and record is not None else ()
    drawn = None if drawn is None else renamed(drawn, names)
    merging = _Merging(session, labels, drawn, Told(told, steps), names, steps)
    planes = {plane, *(each.plane for store in (session.store, drawn or (), told) for each in store)}
    planes |= {each.plane for step in steps for each in (*step.before, *step.after)}
    merging.delete(sorted(planes))
    for step in (merging.find_names, merging.add):
        for each in sorted(planes):
            step(each)
    merging.paint()
    merging.told.describe(session, merging.pairs)
    if names:
        merging.rename({*np.ndindex(labels.shape[:-2])} - planes)
    return Merged(merging.redrawn, names, planes if few_pixels(labels) else set())


class _Merging:
    """Merges one plane after another."""

    def __init__(
        self,
        session: AnnotationSession,
        labels: Any,
        drawn: ObjectStore | None,
        told: Told,
        names: Names,
        steps: Sequence[Edit],
    ) -> None:
        self._session, self._labels = session, labels
        self._drawn, self._names, self._steps = drawn, names, steps
        self.told = told
        self.pairs: Pairs = []
        known = {each.id for each in drawn or ()}
        self._others = {each.id for each in session.store} - known if drawn is not None else set()
        self._saved: dict[Plane, Pairs] = {}
        self._painted: list[Painted] = []
        self.redrawn: list[Redrawn] = []

    def delete(self, planes: Iterable[Plane]) -> None:
        """Delete the objects of planes that another program has deleted in the labels, in one step."""
        session = self._session
        if session.read_only or not self._steps or not few_pixels(self._labels):
            return
        gone: list[Key] = []
        for plane in planes:
            shown = _shown(self._labels[plane], {})
            gone += [each.key for each in deleted(self._steps, session.store, shown, plane)]
        if gone:
            session.edit("delete", gone)

    def find_names(self, plane: Plane) -> None:
        """Give new numbers to labels of a plane whose numbers are those of other objects."""
        session = self._session
        for each in self._strange(plane)[1]:
            if each.key in session.store or each.id in self._others:
                self._names[each.id] = session.next_id
                session.reserve(session.next_id)

    def add(self, plane: Plane) -> None:
        """Merge a plane: its labels become objects, or only what it does not show is drawn."""
        if few_pixels(self._labels):
            self._whole(plane)
            return
        pairs, strange = self._strange(plane)
        self.pairs += pairs
        self._session.adopt(strange)
        store, drawn = self._session.store, self._drawn
        for each in (*store, *(drawn or ())):
            if each.plane == plane:
                window = window_of(each)
                before = np.asarray(self._labels[each.window])
                shown = _numbered(before, self._names)
                was = np.zeros_like(shown) if drawn is None else drawn.render(plane, window)
                self._redraw(
                    plane, window, before, np.where(shown == was, store.render(plane, window), shown)
                )

    def _whole(self, plane: Plane) -> None:
        store, pixels = self._session.store, np.asarray(self._labels[plane])
        window = whole_of(pixels)
        shown = _shown(pixels, self._names)
        pairs, strange = self._strange(plane)
        self.pairs += pairs
        drawn = self._drawn if self._drawn is not None else _store_of(self._saved[plane])
        drawn.newest_on_top = store.newest_on_top
        now, was = store.render(plane, window), drawn.render(plane, window)
        for each, other in pairs:
            _of(shown, each)[each.mask] = other.id
        was = np.where(np.isin(now, [other.id for _, other in pairs if other.key not in drawn]), now, was)
        self._session.adopt(strange)
        stands = store.render(plane, window)
        wanted = np.where((shown != was) & (now == was), shown, stands)
        if np.array_equal(wanted, stands):
            self._redraw(plane, window, pixels, stands)
        else:
            self._painted.append((plane, window, wanted))

    def _strange(self, plane: Plane) -> tuple[Pairs, list[Object]]:
        """Return the labels of a plane that were not drawn: with the objects that they show, and without.

        Where it is not known what was drawn, those that the journal has held are among the first. The others
        are as the file of the labels tells, which is all that is known of large planes.
        """
        told = self.told.on(plane, self._names)
        if not few_pixels(self._labels):
            pairs = paired(list(told.values()), self._session.store)
            known = {each.id for each, _ in pairs}
            return pairs, [each for each in told.values() if each.id not in known]
        shown = _shown(self._labels[plane], {})
        if self._drawn is not None and np.array_equal(
            _numbered(shown, self._names), self._drawn.render(plane, whole_of(shown))
        ):
            return [], []
        found, saved = regions(shown, plane), self._as_saved(shown, plane)
        known = {each.id for each, _ in saved}
        rest = [replace(each, id=self._names.get(each.id, each.id)) for each in found if each.id not in known]
        strange = [each for each in rest if self._drawn is None or each.key not in self._drawn]
        pairs = paired(strange, self._session.store)
        if self._drawn is not None:  # one that was painted over as a whole has another number now
            pairs = [pair for pair in pairs if pair[1].key not in self._drawn]
        known |= {each.id for each, _ in pairs}
        left = [told.get(each.id, each) for each in strange if each.id not in known]
        hidden = self.told.hidden(plane, {each.id for each in found}, self._session.store)
        return [*saved, *pairs], [*left, *(told[self._names.get(label, label)] for label in hidden)]

    def _as_saved(self, shown: Labels, plane: Plane) -> Pairs:
        """Return the labels of a plane as a file has them that the journal held when it was saved."""
        if plane not in self._saved:
            newest = self._session.store.newest_on_top
            self._saved[plane] = held(self._steps, shown, plane, newest_on_top=newest)
        return self._saved[plane]

    def rename(self, planes: Iterable[Plane]) -> None:
        """Let planes without objects show the labels that got another number by that."""
        for plane in sorted(planes):
            pixels = np.asarray(self._labels[plane])
            window = whole_of(pixels)
            self._redraw(plane, window, pixels, _numbered(pixels, self._names))

    def _redraw(self, plane: Plane, window: Window, before: NDArray[Any], wanted: NDArray[Any]) -> None:
        """Note what a window should show; numbers below zero are nobody's, and stay."""
        after = np.where(before < 0, before.astype(np.int64), wanted)  # of uint64 it would be floats
        (rows, cols), (top, left) = np.nonzero(after != before), (window[0].start, window[1].start)
        if len(rows):
            low, high = (int(rows.min()), int(cols.min())), (int(rows.max()) + 1, int(cols.max()) + 1)
            part = (slice(low[0], high[0]), slice(low[1], high[1]))
            place = (slice(top + low[0], top + high[0]), slice(left + low[1], left + high[1]))
            self.redrawn.append(Redrawn(plane, place, before[part].copy(), after[part].copy()))

    def paint(self) -> None:
        """Take what was painted for edits of the objects, in one step, and show what that uncovers."""
        session = self._session
        if not session.read_only:
            session.paint_planes(self._painted)
        for plane, window, wanted in self._painted:
            shown = wanted if session.read_only else session.store.render(plane, window)
            self._redraw(plane, window, np.asarray(self._labels[plane]), shown)


def _store_of(pairs: Pairs) -> ObjectStore:
    """Return the objects that labels show."""
    return ObjectStore.after([Edit("shown", (), tuple(other for _, other in pairs))])


def _shown(pixels: Any, names: Names) -> Labels:
    """Return the labels that pixels show, by the numbers of a session: those below zero are nobody's."""
    return np.maximum(_numbered(np.asarray(pixels), names), 0)


def _numbered(pixels: NDArray[Any], names: Names) -> Labels:
    """Return pixels with the numbers that a session knows labels by."""
    numbered = pixels.astype(np.int64)
    for label, number in names.items():
        numbered[pixels == label] = number
    return numbered


def _of(pixels: Labels, each: Object) -> Labels:
    """Return the bounding box of an object in its plane's pixels."""
    part: Labels = pixels[window_of(each)]
    return part
