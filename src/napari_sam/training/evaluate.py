"""Measure a model on annotated images as a person would use it: clicks, boxes, corrections."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.predict import Candidates, Embedding, Predictor, Prompts
from napari_sam.predict.drawing import filled

from .data import Sample, image_label_pairs, read_image, read_sample

if TYPE_CHECKING:
    from napari_sam.weights import LoadedModel

Mask = NDArray[np.bool_]
Progress = Callable[[int, int], None]
BOX_JITTER = 0.1
"""Corners of a box move by up to this share of its side."""
MEASURES = ("point", "best_of_three", "box", "corrections_1", "corrections_3", "iou_error")
OCTAVES = (5, 10, 20, 40, 80, 160, 320)


@dataclass(frozen=True)
class ObjectScore:
    """What one annotated object's prompts gave, as IoU with the annotation.

    Attributes
    ----------
    image : str
        The image's stem.
    kind : str
        Its kind by appearance.
    label : int
    diameter : float
        Of a circle of the object's area, in pixels.
    point : float
        One click at the deepest point, suggested mask.
    best_of_three : float
        The same click, best of the three masks.
    box : float
        A box whose corners moved by up to 10 % of its sides, suggested mask.
    corrections_1, corrections_3 : float
        The click and one or three corrections, each at the deepest point of the largest error.
    iou_error : float
        Predicted IoU of the suggested mask at one click, less the true one, without its sign.
    """

    image: str
    kind: str
    label: int
    diameter: float
    point: float
    best_of_three: float
    box: float
    corrections_1: float
    corrections_3: float
    iou_error: float


@dataclass(frozen=True)
class Report:
    """Scores of every measured object, and their means.

    Attributes
    ----------
    model, weights_hash : str
    objects : tuple of ObjectScore
    """

    model: str
    weights_hash: str
    objects: tuple[ObjectScore, ...]

    def means(self, objects: Iterable[ObjectScore] | None = None) -> dict[str, float]:
        """Average every measure over some objects, or all."""
        chosen = list(self.objects if objects is None else objects)
        return {name: float(np.mean([getattr(o, name) for o in chosen])) for name in MEASURES if chosen}

    def groups(self) -> dict[str, list[ObjectScore]]:
        """Group the objects by kind of image and by octave of diameter."""
        groups: dict[str, list[ObjectScore]] = {}
        for score in self.objects:
            octave = max((o for o in OCTAVES if o <= score.diameter), default=0)
            groups.setdefault(score.kind, []).append(score)
            groups.setdefault(f"{octave:03d} px and more", []).append(score)
        return dict(sorted(groups.items()))

    def to_json(self) -> str:
        """Return means, groups and every object's scores as JSON."""
        groups = {name: {"objects": len(g), **self.means(g)} for name, g in self.groups().items()}
        values: dict[str, Any] = {
            "model": self.model,
            "weights_hash": self.weights_hash,
            "objects": len(self.objects),
            "mean": self.means(),
            "groups": groups,
            "scores": [asdict(score) for score in self.objects],
        }
        return json.dumps(values, indent=1)

    def to_table(self) -> str:
        """Return the means as a table, a line for all objects and for each group."""
        rows = [("all", list(self.objects)), *self.groups().items()]
        head = f"{'':24}{'objects':>8}" + "".join(f"{name:>15}" for name in MEASURES)
        lines = [
            f"{name:24}{len(group):8d}" + "".join(f"{value:15.3f}" for value in self.means(group).values())
            for name, group in rows
        ]
        return "\n".join([head, *lines])


def evaluate(
    model: LoadedModel,
    images: Path,
    labels: Path,
    *,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Measure a model on every object of a folder, or on at most `limit` of each image.

    Parameters
    ----------
    model : LoadedModel
    images, labels : Path
        Folders of files with the same stems; labels are 0 for background, one value an object.
    limit : int, optional
        Most objects an image, drawn at random.
    seed : int
        For the drawing and for the boxes' corners.
    progress : callable, optional
        Called with the images done and their number.

    Raises
    ------
    DataError
        If the folders do not match or a file is unreadable.
    """
    predictor = Predictor(model)
    pairs = image_label_pairs(images, labels)
    scores: list[ObjectScore] = []
    for number, (image_path, label_path) in enumerate(pairs):
        rng = np.random.default_rng([seed, number])
        sample = read_sample(image_path, label_path)
        embedding = predictor.embed(read_image(image_path))
        scores.extend(
            score_object(predictor, embedding, sample, label, rng)
            for label in chosen_labels(sample.labels, limit, rng)
        )
        if progress is not None:
            progress(number + 1, len(pairs))
    return Report(model.name, model.weights_hash, tuple(scores))


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
    )


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
    depth = ndimage.distance_transform_edt(np.pad(mask[rows, cols], 1))[1:-1, 1:-1]
    row, col = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(row + rows.start), float(col + cols.start)


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
