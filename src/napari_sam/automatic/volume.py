"""An object through a stack: from prompts in one plane or several to a mask in every plane that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_sam.errors import Cancelled, ImageError, PromptError
from napari_sam.predict import Candidate, Embedding, MaskPrompt, Predictor, Prompts

from .grid import Cancel, Progress
from .records import Mask
from .volume_shapes import Region, blend, box_around, deepest_point, drawn_prompt, region_iou, within

Source = Literal["prompted", "propagated", "interpolated"]
EmbeddingOf = Callable[[int], Embedding]

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
    """

    overlap: float = 0.4
    confidence: float = 0.75
    growth: float = 2.5
    box: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.overlap <= 1 and 0 <= self.confidence <= 1):
            raise ImageError("Overlap and confidence are shares; give numbers of 0 to 1.")
        if self.growth < 1:
            raise ImageError("Growth is how many times as large an object may become; give 1 or more.")


@dataclass(frozen=True, eq=False)
class PlaneMask:
    """An object in one plane.

    Attributes
    ----------
    origin : (int, int)
        Row and column of the mask's first pixel in the plane.
    mask : (h, w) bool
        Without empty rows or columns at its border.
    iou_prediction : float
        Predicted IoU.
    overlap : float
        IoU with the mask it was asked with: that of the plane before, or the interpolated one; 1 in a
        prompted plane.
    source : {"prompted", "propagated", "interpolated"}
        "interpolated" lies between prompted planes, whether the decoder could refine it or not.
    """

    origin: tuple[int, int]
    mask: Mask
    iou_prediction: float
    overlap: float
    source: Source

    @property
    def region(self) -> Region:
        """Origin and mask."""
        return self.origin, self.mask


@dataclass(frozen=True, eq=False)
class VolumeObject:
    """An object in the planes that show it.

    Attributes
    ----------
    planes : mapping of int to PlaneMask
        In the order of the planes.
    prompts : mapping of int to Prompts
        What it was made from.
    shape : (Z, Y, X)
        Of the stack.
    """

    planes: Mapping[int, PlaneMask]
    prompts: Mapping[int, Prompts]
    shape: tuple[int, int, int]

    @property
    def voxels(self) -> int:
        """Number of pixels in all planes."""
        return sum(int(np.count_nonzero(each.mask)) for each in self.planes.values())

    def paint(self, labels: NDArray[np.integer], label: int) -> None:
        """Write the object into a (Z, Y, X) volume where that is 0."""
        for index, each in self.planes.items():
            (row, col), (height, width) = each.origin, each.mask.shape
            place = labels[index, row : row + height, col : col + width]
            place[each.mask & (place == 0)] = label

    def full_mask(self) -> NDArray[np.bool_]:
        """Return the object in its whole stack, (Z, Y, X) bool."""
        labels = np.zeros(self.shape, np.uint8)
        self.paint(labels, 1)
        return labels.astype(bool)


def propagate(
    predictor: Predictor,
    embedding_of: EmbeddingOf,
    prompts: Mapping[int, Prompts],
    depth: int,
    *,
    settings: PropagateSettings | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> VolumeObject:
    """Follow an object from the planes with prompts through the stack.

    Outwards, each next plane is asked with the mask before (its logits and its deepest point), and then
    at the answer's own deepest point alone, until the answer is empty, unlike the one before or unsure.
    Between two prompted planes the masks are interpolated by their signed distances, and the decoder
    refines what that gives; where it disagrees, the interpolation stays.

    Parameters
    ----------
    predictor : Predictor
    embedding_of : callable
        Returns the embedding of a plane; asked once a plane that is looked at.
    prompts : mapping of int to Prompts
        The object's prompts in each prompted plane.
    depth : int
        Number of planes.
    settings : PropagateSettings, optional
    progress : callable, optional
        Called with the number of planes done and of all planes.
    cancelled : callable, optional
        Asked before each plane whether to stop.

    Returns
    -------
    VolumeObject

    Raises
    ------
    PromptError
        If there are no prompts, a plane does not exist, or prompts give no mask.
    ImageError
        If another model made an embedding.
    Cancelled
        If `cancelled` said so.
    """
    walk = _Walk(predictor, embedding_of, depth, settings or PropagateSettings(), progress, cancelled)
    if not prompts:
        raise PromptError("There are no prompts; point at the object in one plane at least.")
    indices = sorted(prompts)
    for index in indices:
        _check_plane(index, depth)
    asked = {index: walk.prompted(index, prompts[index]) for index in indices}
    planes = {index: _plane_mask(item, 1.0, "prompted") for index, item in asked.items()}
    for first, last in pairwise(indices):
        planes |= walk.between(first, planes[first], last, planes[last])
    planes |= walk.outwards(asked[indices[0]], range(indices[0] - 1, -1, -1))
    planes |= walk.outwards(asked[indices[-1]], range(indices[-1] + 1, depth))
    return walk.finished(planes, {index: prompts[index] for index in indices})


def correct(
    predictor: Predictor,
    embedding_of: EmbeddingOf,
    volume: VolumeObject,
    plane: int,
    prompts: Prompts,
    *,
    settings: PropagateSettings | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> VolumeObject:
    """Take over new prompts in one plane, and compute the planes up to the prompted ones beside it again.

    Parameters
    ----------
    predictor, embedding_of, settings, progress, cancelled
        As in `propagate`.
    volume : VolumeObject
        Stays as it is.
    plane : int
        Where the object is wrong, or was prompted before.
    prompts : Prompts
        All of the object's prompts in that plane.

    Returns
    -------
    VolumeObject
        The masks of all other planes are the same objects as before.

    Raises
    ------
    PromptError, ImageError, Cancelled
        As `propagate` does.
    """
    depth = volume.shape[0]
    _check_plane(plane, depth)
    walk = _Walk(predictor, embedding_of, depth, settings or PropagateSettings(), progress, cancelled)
    asked = walk.prompted(plane, prompts)
    here = _plane_mask(asked, 1.0, "prompted")
    before = max((index for index in volume.prompts if index < plane), default=None)
    after = min((index for index in volume.prompts if index > plane), default=None)
    low, high = -1 if before is None else before, depth if after is None else after
    planes = {index: each for index, each in volume.planes.items() if index <= low or index >= high}
    planes[plane] = here
    if before is None:
        planes |= walk.outwards(asked, range(plane - 1, -1, -1))
    else:
        planes |= walk.between(before, volume.planes[before], plane, here)
    if after is None:
        planes |= walk.outwards(asked, range(plane + 1, depth))
    else:
        planes |= walk.between(plane, here, after, volume.planes[after])
    return walk.finished(planes, dict(sorted({**volume.prompts, plane: prompts}.items())))


class _Walk:
    """One computation: what it asks, and how many planes it has seen."""

    def __init__(
        self,
        predictor: Predictor,
        embedding_of: EmbeddingOf,
        depth: int,
        settings: PropagateSettings,
        progress: Progress | None,
        cancelled: Cancel | None,
    ) -> None:
        self._predictor = predictor
        self._embedding_of = embedding_of
        self._depth = depth
        self._settings = settings
        self._progress = progress
        self._cancelled = cancelled
        self._seen = 0
        self._plane: tuple[int, int] = (0, 0)

    def prompted(self, index: int, prompts: Prompts) -> Candidate:
        """Answer a person's prompts.

        Raises
        ------
        PromptError
            If they give no mask.
        """
        answer = self._predictor.predict_sequence(self._embedding(index), prompts)
        self._plane = answer.shape
        item = answer.items[answer.best]
        if not item.area:
            raise PromptError(f"The prompts in plane {index} give no mask; add a point on the object.")
        self._report()
        return item

    def outwards(self, start: Candidate, indices: Iterable[int]) -> dict[int, PlaneMask]:
        """Follow a mask from plane to plane until the object ends."""
        found: dict[int, PlaneMask] = {}
        before = start
        for index in indices:
            item = self._next(index, before)
            overlap = region_iou(_region(item), _region(before))
            if not self._goes_on(item, before, overlap, start):
                break
            found[index] = _plane_mask(item, overlap, "propagated")
            before = item
        return found

    def between(self, first: int, one: PlaneMask, last: int, other: PlaneMask) -> dict[int, PlaneMask]:
        """Return the masks between two prompted planes."""
        found: dict[int, PlaneMask] = {}
        least = self._settings.confidence * min(one.iou_prediction, other.iou_prediction)
        for index in range(first + 1, last):
            region = within(blend(one.region, other.region, (index - first) / (last - first)), self._plane)
            if not region[1].size:
                continue
            item = self._best(self._embedding(index), _expecting(region))
            self._report()
            overlap = region_iou(_region(item), region)
            if overlap >= self._settings.overlap and item.iou_prediction >= least:
                found[index] = _plane_mask(item, overlap, "interpolated")
            else:
                found[index] = PlaneMask(*region, item.iou_prediction, 1.0, "interpolated")
        return found

    def finished(self, planes: Mapping[int, PlaneMask], prompts: Mapping[int, Prompts]) -> VolumeObject:
        """Put the planes in order."""
        if self._progress is not None:
            self._progress(self._depth, self._depth)
        return VolumeObject(dict(sorted(planes.items())), prompts, (self._depth, *self._plane))

    def _next(self, index: int, before: Candidate) -> Candidate:
        """Find in a plane the object that the plane before shows.

        A mask prompt holds the answer back where the object moves, so its middle is asked again alone.
        """
        embedding = self._embedding(index)
        held = self._best(embedding, _following(before, self._settings.box))
        self._report()
        if not held.area:
            return held
        middle = Prompts(points=[deepest_point(_region(held))], point_labels=[1])
        free = self._predictor.predict(embedding, middle).items
        overlaps = [region_iou(_region(each), _region(held)) for each in free]
        most = int(np.argmax(overlaps))
        return free[most] if MOVED[0] <= overlaps[most] < MOVED[1] else held

    def _best(self, embedding: Embedding, prompts: Prompts) -> Candidate:
        answer = self._predictor.predict(embedding, prompts, multimask=False)
        return answer.items[answer.best]

    def _embedding(self, index: int) -> Embedding:
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("Following the object was cancelled; start it again when you want it.")
        return self._embedding_of(index)

    def _report(self) -> None:
        self._seen += 1
        if self._progress is not None:
            self._progress(self._seen, self._depth)

    def _goes_on(self, item: Candidate, before: Candidate, overlap: float, start: Candidate) -> bool:
        """Say whether a mask still shows the object."""
        limits = self._settings
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


def _expecting(region: Region) -> Prompts:
    """Return prompts for an object that is known to be about here."""
    return Prompts(
        points=[deepest_point(region)], point_labels=[1], box=box_around(region), mask=drawn_prompt(region)
    )


def _region(item: Candidate) -> Region:
    return item.origin, item.mask


def _plane_mask(item: Candidate, overlap: float, source: Source) -> PlaneMask:
    return PlaneMask(item.origin, item.mask, item.iou_prediction, overlap, source)


def _check_plane(index: int, depth: int) -> None:
    if not 0 <= index < depth:
        raise PromptError(
            f"There is no plane {index}; the stack has {depth}, from 0 to {depth - 1}: prompt one of these."
        )
