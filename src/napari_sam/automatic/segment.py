"""An image in, labels out: objects from the dense head or a grid, each drawn by the mask decoder."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from napari_sam.errors import Cancelled, ImageError
from napari_sam.masks import Region
from napari_sam.predict import Embedding, Predictor, Prompts
from napari_sam.predict.candidates import Candidate, stability_at
from napari_sam.predict.drawn import box_around, deepest_point
from napari_sam.predict.image import Method as Normalization
from napari_sam.predict.prompts import Box
from napari_sam.weights import LoadedModel

from .dense import Maps
from .filter import suppress
from .grid import Cancel, GridSettings, Progress, grid_masks
from .instances import DenseSettings, Labels, dense_instances
from .records import MaskRecord, run_lengths
from .regions import region_iou

Method = Literal["auto", "grid", "instances"]
Answers = dict[Box, MaskRecord]
"""What the mask decoder draws for boxes; an empty mask where it draws nothing."""
BATCH = 32
"""Objects drawn between two reports of progress."""


@dataclass(frozen=True)
class AutomaticSettings:
    """What becomes an object; the defaults need no touching.

    Attributes
    ----------
    dense : DenseSettings
        How the dense head's maps become instances.
    grid : GridSettings, optional
        By default Meta's for a ViT, and lower thresholds for a windowed model, which promises less.
    agreement : float
        IoU that the decoder's mask of an instance has with it, or else the instance is dropped.
    overlap : float
        IoU of boxes above which two instances' masks count as one.
    shared : float
        Share of a mask that better ones have taken, or that it would take of one of these, above which
        it is left out of the labels; so a label neither lies in another nor surrounds one.
    largest : float
        Masks over a larger share of the image are left out of the labels (paper, appendix B).

    Raises
    ------
    ImageError
        If a share is not within 0 to 1.
    """

    dense: DenseSettings = field(default_factory=DenseSettings)
    grid: GridSettings | None = None
    agreement: float = 0.5
    overlap: float = 0.7
    shared: float = 0.5
    largest: float = 0.95

    def __post_init__(self) -> None:
        if not all(0 <= share <= 1 for share in (self.agreement, self.overlap, self.shared, self.largest)):
            raise ImageError("Agreement, overlap, shared and largest are shares; give numbers of 0 to 1.")

    def grid_for(self, model: LoadedModel) -> GridSettings:
        """Return the grid that a model is asked with."""
        if self.grid is not None:
            return self.grid
        return GridSettings(predicted_iou=0.6, stability=0.6) if model.sam.config.windowed else GridSettings()


def segment_automatically(
    image: ArrayLike,
    sam: LoadedModel,
    *,
    method: Method = "auto",
    settings: AutomaticSettings | None = None,
    channel_axis: int | None = None,
    normalization: Normalization = "percentile",
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> Labels:
    """Label every object of an image.

    Where two masks overlap, the one that promises more keeps the pixels. A warning says so when
    nothing was found.

    Parameters
    ----------
    image : (Y, X), (Y, X, C), or 3-dimensional with `channel_axis`
        Any real dtype, 1 to 5 channels.
    sam : LoadedModel
        As `load_model` returns it.
    method : "auto", "grid" or "instances"
        "instances" starts from the dense head, "grid" from points everywhere; "auto" takes the
        first where the model has the head.
    settings : AutomaticSettings, optional
    channel_axis, normalization
        As `Predictor.embed` takes them.
    progress, cancelled : callable, optional
        Called with the number of parts done and of all parts; asked between parts whether to stop.

    Returns
    -------
    (Y, X) int32
        0 background, 1 to N, the best first.

    Raises
    ------
    ImageError
        If the image cannot be used, the method is unknown, or it needs a dense head that is not there.
    Cancelled
        If `cancelled` said so.
    OutOfMemoryError
        If the device has too little memory.
    """
    settings = settings or AutomaticSettings()
    records, shape = propose(
        Predictor(sam),
        image,
        method=method,
        settings=settings,
        channel_axis=channel_axis,
        normalization=normalization,
        progress=progress,
        cancelled=cancelled,
    )
    labels = paint(records, shape, settings)
    if not labels.any():
        warnings.warn(nothing_found(sam, method, settings), stacklevel=2)
    return labels


def propose(
    predictor: Predictor,
    image: ArrayLike,
    *,
    method: Method = "auto",
    settings: AutomaticSettings | None = None,
    channel_axis: int | None = None,
    normalization: Normalization = "percentile",
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> tuple[list[MaskRecord], tuple[int, int]]:
    """Find the masks of every object, to be looked at one by one; as `segment_automatically` does.

    Returns
    -------
    records : list of MaskRecord
    shape : (Y, X)
        Of the image.
    """
    settings = settings or AutomaticSettings()
    if method_for(predictor.model, method) == "grid":
        grid = settings.grid_for(predictor.model)
        records = grid_masks(
            predictor,
            image,
            grid,
            channel_axis=channel_axis,
            normalization=normalization,
            progress=progress,
            cancelled=cancelled,
        )
        return records, _shape_of(image, channel_axis)
    embedding = predictor.embed(
        image, channel_axis=channel_axis, normalization=normalization, cancelled=cancelled
    )
    records = instance_masks(predictor, embedding, settings, progress=progress, cancelled=cancelled)
    return records, embedding.shape


def instance_masks(
    predictor: Predictor,
    embedding: Embedding,
    settings: AutomaticSettings | None = None,
    *,
    maps: dict[float, Maps] | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> list[MaskRecord]:
    """Ask the mask decoder for every instance of the dense head, and keep what both agree on.

    Parameters
    ----------
    predictor : Predictor
        Of a model with a dense head.
    embedding : Embedding
    settings : AutomaticSettings, optional
    maps : dict, optional
        As `dense_instances` takes it.
    progress, cancelled
        As in `segment_automatically`.

    Returns
    -------
    list of MaskRecord
        The one that promises most first. Its point is the instance's innermost one.

    Raises
    ------
    ImageError
        If the model has no dense head.
    Cancelled
        If `cancelled` said so.
    """
    settings = settings or AutomaticSettings()
    regions = regions_of(dense_instances(predictor, embedding, settings.dense, maps))
    answers: Answers = {}
    ask(predictor, embedding, regions, answers, progress=progress, cancelled=cancelled)
    return agreed(regions, answers, settings)


def regions_of(labels: Labels) -> list[Region]:
    """Return the region of every label, 1 to N."""
    return [
        ((rows.start, cols.start), labels[rows, cols] == label)
        for label, (rows, cols) in enumerate(ndimage.find_objects(labels), 1)
    ]


def ask(
    predictor: Predictor,
    embedding: Embedding,
    regions: Sequence[Region],
    answers: Answers,
    *,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> None:
    """Ask the mask decoder for the boxes around regions, and add what it draws to the answers.

    Parameters
    ----------
    predictor : Predictor
    embedding : Embedding
        Of the whole image that the regions are in.
    regions : sequence of Region
    answers : dict
        Boxes in it are not asked for again.
    progress, cancelled
        As in `segment_automatically`.

    Raises
    ------
    Cancelled
        If `cancelled` said so; what was answered before stays.
    """
    boxes = [box for box in dict.fromkeys(map(box_around, regions)) if box not in answers]
    for start in range(0, len(boxes), BATCH):
        if cancelled is not None and cancelled():
            raise Cancelled("The search for objects was cancelled; start it again when you want it.")
        batch = boxes[start : start + BATCH]
        found = predictor.predict_many(embedding, [Prompts(box=box) for box in batch])
        for box, answer in zip(batch, found, strict=True):
            answers[box] = _record(answer.items[answer.best], box, embedding.shape)
        if progress is not None:
            progress(start + len(batch), len(boxes))


def agreed(
    regions: Sequence[Region], answers: Answers, settings: AutomaticSettings | None = None
) -> list[MaskRecord]:
    """Keep the masks that look like the region that they were asked for, each object once.

    Parameters
    ----------
    regions : sequence of Region
    answers : dict
        What `ask` was answered for the boxes around these regions, and maybe others.
    settings : AutomaticSettings, optional

    Returns
    -------
    list of MaskRecord
        As `instance_masks` does.
    """
    settings = settings or AutomaticSettings()
    records = []
    for region in regions:
        record = answers[box_around(region)]
        if record.area and region_iou((record.origin, record.mask), region) >= settings.agreement:
            records.append(replace(record, point=deepest_point(region)))
    boxes = np.array([record.corners for record in records], float).reshape(-1, 4)
    scores = np.array([worth(record) for record in records])
    return [records[index] for index in suppress(boxes, scores, settings.overlap)]


def paint(
    records: Sequence[MaskRecord], shape: tuple[int, int], settings: AutomaticSettings | None = None
) -> Labels:
    """Turn masks into labels: the best keep their pixels, and others what is free.

    Parameters
    ----------
    records : sequence of MaskRecord
    shape : (Y, X)
        Of the image.
    settings : AutomaticSettings, optional

    Returns
    -------
    (Y, X) int32
        0 background, 1 to N, the best first.
    """
    return painted(records, shape, settings)[0]


def painted(
    records: Sequence[MaskRecord], shape: tuple[int, int], settings: AutomaticSettings | None = None
) -> tuple[Labels, list[MaskRecord]]:
    """Turn masks into labels as `paint` does, and say which mask each label is of.

    Returns
    -------
    labels : (Y, X) int32
    kept : list of MaskRecord
        Of label 1, 2, and so on.
    """
    settings = settings or AutomaticSettings()
    labels = np.zeros(shape, np.int32)
    areas, kept = [0], []
    for record in sorted(records, key=worth, reverse=True):
        (row, col), mask = record.origin, record.mask
        place = labels[row : row + mask.shape[0], col : col + mask.shape[1]]
        taken = np.bincount(place[mask], minlength=len(areas))
        taken_of = taken[1:] / np.array(areas[1:])
        shared = max(1 - taken[0] / record.area, *taken_of, 0.0)
        if shared <= settings.shared and record.area <= settings.largest * labels.size:
            place[mask & (place == 0)] = len(areas)
            areas.append(int(taken[0]))
            kept.append(record)
    return labels, kept


def method_for(model: LoadedModel, method: Method) -> Literal["grid", "instances"]:
    """Return the method that "auto" means for a model.

    Raises
    ------
    ImageError
        If the method is unknown, or needs a dense head that the model lacks.
    """
    headed = model.sam.dense_head is not None
    if method == "auto":
        return "instances" if headed else "grid"
    if method not in ("grid", "instances"):
        raise ImageError(f"The method {method!r} is unknown; use 'auto', 'grid' or 'instances'.")
    if method == "instances" and not headed:
        raise ImageError(f"{model.name} has no dense head; use method='grid', or the model cell-tiny.")
    return method


def nothing_found(model: LoadedModel, method: Method, settings: AutomaticSettings) -> str:
    """Return one sentence for a person whose image gave no object."""
    if method_for(model, method) == "grid":
        grid = settings.grid_for(model)
        level = f"a predicted IoU of {grid.predicted_iou:g} and a stability of {grid.stability:g}"
    else:
        level = f"a foreground of {settings.dense.foreground:g}"
    return f"There is no object above {level}; lower the threshold or pick another channel."


def worth(record: MaskRecord) -> float:
    """Say how far a mask is to be trusted, of 0 to 1; predicted IoU alone is blind to vague ones."""
    return record.predicted_iou * record.stability_score


def _record(item: Candidate, box: Box, shape: tuple[int, int]) -> MaskRecord:
    """Describe a candidate drawn for a box."""
    return MaskRecord(
        item.origin,
        (item.mask.shape[0], item.mask.shape[1]),
        run_lengths(item.mask),
        item.area,
        item.iou_prediction,
        stability_at(item.logits, GridSettings.stability_offset),
        ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2),
        (0, 0, *shape),
        box,
    )


def _shape_of(image: ArrayLike, channel_axis: int | None) -> tuple[int, int]:
    """Return rows and columns of an image that was found to be one."""
    shape = list(np.shape(image))
    if len(shape) == 3:
        del shape[-1 if channel_axis is None else channel_axis]
    return shape[0], shape[1]
