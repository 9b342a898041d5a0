"""Proposals for a part, a plane of any size or a whole stack, found one part after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.automatic import AutomaticSettings, WindowSettings
from napari_sam.automatic.part import PartSearch
from napari_sam.automatic.segment import Method
from napari_sam.automatic.windows.reading import LargeImage, shows_nothing
from napari_sam.automatic.windows.stitch import tiles_of
from napari_sam.errors import ImageError
from napari_sam.predict import Normalization, PlaneWindow, Predictor
from napari_sam.predict.window import whole_plane
from napari_sam.progress import Cancel, Progress

from .channels import Mix
from .embeddings import EmbeddingStore
from .known_parts import KnownParts
from .mosaic import FOUND, Mosaic, described
from .objects import Edit, Object, Plane
from .opening import WHOLE
from .store import ObjectStore

ReadPlane = Callable[[Plane, PlaneWindow], ArrayLike]
MARGIN = 128
"""Pixels around a part of a large plane that are searched too, so that objects at its border come whole."""
SHARES = 100
"""Reports of progress that a part is worth."""


class PlaneView:
    """A part of a plane as an array of which no more is read than what is asked for.

    Parameters
    ----------
    read : callable
        Takes the plane and a window of it, and returns its pixels.
    plane : tuple of int
        Position on the axes before (Y, X).
    window : PlaneWindow
        The part.
    """

    def __init__(self, read: ReadPlane, plane: Plane, window: PlaneWindow) -> None:
        self._read, self._plane, self._window = read, plane, window
        pixel = np.asarray(read(plane, replace(window, shape=(1, 1))))
        self.shape: tuple[int, ...] = (*window.shape, *pixel.shape[2:])
        self.dtype = pixel.dtype

    def __getitem__(self, index: tuple[slice, ...]) -> NDArray[Any]:
        rows, cols = index[:2]
        origin = (self._window.origin[0] + rows.start, self._window.origin[1] + cols.start)
        shape = (rows.stop - rows.start, cols.stop - cols.start)
        return np.asarray(self._read(self._plane, PlaneWindow(origin, shape, self._window.plane)))


@dataclass(frozen=True, eq=False)
class Search:
    """What is needed to search an image.

    Attributes
    ----------
    predictor : Predictor
    read : callable
        Takes a plane and a window of it, and returns its pixels, (Y, X) or (Y, X, C), and no others.
    shape : (Y, X)
        Of every plane.
    store : EmbeddingStore
    settings : AutomaticSettings
    mix : Mix, optional
        In which colours channels are seen.
    method : "auto", "grid" or "instances"
    windows : WindowSettings
        How planes larger than `opening.WHOLE` are divided.
    known : KnownParts
        What the networks said of parts of a large plane, for the next search with other settings.
    """

    predictor: Predictor
    read: ReadPlane
    shape: tuple[int, int]
    store: EmbeddingStore
    settings: AutomaticSettings
    mix: Mix | None = None
    method: Method = "auto"
    windows: WindowSettings = field(default_factory=WindowSettings)
    known: KnownParts = field(default_factory=KnownParts)

    def planes(
        self,
        planes: Sequence[Plane],
        first: int,
        *,
        progress: Progress | None = None,
        cancelled: Cancel | None = None,
    ) -> Iterator[Edit]:
        """Find the objects of planes, one after another; large planes window by window.

        Of several planes those that cannot be read are left out, and told of in the end; so goes what
        promises too little beside the objects of all of them, as noise where a plane shows next to nothing.

        Parameters
        ----------
        planes : sequence of tuple of int
        first : int
            The first proposal's label.
        progress : callable, optional
            Called with shares done and all shares.
        cancelled : callable, optional
            Asked in between whether to stop.

        Yields
        ------
        Edit
            Proposals of a plane that come, and earlier ones that go.

        Raises
        ------
        ImageError
            If the image or the method cannot be used, or a plane; what was yielded stays true.
        Cancelled, OutOfMemoryError
            If `cancelled` said so, or the device has too little memory; what was yielded stays true.
        """
        unread: list[ImageError] = []
        edits: list[Edit] = []
        for number, plane in enumerate(planes):
            report = _share(progress, number, len(planes))
            find = self.window if max(self.shape) > WHOLE else self._whole
            try:
                for edit in find(plane, whole_plane(self.shape), first, report, cancelled):
                    first = max([first, *(each.id + 1 for each in edit.after)])
                    edits.append(edit)
                    yield edit
            except ImageError as error:
                unread.append(error)
        if len(planes) > 1:
            yield from self._unsure(edits)
        if unread:
            raise _left_out(unread, len(planes))

    def _whole(
        self, plane: Plane, region: PlaneWindow, first: int, progress: Progress, cancelled: Cancel | None
    ) -> Iterator[Edit]:
        """Find the objects of a plane that is embedded at once, as it is for prompts."""
        pixels = self.read(plane, region)
        embedding = self.store.embed(self.predictor, pixels, mix=self.mix, cancelled=cancelled)
        part = PartSearch(self.predictor, embedding, self.method)
        records = part.records(self.settings, progress=progress, cancelled=cancelled)
        progress(1, 1)
        yield Edit(FOUND, (), described(records, embedding, plane, first))

    def _unsure(self, edits: Sequence[Edit]) -> Iterator[Edit]:
        """Take back, plane by plane, what promises too little beside all that was found."""
        found = ObjectStore()
        for edit in edits:
            found.apply(edit)
        if not len(found):
            return
        least = self.settings.least([each.score or 0.0 for each in found])
        unsure = (each for each in found if (each.score or 0.0) < least)
        for _, of_plane in groupby(sorted(unsure, key=_plane), _plane):
            yield Edit(FOUND, tuple(of_plane), ())

    def window(
        self,
        plane: Plane,
        region: PlaneWindow,
        first: int,
        progress: Progress | None = None,
        cancelled: Cancel | None = None,
    ) -> Iterator[Edit]:
        """Find the objects of a part of a large plane, as `planes` does; what is cut by windows is joined.

        The range of values is that of the part, so that it looks the same in every window.
        """
        view: Any = PlaneView(self.read, plane, region)
        image = LargeImage(view, colours=None if self.mix is None else self.mix.colours)
        record = image.survey(cancelled)
        noted = record if self.mix is None else self.mix.noted(record)
        mosaic = Mosaic(plane, region, self.settings, first)
        tiles = tiles_of(image.shape, self.windows)
        for number, tile in enumerate(tiles):
            report = _share(progress, number, len(tiles))
            make = partial(self._part, image, tile.window, record, cancelled)
            part = self.known.get((plane, region.origin, region.shape, record), tile.window.origin, make)
            if part is not None:
                records = part.records(self.settings, progress=report, cancelled=cancelled)
                yield mosaic.add(records, replace(part.embedding, normalization=noted), tile)
            report(1, 1)

    def _part(
        self, image: LargeImage, window: PlaneWindow, record: Normalization, cancelled: Cancel | None
    ) -> PartSearch | None:
        """Make a window ready for searches; None where it shows nothing."""
        pixels = image.pixels(window, record)
        if shows_nothing(pixels):
            return None
        embedding = self.store.embed(self.predictor, pixels, normalization=None, cancelled=cancelled)
        return PartSearch(self.predictor, embedding, self.method)


def _plane(each: Object) -> Plane:
    return each.plane


def widened(seen: PlaneWindow) -> PlaneWindow:
    """Return a part of a plane with a margin around it."""
    low = np.maximum(np.array(seen.origin) - MARGIN, 0)
    high = np.minimum(np.array(seen.origin) + seen.shape + MARGIN, seen.plane)
    (row, col), (height, width) = low.tolist(), (high - low).tolist()
    return PlaneWindow((row, col), (height, width), seen.plane)


def _left_out(unread: Sequence[ImageError], planes: int) -> ImageError:
    """Return what tells of planes that could not be read, and that the others were searched."""
    first, more = unread[0], len(unread) - 1
    if len(unread) == planes:
        return first
    too = f"{more} further plane{'s' * (more > 1)} cannot be read either; " if more else ""
    return ImageError(f"{str(first).removesuffix('.')}; {too}all others were searched.")


def _share(progress: Progress | None, number: int, count: int) -> Progress:
    """Return how one of several equal parts reports its progress as that of all."""

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(number * SHARES + done * SHARES // max(total, 1), count * SHARES)

    return report
