"""The way through a stack: what is asked in each plane, and where an object ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from napari_sam.errors import Cancelled, ImageError, PromptError
from napari_sam.masks import Region
from napari_sam.predict import Candidate, Embedding, MaskPrompt, Predictor, Prompts
from napari_sam.predict.drawn import box_around, deepest_point, drawn_prompt
from napari_sam.progress import Cancel, Progress

from ..given import check_kinds
from ..regions import blend, region_iou, within
from .volume_object import PlaneMask, Source, VolumeObject

EmbeddingOf = Callable[[int], Embedding]
Unread = Callable[[int, ImageError], object]
"""Told of a plane that cannot be read, and why."""

MOVED = (0.5, 0.92)
"""IoU of the masks asked for with and without the one before between which an object has moved."""


@dataclass(frozen=True)
class PropagateSettings:
    """When an object ends; the defaults need no touching.

    Attributes
    ----------
    overlap : float
        The object ends where the IoU of its mask with the one in the plane before is lower.
    confidence : float
        It ends where the predicted IoU is lower than this share of the one in the prompted plane.
    growth : float
        It ends where its area is more than this many times the one in the plane before, or less than
        one part in as many.
    box : bool
        Whether the box around the mask before is a prompt too. A box makes the network draw something
        in it even where nothing is, so objects end later; it helps where they are vague.

    Raises
    ------
    ImageError
        If a number is out of its range.
    TypeError
        If a value is of another kind, such as text.
    """

    overlap: float = 0.4
    confidence: float = 0.75
    growth: float = 2.5
    box: bool = False

    def __post_init__(self) -> None:
        check_kinds(self)
        if not (0 <= self.overlap <= 1 and 0 <= self.confidence <= 1):
            raise ImageError("Overlap and confidence are shares; give numbers of 0 to 1.")
        if self.growth < 1:
            raise ImageError("Growth is how many times as large an object may become; give 1 or more.")


@dataclass(eq=False)
class Walk:
    """One computation: what it asks, and how many planes it has seen."""

    predictor: Predictor
    embedding_of: EmbeddingOf
    depth: int
    settings: PropagateSettings
    progress: Progress | None
    cancelled: Cancel | None
    given: Mapping[int, Region] = field(default_factory=dict)
    unread: Unread | None = None
    _seen: int = 0
    _plane: tuple[int, int] = (0, 0)

    def prompted(self, index: int, prompts: Prompts) -> Candidate:
        """Answer a person's prompts; where a mask is given, it stands in place of the answer's.

        Raises
        ------
        PromptError
            If they give no mask.
        """
        answer = self.predictor.predict_sequence(self._embedding(index), prompts)
        self._plane = answer.shape
        item = answer.items[answer.best]
        if index in self.given:
            item = _with_region(item, self.given[index])
        if not item.area:
            raise PromptError(f"The prompts in plane {index} give no mask; add a point on the object.")
        self._report()
        return item

    def outwards(self, start: Candidate, indices: Iterable[int]) -> dict[int, PlaneMask]:
        """Follow a mask from plane to plane until the object ends."""
        found: dict[int, PlaneMask] = {}
        before = start
        for index in indices:
            embedding = self._readable(index)
            if embedding is None:
                break
            item = self._next(embedding, before)
            overlap = region_iou(_region(item), _region(before))
            if not self._goes_on(item, before, overlap, start):
                break
            found[index] = plane_mask(item, overlap, "propagated")
            before = item
        return found

    def between(self, first: int, one: PlaneMask, last: int, other: PlaneMask) -> dict[int, PlaneMask]:
        """Return the masks between two prompted planes."""
        found: dict[int, PlaneMask] = {}
        least = self.settings.confidence * min(one.iou_prediction, other.iou_prediction)
        for index in range(first + 1, last):
            region = within(blend(one.region, other.region, (index - first) / (last - first)), self._plane)
            if not region[1].size:
                continue
            embedding = self._readable(index)
            if embedding is None:
                continue
            item = self._best(embedding, expecting(region))
            self._report()
            overlap = region_iou(_region(item), region)
            if overlap >= self.settings.overlap and item.iou_prediction >= least:
                found[index] = plane_mask(item, overlap, "interpolated")
            else:
                found[index] = PlaneMask(*region, item.iou_prediction, 1.0, "interpolated")
        return found

    def finished(self, planes: Mapping[int, PlaneMask], prompts: Mapping[int, Prompts]) -> VolumeObject:
        """Put the planes in order."""
        if self.progress is not None:
            self.progress(self.depth, self.depth)
        return VolumeObject(dict(sorted(planes.items())), prompts, (self.depth, *self._plane))

    def _next(self, embedding: Embedding, before: Candidate) -> Candidate:
        """Find in a plane the object that the plane before shows.

        A mask prompt holds the answer back where the object moves, so its middle is asked again alone.
        """
        held = self._best(embedding, _following(before, self.settings.box))
        self._report()
        if not held.area:
            return held
        middle = Prompts(points=[deepest_point(_region(held))], point_labels=[1])
        free = self.predictor.predict(embedding, middle).items
        overlaps = [region_iou(_region(each), _region(held)) for each in free]
        most = int(np.argmax(overlaps))
        return free[most] if MOVED[0] <= overlaps[most] < MOVED[1] else held

    def _best(self, embedding: Embedding, prompts: Prompts) -> Candidate:
        answer = self.predictor.predict(embedding, prompts, multimask=False)
        return answer.items[answer.best]

    def _embedding(self, index: int) -> Embedding:
        if self.cancelled is not None and self.cancelled():
            raise Cancelled("Following the object was cancelled; start it again when you want it.")
        return self.embedding_of(index)

    def _readable(self, index: int) -> Embedding | None:
        """Return a plane's embedding; None, after telling why, where it cannot be read."""
        try:
            return self._embedding(index)
        except ImageError as error:
            if self.unread is None:
                raise
            self.unread(index, error)
            return None

    def _report(self) -> None:
        self._seen += 1
        if self.progress is not None:
            self.progress(self._seen, self.depth)

    def _goes_on(self, item: Candidate, before: Candidate, overlap: float, start: Candidate) -> bool:
        """Say whether a mask still shows the object."""
        limits = self.settings
        if not item.area or overlap < limits.overlap:
            return False
        if item.iou_prediction < limits.confidence * start.iou_prediction:
            return False
        return 1 / limits.growth <= item.area / before.area <= limits.growth


def _following(before: Candidate, box: bool) -> Prompts:
    """Return prompts for the object in the next plane."""
    region = _region(before)
    return Prompts(
        points=[deepest_point(region)],
        point_labels=[1],
        box=box_around(region) if box else None,
        mask=MaskPrompt(before.logits, before.frame),
    )


def expecting(region: Region) -> Prompts:
    """Return prompts for an object that is known to be about here."""
    return Prompts(
        points=[deepest_point(region)], point_labels=[1], box=box_around(region), mask=drawn_prompt(region)
    )


def _with_region(item: Candidate, region: Region) -> Candidate:
    """Return an answer with another mask, to be asked with."""
    drawn = drawn_prompt(region)
    return replace(item, origin=region[0], mask=region[1], logits=drawn.logits, frame=drawn.frame)


def _region(item: Candidate) -> Region:
    return item.origin, item.mask


def plane_mask(item: Candidate, overlap: float, source: Source) -> PlaneMask:
    """Return a candidate as an object's mask in a plane."""
    return PlaneMask(item.origin, item.mask, item.iou_prediction, overlap, source)
