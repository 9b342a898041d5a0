"""Searches of what is seen, of a plane or of everything, and again while thresholds move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_sam.automatic import AutomaticSettings, nothing_found
from napari_sam.automatic.part import PartSearch
from napari_sam.automatic.thresholds import THRESHOLDS, defaults_for, way_of, with_thresholds
from napari_sam.errors import PromptError
from napari_sam.predict import PlaneWindow
from napari_sam.predict.window import whole_plane
from napari_sam.session.embeddings import embedding_store
from napari_sam.session.found import Search, widened
from napari_sam.session.mosaic import FOUND
from napari_sam.session.objects import Edit

from ..forms.segment_all import EVERYTHING, VIEW
from ..layers.mixed import Mixed
from ..layers.planes import image_shape, read_window, seen
from .last_thresholds import keep_thresholds
from .searching import Find, Searching

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_sam.session import Plane
    from napari_sam.session.opening import Opened
    from napari_sam.session.review import Review

    from ..annotating.annotation import Annotation
    from ..background.jobs import Jobs
    from ..forms.segment_all import SegmentAll


class Proposing:
    """Asks for searches, and puts what they find up for review.

    Signals
    -------
    said : str
        One sentence for the person.
    found : Find
        Something arrived from a search; its proposals are put up for review next.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image or Mixed
    annotation : Annotation
        Whose open part and model are searched.
    review : Review
        Where proposals go.
    panel : SegmentAll
        Where thresholds are chosen.
    jobs : Jobs
        For searches alone.
    """

    said = Signal(str)
    found = Signal(Find)

    def __init__(
        self,
        viewer: ViewerModel,
        image: Image | Mixed,
        annotation: Annotation,
        review: Review,
        panel: SegmentAll,
        jobs: Jobs,
    ) -> None:
        self._viewer, self._image, self._annotation = viewer, image, annotation
        self._review, self._panel = review, panel
        self._searching = Searching(jobs)
        self._part: PartSearch | None = None
        self._searched: PlaneWindow | None = None
        self._sweeping: Search | None = None
        self._settings = AutomaticSettings()
        self._outdated: dict[Plane, PlaneWindow] = {}
        self._first = 1
        self._searching.arrived.connect(self._arrived)
        self._searching.ended.connect(self._ended)

    @property
    def sketching(self) -> bool:
        """Whether a search goes on whose outlines are not there yet."""
        return self._searching.sketching

    def search(self, scope: str, plane: Plane) -> None:
        """Search what is seen of a plane, the plane, or all planes.

        Raises
        ------
        PromptError
            If the image is not ready yet, or nothing of it is seen.
        ImageError
            If the model cannot be used.
        """
        opened = self._opened()
        self._offer_thresholds(opened)
        self._sweeping = None
        shape = opened.window.plane
        if scope == EVERYTHING and len(image_shape(self._image)) > 2:
            self._sweep(opened, list(np.ndindex(*image_shape(self._image)[:-2])))
            return
        region = self._seen() if scope == VIEW else whole_plane(shape)
        if _within(region, opened.window):
            self._search_part(opened, plane, region)
        elif scope == VIEW:
            self._sweep(opened, [plane], widened(region))
        else:
            self._sweep(opened, [plane])

    def again(self, plane: Plane) -> None:
        """Search again with the thresholds as they are now: where it was searched last, or what is seen."""
        opened = self._annotation.part
        if opened is None or not self._annotation.session.ready or opened.preview:
            return
        known = self._part is not None and self._part.embedding is opened.embedding
        region = (self._searched if known else None) or self._seen()
        if _within(region, opened.window):
            self._search_part(opened, plane, region)
        else:
            self._sweep(opened, [plane], widened(region), locked=False)

    def forget(self) -> None:
        """Look at the pixels again in the next search."""
        self._part = self._searched = self._sweeping = None

    def _opened(self) -> Opened:
        opened = self._annotation.part
        if opened is None or not self._annotation.session.ready or opened.preview:
            raise PromptError("The image is still being read by the model; try again when it is ready.")
        return opened

    def _seen(self) -> PlaneWindow:
        rows, cols = image_shape(self._image)[-2:]
        first, last = np.rint(seen(self._image, self._viewer)).astype(int)
        (top, left), (bottom, end) = np.clip([first, last + 1], 0, (rows, cols)).tolist()
        if top == bottom or left == end:
            raise PromptError("Nothing of this plane is in view; move it there, or search all of it.")
        return PlaneWindow((top, left), (bottom - top, end - left), (rows, cols))

    def _search_part(self, opened: Opened, plane: Plane, region: PlaneWindow) -> None:
        if self._part is None or self._part.embedding is not opened.embedding:
            self._part = PartSearch(opened.predictor, opened.embedding)
        self._searched = region
        self._begin({plane: region})
        top, left = np.subtract(region.origin, opened.window.origin).tolist()
        window = (slice(top, top + region.shape[0]), slice(left, left + region.shape[1]))
        self._searching.part(self._part, plane, window, self._settings, self._first)

    def _sweep(
        self,
        opened: Opened,
        planes: Sequence[Plane],
        region: PlaneWindow | None = None,
        *,
        locked: bool = True,
    ) -> None:
        """Search planes one after another, or a part of one that is too large to be open at once."""
        self._searched = None
        self._begin(dict.fromkeys(planes, region or whole_plane(opened.window.plane)))
        search = self._sweeping = self._search(opened)
        self._panel.set_searching(searching=locked)
        find = partial(search.planes, planes) if region is None else partial(search.window, planes[0], region)
        first = self._first
        self._searching.parts(
            lambda progress, cancelled: find(first, progress=progress, cancelled=cancelled), planes
        )

    def _search(self, opened: Opened) -> Search:
        """Return a search with the thresholds as they are now, which knows what the last one learned."""
        image, last, predictor = self._image, self._sweeping, opened.predictor
        mix = image.mix if isinstance(image, Mixed) else None
        if last is not None and last.predictor is predictor and last.mix == mix:
            return replace(last, settings=self._settings)
        read = partial(read_window, image)
        return Search(predictor, read, opened.window.plane, embedding_store(), self._settings, mix)

    def _begin(self, where: dict[Plane, PlaneWindow]) -> None:
        """Remember what the search replaces: proposals go when the first ones of their plane come."""
        self._outdated, self._first = where, self._review.next_id
        self._settings = with_thresholds(self._panel.thresholds)

    def _offer_thresholds(self, opened: Opened) -> None:
        """Let the person move what the model's way of searching depends on."""
        model = opened.predictor.model
        self._panel.set_thresholds(THRESHOLDS[way_of(model)], defaults_for(model))

    def _arrived(self, find: Find) -> None:
        self.found.emit(find)
        if find.edit is None:
            return
        outdated = self._outdated.pop(find.plane, None)
        gone = () if outdated is None else self._review.within(find.plane, outdated.index, self._first)
        self._review.put(Edit(FOUND, (*gone, *find.edit.before), find.edit.after))

    def _ended(self, count: int) -> None:
        opened = self._annotation.part
        keep_thresholds(self._panel.changed_thresholds)
        for plane, outdated in self._outdated.items():  # of which nothing arrived, since nothing is there
            self._review.put(Edit(FOUND, self._review.within(plane, outdated.index, self._first), ()))
        self._outdated = {}
        if count == 0 and opened is not None:
            self.said.emit(nothing_found(opened.predictor.model, "auto", self._settings))
        elif count:
            key, waiting = self._annotation.keyboard.text, len(self._review.open)
            answers = f"{key('accept')} accepts, {key('reject')} rejects, {key('correct')} corrects"
            self.said.emit(
                f"Found {count}, {waiting} to answer: {answers}."
                if waiting
                else f"Found {count}, and all of them have labels already or were rejected."
            )


def _within(inner: PlaneWindow, outer: PlaneWindow) -> bool:
    low, high = np.array(inner.origin), np.add(inner.origin, inner.shape)
    return bool((low >= outer.origin).all() and (high <= np.add(outer.origin, outer.shape)).all())
