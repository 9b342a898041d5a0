"""SAM's automatic mask generator: a grid of points, on the image and on crops of it (paper, section 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.errors import Cancelled
from napari_sam.masks import cropped
from napari_sam.predict import Embedding, Predictor, Prompts
from napari_sam.predict.candidates import Candidate, Decoded, stability_at
from napari_sam.predict.drawing import interpolated, whole_weights
from napari_sam.predict.image import Method, to_rgb
from napari_sam.predict.pools import pools
from napari_sam.progress import Cancel, Progress

from .crops import Crop, GridSettings, Positions, crops_of
from .filter import cut_by_crop, suppress, without_small_regions
from .given import settings_given
from .records import MaskRecord, run_lengths


def grid_masks(
    predictor: Predictor,
    image: ArrayLike,
    settings: GridSettings | None = None,
    *,
    channel_axis: int | None = None,
    normalization: Method = "percentile",
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> list[MaskRecord]:
    """Find masks everywhere in an image, as Meta's automatic mask generator does.

    Memory holds one batch of logits, and of each mask the run lengths of what it covers.

    Parameters
    ----------
    predictor : Predictor
    image : (Y, X), (Y, X, C), or 3-dimensional with `channel_axis`
    settings : GridSettings, optional
    channel_axis : int, optional
        The axis of the channels.
    normalization : "percentile" or None
        As `Predictor.embed` takes it; crops are normalised as the whole image is.
    progress, cancelled : callable, optional
        Called with the number of points asked and of all points; asked between batches whether to stop.

    Returns
    -------
    list of MaskRecord
        By predicted IoU, the best first; with crops those of the smallest crops before.

    Raises
    ------
    ImageError
        If the image cannot be used.
    Cancelled
        If `cancelled` said so.
    OutOfMemoryError
        If the device has too little memory.
    """
    settings = settings_given(settings, GridSettings)
    pixels, record = to_rgb(image, channel_axis, normalization)
    seen = np.moveaxis(pixels, 0, -1)
    seen = seen.astype(np.uint8) if record.eight_bit else seen
    crops = crops_of((seen.shape[0], seen.shape[1]), settings)
    total, done = sum(crop.points_per_side**2 for crop in crops), 0
    found: list[MaskRecord] = []
    for crop in crops:
        here: list[MaskRecord] = []
        for asked, records in _of_crop(predictor, seen, crop, settings, cancelled):
            here += records
            done += asked
            if progress is not None:
                progress(done, total)
        found += _best(here, settings)
    if len(crops) > 1:
        area = {crop.corners: crop.area for crop in crops}
        found = _distinct(found, np.array([1 / area[each.crop] for each in found]), settings.crop_overlap)
    return _cleaned(found, settings)


def _of_crop(
    predictor: Predictor,
    seen: NDArray[np.generic],
    crop: Crop,
    settings: GridSettings,
    cancelled: Cancel | None,
) -> Iterator[tuple[int, list[MaskRecord]]]:
    """Embed a crop of an image and yield batch by batch how many points were asked, and their masks."""
    (top, left, bottom, right), shape = crop.corners, (seen.shape[0], seen.shape[1])
    embedding = predictor.embed(seen[top:bottom, left:right], normalization=None, cancelled=cancelled)
    for batch in _batches(crop.grid(), settings.points_per_batch):
        _stop_if(cancelled)
        yield len(batch), list(_in_crop(predictor, embedding, batch, crop, shape, settings))


def asked_at(
    predictor: Predictor,
    embedding: Embedding,
    points: Positions,
    settings: GridSettings,
    *,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> list[MaskRecord]:
    """Find masks at some points of an image that is embedded already, also several of one object.

    Parameters
    ----------
    predictor : Predictor
    embedding : Embedding
        Of a whole image.
    points : (N, 2)
        Positions (row, col).
    settings : GridSettings
        Of which the thresholds are used.
    progress, cancelled
        As in `grid_masks`.

    Raises
    ------
    Cancelled
        If `cancelled` said so.
    """
    crop = Crop((0, 0, *embedding.shape), settings.points_per_side)
    found: list[MaskRecord] = []
    for start in range(0, len(points), settings.points_per_batch):
        _stop_if(cancelled)
        batch = points[start : start + settings.points_per_batch]
        found += _in_crop(predictor, embedding, batch, crop, embedding.shape, settings)
        if progress is not None:
            progress(start + len(batch), len(points))
    return found


def sifted(records: Sequence[MaskRecord], settings: GridSettings) -> list[MaskRecord]:
    """Keep of masks found with lower thresholds those that other settings would have found, each once."""
    good = [
        record
        for record in records
        if record.predicted_iou > settings.predicted_iou and record.stability_score >= settings.stability
    ]
    return _cleaned(_best(good, settings), settings)


def _best(records: list[MaskRecord], settings: GridSettings) -> list[MaskRecord]:
    """Keep one of those of a crop that cover the same box: the one that promises most."""
    return _distinct(records, np.array([each.predicted_iou for each in records]), settings.box_overlap)


def _batches(points: Positions, count: int) -> list[Positions]:
    return [points[start : start + count] for start in range(0, len(points), count)]


def _stop_if(cancelled: Cancel | None) -> None:
    if cancelled is not None and cancelled():
        raise Cancelled("The search for masks was cancelled; start it again when you want it.")


def _in_crop(
    predictor: Predictor,
    embedding: Embedding,
    points: Positions,
    crop: Crop,
    shape: tuple[int, int],
    settings: GridSettings,
) -> Iterator[MaskRecord]:
    """Ask a batch of points; yield the good masks in the image's coordinates."""
    top, left = crop.corners[:2]
    answers = _windowed if predictor.model.sam.config.windowed else _whole
    for index, item, stability in answers(predictor, embedding, points, settings):
        row, col = points[index].tolist()
        record = MaskRecord(
            (item.origin[0] + top, item.origin[1] + left),
            (item.mask.shape[0], item.mask.shape[1]),
            run_lengths(item.mask),
            item.area,
            item.iou_prediction,
            stability,
            (row + top, col + left),
            crop.corners,
        )
        if not cut_by_crop(record.corners, crop.corners, shape):
            yield record


Answers = Iterator[tuple[int, Candidate, float]]


def _prompts(points: Positions) -> list[Prompts]:
    return [Prompts(points=[point], point_labels=[1]) for point in points]


def _whole(predictor: Predictor, embedding: Embedding, points: Positions, settings: GridSettings) -> Answers:
    """Ask a ViT; draw only what promises enough, and see its stability at the image's own pixels."""
    config = predictor.model.sam.config
    extent = embedding.levels[0].extent
    weights = whole_weights(extent, embedding.shape, config.image_size, config.low_res_size)
    found = pools(predictor.model, embedding, _prompts(points), [True] * len(points))
    for index, pool in enumerate(found):
        for decoded in (each for each in pool if each.iou > settings.predicted_iou):
            item, stability = _drawn(decoded, weights, settings.stability_offset)
            if item is not None and stability >= settings.stability:
                yield index, item, stability


def _drawn(
    decoded: Decoded, weights: tuple[NDArray[np.float32], NDArray[np.float32]], offset: float
) -> tuple[Candidate | None, float]:
    """Draw one mask and return its stability; none if it is empty."""
    start, logits = interpolated(decoded, (0, 0), weights, -offset)
    origin, mask = cropped(start, logits > 0)
    if not mask.size:
        return None, 0.0
    item = Candidate(origin, mask, decoded.iou, decoded.logits, decoded.frame)
    return item, float(stability_at(logits, offset))


def _windowed(
    predictor: Predictor, embedding: Embedding, points: Positions, settings: GridSettings
) -> Answers:
    """Ask a windowed model at every scale, and take the candidates that a person would be shown."""
    for index, answer in enumerate(predictor.predict_many(embedding, _prompts(points), multimask=True)):
        for item in answer.items:
            stability = float(stability_at(item.logits, settings.stability_offset))
            good = item.iou_prediction > settings.predicted_iou and stability >= settings.stability
            if good and item.area:
                yield index, item, stability


def _distinct(records: list[MaskRecord], worth: NDArray[np.float64], overlap: float) -> list[MaskRecord]:
    """Keep one of those that cover the same box: the one of most worth."""
    boxes = np.array([record.corners for record in records], float).reshape(-1, 4)
    return [records[index] for index in suppress(boxes, worth, overlap)]


def _cleaned(records: list[MaskRecord], settings: GridSettings) -> list[MaskRecord]:
    """Remove specks and holes; of masks that became the same, those that had none are taken."""
    if not settings.smallest_region or not records:
        return records
    cleaned, untouched = [], []
    for record in records:
        mask, changed = without_small_regions(record.mask, settings.smallest_region)
        cleaned.append(record.with_mask(*cropped(record.origin, mask)) if changed else record)
        untouched.append(float(not changed))
    return _distinct(cleaned, np.array(untouched), max(settings.box_overlap, settings.crop_overlap))
