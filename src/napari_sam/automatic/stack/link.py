"""Planes labelled one by one, linked through a stack to objects with one number each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.errors import Cancelled, ImageError
from napari_sam.masks import Region, counted, labelled
from napari_sam.predict import Normalization, Predictor
from napari_sam.predict.image import SAMPLES, to_rgb, to_rgb_as
from napari_sam.predict.reading import reading
from napari_sam.progress import Cancel, Progress

from ..cutting import Labels
from ..given import check_kinds, settings_given
from ..painting import painted
from ..regions import blend, within, write_free
from ..segment import Method, propose
from ..settings import AutomaticSettings
from .matching import matches

Planes = Sequence[ArrayLike] | NDArray[Any]
Node = tuple[int, int]
"""A plane and a label in it."""


@dataclass(frozen=True)
class LinkSettings:
    """Which masks of neighbouring planes are one object.

    Attributes
    ----------
    overlap : float
        Least IoU of two masks that are linked.
    gap : int
        Most planes in a row in which an object may be missing; they are filled by interpolation.
    planes : int
        Objects seen in fewer planes are left out, unless the stack has no more.
    voxels : int
        Objects of fewer pixels in all planes are left out.

    Raises
    ------
    ImageError
        If a number is out of its range.
    TypeError
        If a value is of another kind, such as text.
    """

    overlap: float = 0.25
    gap: int = 1
    planes: int = 2
    voxels: int = 0

    def __post_init__(self) -> None:
        check_kinds(self)
        if not 0 < self.overlap <= 1:
            raise ImageError("Overlap is the least IoU of linked masks; give a number above 0, to 1.")
        if min(self.gap, self.planes, self.voxels) < 0:
            raise ImageError("Gap, planes and voxels are counted; give 0 or more.")


def stack_normalization(planes: Planes) -> Normalization:
    """Return the range of values that some pixels of every plane have together.

    A plane normalised by itself shows its noise where the stack holds nothing.

    Parameters
    ----------
    planes : sequence of (Y, X) or (Y, X, C)
        Read one at a time.

    Raises
    ------
    ImageError
        If there are no planes, or their values cannot be used.
    """
    if not _count(planes):
        raise ImageError("There are no planes; give one at least.")
    step = max(1, round((_count(planes) * np.prod(np.shape(planes[0])[:2]) / SAMPLES) ** 0.5))
    samples = []
    for index, plane in enumerate(planes):
        with reading(f"Plane {index}"):
            samples.append(np.asarray(plane)[::step, ::step])
    if len({sample.shape[2:] for sample in samples}) > 1:
        raise ImageError("The planes have different channels; give planes that are alike.")
    return to_rgb(np.concatenate(samples))[1]


def normalized(plane: ArrayLike, record: Normalization) -> NDArray[np.float32]:
    """Return a plane as its whole stack is shown: (Y, X, 3) of 0 to 255, to embed without normalization."""
    return np.moveaxis(to_rgb_as(plane, record), 0, -1)


def label_planes(
    predictor: Predictor,
    planes: Planes,
    *,
    method: Method = "auto",
    settings: AutomaticSettings | None = None,
    normalization: Normalization | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> Labels:
    """Label every object of every plane, each plane for itself.

    What promises little beside the surest objects of all planes is left out: where a plane shows next
    to nothing, its noise looks like objects, and promises as much as any other that it has.

    Parameters
    ----------
    predictor : Predictor
    planes : sequence of (Y, X) or (Y, X, C)
        All of one shape; read one at a time.
    method, settings
        As `segment_automatically` takes them.
    normalization : Normalization, optional
        Of all planes alike, as `stack_normalization` returns it; by default each plane has its own.
    progress : callable, optional
        Called with the number of planes done and of all planes.
    cancelled : callable, optional
        Asked between parts whether to stop.

    Returns
    -------
    (N, Y, X) int32
        0 background, 1 to N in each plane.

    Raises
    ------
    ImageError
        If there are no planes, or one cannot be used.
    Cancelled
        If `cancelled` said so.
    OutOfMemoryError
        If the device has too little memory.
    """
    count = _count(planes)
    if not count:
        raise ImageError("There are no planes to label; give one at least.")
    settings = settings_given(settings, AutomaticSettings)
    labels: list[Labels] = []
    worths: list[list[float]] = []
    for index, plane in enumerate(planes):
        if cancelled is not None and cancelled():
            raise Cancelled("The search for objects was cancelled; start it again when you want it.")
        if labels and np.shape(plane)[:2] != labels[0].shape:
            raise ImageError(
                f"The planes are of shapes {labels[0].shape} and {np.shape(plane)}; give planes of one shape."
            )
        records, shape = propose(
            predictor,
            plane if normalization is None else normalized(plane, normalization),
            method=method,
            settings=settings,
            normalization="percentile" if normalization is None else None,
            cancelled=cancelled,
        )
        found, kept = painted(records, shape, settings)
        labels.append(found)
        worths.append([each.worth for each in kept])
        if progress is not None:
            progress(index + 1, count)
    return _sure(np.stack(labels), worths, settings)


def _sure(labels: Labels, worths: Sequence[Sequence[float]], settings: AutomaticSettings) -> Labels:
    """Take from planes, whose best are labelled first, what promises too little beside the objects of all."""
    if any(worths):
        least = settings.least([each for of_plane in worths for each in of_plane])
        for plane, of_plane in zip(labels, worths, strict=True):
            plane[plane > np.count_nonzero(np.array(of_plane) >= least)] = 0
    return labels


def link_planes(planes: Planes, settings: LinkSettings | None = None) -> Labels:
    """Give the masks of one object the same number in all planes.

    Neighbouring planes are matched one to one so that the sum of IoUs is largest; what is left is
    matched over gaps.

    Parameters
    ----------
    planes : sequence of (Y, X) int
        Labels of each plane for itself; a (Z, Y, X) volume is one. What is below 0 is no object.
    settings : LinkSettings, optional

    Returns
    -------
    (Z, Y, X) int32
        0 background, 1 to N in the order of their first planes.

    Raises
    ------
    ImageError
        If there are no planes, or not of one shape and integers.
    """
    settings = settings_given(settings, LinkSettings)
    stack = _checked(planes)
    regions = {
        (index, label): region for index, plane in enumerate(stack) for label, region in labelled(plane)
    }
    kept = []
    for chain in _chains(stack, regions, settings):
        voxels = sum(int(np.count_nonzero(regions[node][1])) for node in chain)
        if len(chain) >= min(settings.planes, len(stack)) and voxels >= settings.voxels:
            kept.append(chain)
    linked = np.zeros(stack.shape, np.int32)
    for number, chain in enumerate(kept, 1):
        for index, label in chain:
            write_free(linked[index], regions[index, label], number)
    for number, chain in enumerate(kept, 1):  # what is interpolated takes nothing from what was seen
        for index, region in _missing(chain, regions):
            write_free(linked[index], within(region, linked[index].shape), number)
    return linked


def _count(planes: Planes) -> int:
    """Return how many planes there are; arrays of zarr have a shape and no length."""
    shape: tuple[int, ...] | None = getattr(planes, "shape", None)
    return len(planes) if shape is None else shape[0]


def _checked(planes: Planes) -> NDArray[np.integer]:
    if not _count(planes):
        raise ImageError("There are no planes to link; give one at least.")
    shapes = {np.shape(plane) for plane in planes}
    if len(shapes) > 1 or len(next(iter(shapes))) != 2:
        raise ImageError(
            f"Planes of shapes {sorted(shapes)} cannot be linked; give (Y, X) planes of one shape."
        )
    stack = np.asarray(planes)
    if stack.dtype.kind not in "iu":
        raise ImageError(f"Labels of dtype {stack.dtype} cannot be linked; give integers.")
    return counted(np.maximum(stack, 0))[1].astype(np.int64)


def _chains(
    stack: NDArray[np.integer], regions: dict[Node, Region], settings: LinkSettings
) -> list[list[Node]]:
    """Return the masks of each object, plane by plane."""
    follower: dict[Node, Node] = {}
    led: set[Node] = set()
    for step in range(1, settings.gap + 2):
        for index in range(len(stack) - step):
            here = _without(stack[index], [label for at, label in follower if at == index])
            there = _without(stack[index + step], [label for at, label in led if at == index + step])
            found = {(index, a): (index + step, b) for a, b in matches(here, there, settings.overlap)}
            follower |= found
            led |= set(found.values())
    return [_followed(node, follower) for node in sorted(regions) if node not in led]


def _without(plane: NDArray[np.integer], labels: list[int]) -> NDArray[np.integer]:
    """Return a plane without some labels."""
    return np.where(np.isin(plane, labels), 0, plane) if labels else plane


def _followed(node: Node, follower: dict[Node, Node]) -> list[Node]:
    chain = [node]
    while chain[-1] in follower:
        chain.append(follower[chain[-1]])
    return chain


def _missing(chain: list[Node], regions: dict[Node, Region]) -> Iterator[tuple[int, Region]]:
    """Yield interpolated masks for the planes that an object is missing in."""
    for one, other in pairwise(chain):
        for index in range(one[0] + 1, other[0]):
            yield index, blend(regions[one], regions[other], (index - one[0]) / (other[0] - one[0]))
