"""Measure a model on annotated images as a person would use it: clicks, boxes, corrections."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.automatic import DenseView, dense_instances
from napari_sam.errors import DataError, ImageError
from napari_sam.masks import filled
from napari_sam.predict import Candidates, Embedding, Predictor, Prompts, drawn
from napari_sam.progress import Progress

from ..samples import Sample
from .automatic_scores import score_automatic
from .report import AutomaticScore, ImageScore, ObjectScore, Report
from .scores import average_precision
from .sets import Folder, Scenes

if TYPE_CHECKING:
    from napari_sam.weights import LoadedModel

Mask = NDArray[np.bool_]
BOX_JITTER = 0.1
"""Corners of a box move by up to this share of its side."""
FOUND = 0.75
"""A level counts as found when a mask has at least this IoU with it."""


def evaluate(
    model: LoadedModel,
    annotated: Folder | Scenes,
    *,
    limit: int | None = None,
    seed: int = 0,
    automatic: Sequence[str] = (),
    limit_images: int | None = None,
    go_on: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Measure a model on every object of some images, or on at most `limit` of each.

    Parameters
    ----------
    model : LoadedModel
    annotated : Folder or Scenes
    limit : int, optional
        Most objects an image, drawn at random; 0 asks no prompts.
    seed : int
        For the drawing and for the boxes' corners.
    automatic : sequence of str
        Also measure what these of `automatic_scores.METHODS` find without prompts.
    limit_images : int, optional
        Most images, spread evenly over all.
    go_on : bool
        Go on with the others where an image and its labels cannot be read, or do not fit; the report says it.
    progress : callable, optional
        Called with the images done and their number.

    Raises
    ------
    DataError
        If a folder is missing or a file unreadable.
    """
    predictor = Predictor(model)
    scores: list[ObjectScore] = []
    images: list[ImageScore] = []
    unprompted: list[AutomaticScore] = []
    failed: dict[str, str] = {}
    empty: list[str] = []
    for number in _counted(spread(len(annotated), limit_images), progress):
        rng = np.random.default_rng([seed, number])
        try:
            image, sample = annotated[number]
            embedding = predictor.embed(image)
        except (DataError, ImageError) as error:
            if not go_on:
                raise
            failed[annotated.names[number]] = str(error)
            continue
        if not sample.labels.any():
            empty.append(sample.name)
        view = None if model.sam.dense_head is None else DenseView(predictor, embedding)
        if view is not None:
            images.append(score_image(view, sample))
        if automatic:
            unprompted.extend(score_automatic(predictor, image, view, sample, automatic))
        scores.extend(
            score_object(predictor, embedding, sample, label, rng)
            for label in chosen_labels(sample.labels, limit, rng)
        )
    return Report(
        model.name,
        model.weights_hash,
        tuple(scores),
        tuple(images),
        tuple(unprompted),
        failed,
        tuple(empty),
    )


def _counted(numbers: Sequence[int], progress: Progress | None) -> Iterator[int]:
    """Yield numbers, and tell of each when the next one is asked for."""
    for done, number in enumerate(numbers, 1):
        yield number
        if progress is not None:
            progress(done, len(numbers))


def spread(count: int, limit: int | None) -> list[int]:
    """Return the numbers 0 to `count` - 1, or at most `limit` of them with even gaps."""
    if limit is None or limit >= count:
        return list(range(count))
    return [index * count // limit for index in range(limit)]


def score_image(view: DenseView, sample: Sample) -> ImageScore:
    """Compare what the dense head finds with all annotated objects of the finest level."""
    found = dense_instances(view)
    return ImageScore(sample.name, sample.kind, float(average_precision(sample.labels, found).mean()))


def chosen_labels(labels: NDArray[np.int32], limit: int | None, rng: np.random.Generator) -> list[int]:
    """Return the labels present, or a random `limit` of them in ascending order."""
    present = np.unique(labels[labels > 0])
    if limit is not None and len(present) > limit:
        present = np.sort(rng.choice(present, limit, replace=False))
    return [int(label) for label in present]


def score_object(
    predictor: Predictor, embedding: Embedding, sample: Sample, label: int, rng: np.random.Generator
) -> ObjectScore:
    """Prompt for one object with a click, corrections and a box, and compare with the annotation."""
    truth = sample.labels == label
    first = Prompts([deepest_point(truth)], [1])
    candidates = predictor.predict(embedding, first)
    ious = candidate_ious(candidates, truth)
    suggested = ious[candidates.best]
    corrected = corrected_ious(predictor, embedding, first, candidates, truth)
    boxed = predictor.predict(embedding, Prompts(box=jittered_box(truth, rng)))
    outer = outer_masks(sample, first)
    return ObjectScore(
        image=sample.name,
        kind=sample.kind,
        label=label,
        diameter=float(np.sqrt(truth.sum() * 4 / np.pi)),
        point=suggested,
        best_of_three=max(ious),
        box=candidate_ious(boxed, truth)[boxed.best],
        corrections_1=corrected[0],
        corrections_3=corrected[2],
        iou_error=abs(float(candidates.iou_predictions[candidates.best]) - suggested),
        outer=tuple(max(candidate_ious(candidates, mask)) for mask in outer),
        all_levels=all_found(candidates, [truth, *outer]) if outer else None,
    )


def outer_masks(sample: Sample, prompts: Prompts) -> list[Mask]:
    """Return the objects of the coarser levels at the first point, without what is the same again."""
    pixel = tuple(np.rint(prompts.positions[0]).astype(int))
    masks: list[Mask] = [sample.labels == sample.labels[pixel]]
    for labels in sample.levels[1:]:
        mask = labels == labels[pixel]
        if labels[pixel] and mask.sum() > masks[-1].sum() / FOUND:
            masks.append(mask)
    return masks[1:]


def all_found(candidates: Candidates, levels: Sequence[Mask]) -> float:
    """Return 1 if every level has a mask of its own, in the order of size, else 0."""
    ious = np.array([candidate_ious(candidates, mask) for mask in levels])
    areas = [item.area for item in candidates.items]
    for chosen in permutations(range(len(candidates)), len(levels)):
        sizes = [areas[index] for index in chosen]
        if all(ious[level, index] >= FOUND for level, index in enumerate(chosen)) and sizes == sorted(sizes):
            return 1.0
    return 0.0


def corrected_ious(
    predictor: Predictor, embedding: Embedding, prompts: Prompts, candidates: Candidates, truth: Mask
) -> list[float]:
    """Return the suggested mask's IoU after one, two and three corrective points."""
    ious = []
    memo: dict[Hashable, Candidates] = {}
    for _ in range(3):
        point, positive = correction(candidates, truth)
        positions = [*prompts.positions.tolist(), point]
        prompts = Prompts(positions, [*prompts.labels.tolist(), positive])
        candidates = predictor.predict_sequence(embedding, prompts, memo)
        ious.append(candidate_ious(candidates, truth)[candidates.best])
    return ious


def candidate_ious(candidates: Candidates, truth: Mask) -> list[float]:
    """Return each candidate's IoU with the true mask, touching only the candidate's own pixels."""
    area = int(truth.sum())
    ious = []
    for item in candidates.items:
        row, col = item.origin
        height, width = item.mask.shape
        overlap = int((item.mask & truth[row : row + height, col : col + width]).sum())
        ious.append(overlap / max(item.area + area - overlap, 1))
    return ious


def deepest_point(mask: Mask) -> tuple[float, float]:
    """Return the (row, col) of the mask's pixel that is farthest from its border."""
    rows, cols = filled(mask)
    return drawn.deepest_point(((rows.start, cols.start), mask[rows, cols]))


def correction(candidates: Candidates, truth: Mask) -> tuple[tuple[float, float], int]:
    """Return the deepest point of the largest error region, and 1 if the object was missed there."""
    predicted = candidates.items[candidates.best].full_mask(candidates.shape)
    regions, count = ndimage.label(predicted != truth)
    if count == 0:
        return deepest_point(truth), 1
    largest = int(np.bincount(regions.ravel())[1:].argmax()) + 1
    point = deepest_point(regions == largest)
    return point, int(truth[int(point[0]), int(point[1])])


def jittered_box(mask: Mask, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Return the mask's box with corners moved by up to `BOX_JITTER` of its sides, inside the image."""
    rows, cols = filled(mask)
    corners = np.array([rows.start, cols.start, rows.stop, cols.stop]) - 0.5
    sides = np.tile(corners[2:] - corners[:2], 2)
    moved = corners + rng.uniform(-BOX_JITTER, BOX_JITTER, 4) * sides
    limits = np.tile(np.array(mask.shape) - 0.5, 2)
    row0, col0, row1, col1 = (float(v) for v in np.clip(moved, -0.5, limits))
    return row0, col0, row1, col1
