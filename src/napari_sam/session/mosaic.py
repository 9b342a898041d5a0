"""What a search found as proposals on a plane, those of several windows joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_sam.automatic import AutomaticSettings, MaskRecord
from napari_sam.automatic.painting import painted
from napari_sam.automatic.windows.stitch import Stitched, Tile, resolved, stitch
from napari_sam.predict import Embedding, PlaneWindow, Prompts

from .objects import Edit, Object, Plane, common
from .operations import Objects, merge
from .painting import repainted
from .store import ObjectStore

FOUND = "found"


def described(records: Iterable[MaskRecord], embedding: Embedding, plane: Plane, first: int) -> Objects:
    """Return what was found in a part as proposals on its plane.

    Parameters
    ----------
    records : iterable of MaskRecord
        In the part's own positions.
    embedding : Embedding
        Of the part.
    plane : tuple of int
    first : int
        The first proposal's label.
    """
    return tuple(_described(record, embedding, plane, number) for number, record in enumerate(records, first))


def _described(record: MaskRecord, embedding: Embedding, plane: Plane, number: int) -> Object:
    row, col = embedding.window.origin
    if record.box is None:
        prompts = Prompts([(record.point[0] + row, record.point[1] + col)], [1])
    else:
        top, left, bottom, right = record.box
        prompts = Prompts(box=(top + row, left + col, bottom + row, right + col))
    return Object(
        id=number,
        plane=plane,
        origin=(record.origin[0] + row, record.origin[1] + col),
        mask=record.mask,
        prompts=prompts,
        iou_prediction=record.predicted_iou,
        score=record.worth,
        model=embedding.model,
        weights_hash=embedding.weights_hash,
        normalization=embedding.normalization.to_dict(),
    )


class Mosaic:
    """The proposals of a part of a plane, joined window by window.

    Parameters
    ----------
    plane : tuple of int
    region : PlaneWindow
        The part.
    settings : AutomaticSettings
        Of what is left out where masks overlap.
    first : int
        The first proposal's label.
    """

    def __init__(self, plane: Plane, region: PlaneWindow, settings: AutomaticSettings, first: int) -> None:
        self._plane, self._region, self._settings = plane, region, settings
        self._store = ObjectStore()
        self._next = first

    def add(self, records: Sequence[MaskRecord], embedding: Embedding, tile: Tile) -> Edit:
        """Join what was found in one window to what was found before.

        Parameters
        ----------
        records : sequence of MaskRecord
            In the window's own positions.
        embedding : Embedding
            Of the window.
        tile : Tile
            The window's place in the part.

        Returns
        -------
        Edit
            What goes and comes. An object in pieces has no prompts, because none would make it whole.
        """
        origin = np.add(self._region.origin, tile.window.origin)
        place = PlaneWindow((int(origin[0]), int(origin[1])), tile.window.shape, self._region.plane)
        labels, kept = painted(records, tile.window.shape, self._settings)
        found = described(kept, embedding.placed(place), self._plane, 1)
        window = place.index
        old = {each.key: each for each in self._store.within(self._plane, window)}
        before = self._store.render(self._plane, window).astype(np.int32)
        stitched = stitch(labels, tile, before, self._next)
        self._next += len(stitched.new)
        self._merge(stitched)
        self._draw(stitched.labels, labels, found, place)
        keys = {*old, *(each.key for each in self._store.within(self._plane, window))}
        now = {key: self._store[key] for key in keys if key in self._store}
        gone = tuple(each for key, each in old.items() if now.get(key) is not each)
        come = tuple(each for key, each in now.items() if old.get(key) is not each)
        return Edit(FOUND, gone, come)

    def _merge(self, stitched: Stitched) -> None:
        """Make one of those that turned out to be pieces of one object."""
        for label in stitched.merged:
            pieces = [self._store[each, self._plane] for each in (resolved(stitched.merged, label), label)]
            self._store.apply(Edit(FOUND, tuple(pieces), merge(tuple(pieces), 0)))

    def _draw(
        self, labels: NDArray[np.int32], numbers: NDArray[np.int32], found: Objects, place: PlaneWindow
    ) -> None:
        """Give every object the pixels of a window that have its label now.

        Parameters
        ----------
        labels : (h, w) int32
            Of the plane.
        numbers : (h, w) int32
            Of the window's own objects, 1 to N.
        found : tuple of Object
            The window's own.
        place : PlaneWindow
        """
        shown = self._store.render(self._plane, place.index)
        other = shown != labels
        for label in np.unique(np.concatenate([shown[other], labels[other]])).tolist():
            if not label:
                continue
            old = self._store.get((label, self._plane))
            come, gone = other & (labels == label), other & (shown == label)
            new = repainted(old, label, self._plane, place.index, gone, come)
            seen = np.bincount(numbers[labels == label], minlength=1)
            number = int(seen[1:].argmax()) + 1 if len(seen) > 1 else 0
            source = found[number - 1] if number else None
            drawn = _as_found(new, source, old is None)
            self._store.apply(Edit(FOUND, () if old is None else (old,), (drawn,) if drawn.mask.size else ()))


def _as_found(new: Object, source: Object | None, fresh: bool) -> Object:
    """Return an object with all that is known of the one that a window saw, if it is that one."""
    if source is not None and (fresh or common(new, source) == new.area == source.area):
        return replace(source, id=new.id, origin=new.origin, mask=new.mask)
    return replace(new, prompts=None)
