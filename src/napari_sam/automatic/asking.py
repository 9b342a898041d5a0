"""What the dense head sees, drawn by the mask decoder: regions in, masks out, those that both agree on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_sam.errors import Cancelled
from napari_sam.masks import Region, labelled
from napari_sam.predict import Embedding, Predictor, Prompts
from napari_sam.predict.candidates import Candidate, stability_at
from napari_sam.predict.drawing import pointed_at
from napari_sam.predict.drawn import box_around, deepest_point
from napari_sam.predict.prompts import Box
from napari_sam.progress import Cancel, Progress

from .crops import GridSettings
from .cutting import disc, sizes
from .dense import AskedOn, DenseView
from .filter import suppress
from .given import settings_given
from .instances import two_looks
from .records import MaskRecord, run_lengths, within_sizes
from .regions import region_iou
from .settings import AutomaticSettings
from .turned import in_common, turned

Question = tuple[Box, tuple[float, float]]
"""The box around a region, and its innermost point (row, col)."""
Answers = dict[Question, MaskRecord]
"""What the mask decoder draws; an empty mask where it draws nothing."""
DEBRIS = 0.4
"""A mask of a second look has at least this share of the found objects' diameter."""
BATCH = 32
"""Objects drawn between two reports of progress."""


def instance_masks(
    predictor: Predictor,
    embedding: Embedding,
    settings: AutomaticSettings | None = None,
    *,
    view: DenseView | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> list[MaskRecord]:
    """Ask the mask decoder for every instance of the dense head, and keep what both agree on.

    What the dense head sees faintly is asked for, too, and kept where the decoder is sure of it.

    Parameters
    ----------
    predictor : Predictor
        Of a model with a dense head.
    embedding : Embedding
    settings : AutomaticSettings, optional
    view : DenseView, optional
        Of the embedding, where the dense head has been asked before.
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
    settings = settings_given(settings, AutomaticSettings)
    view = view or DenseView(predictor, embedding)
    *looks, scale = two_looks(view, settings.dense, cancelled)
    found, faint = ([region for _, region in labelled(look)] for look in looks)
    answers: Answers = {}
    on = view.asked_on(scale)
    ask(predictor, on, [*found, *faint], answers, progress=progress, cancelled=cancelled)
    return agreed(found, answers, settings, faint, sizes(looks[0])[0])


def ask(
    predictor: Predictor,
    on: AskedOn,
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
    on : (Embedding, Embedding or None)
        The whole image that the regions are in, as `DenseView.asked_on` returns it.
    regions : sequence of Region
    answers : dict
        Questions in it, which were answered on the same, are not asked again.
    progress, cancelled
        As in `segment_automatically`.

    Raises
    ------
    Cancelled
        If `cancelled` said so; what was answered before stays.
    """
    questions = [each for each in dict.fromkeys(map(question, regions)) if each not in answers]
    for start in range(0, len(questions), BATCH):
        if cancelled is not None and cancelled():
            raise Cancelled("The search for objects was cancelled; start it again when you want it.")
        batch = questions[start : start + BATCH]
        for each, item in zip(batch, _drawn(predictor, on, batch), strict=True):
            answers[each] = _record(item, each, on[0].shape)
        if progress is not None:
            progress(start + len(batch), len(questions))


def _drawn(predictor: Predictor, on: AskedOn, questions: Sequence[Question]) -> list[Candidate]:
    """Return what the mask decoder draws in boxes; of an image that is asked turned, too, the mean of both.

    Of a mask in pieces, the one with the region's innermost point is meant.
    """
    prompts = [Prompts(box=box) for box, _ in questions]
    embedding, half_turned = on
    shape = embedding.shape
    masks = predictor.suggest_many(embedding, prompts)
    if half_turned is not None:
        others = predictor.suggest_many(half_turned, [turned(each, shape) for each in prompts])
        masks = [in_common(mask, other, shape) for mask, other in zip(masks, others, strict=True)]
    items = [predictor.draw(embedding, each) for each in masks]
    return [pointed_at(item, np.array([point])) for item, (_, point) in zip(items, questions, strict=True)]


def question(region: Region) -> Question:
    """Return what the mask decoder is asked for a region."""
    return box_around(region), deepest_point(region)


def agreed(
    regions: Sequence[Region],
    answers: Answers,
    settings: AutomaticSettings | None = None,
    faint: Sequence[Region] = (),
    diameter: float = 0.0,
) -> list[MaskRecord]:
    """Keep the masks that look like the region that they were asked for, each object once.

    Parameters
    ----------
    regions : sequence of Region
    answers : dict
        What `ask` was answered for these regions, and maybe others.
    settings : AutomaticSettings, optional
    faint : sequence of Region
        Of a second look, whose masks have to promise more.
    diameter : float
        Of the median object of the first look, in data pixels; things of a second look that are much
        smaller are debris.

    Returns
    -------
    list of MaskRecord
        As `instance_masks` does.
    """
    settings = settings_given(settings, AutomaticSettings)
    records = _alike(regions, answers, settings.agreement)
    debris = disc(DEBRIS * diameter)
    seconds = _alike(faint, answers, settings.agreement)
    records += [each for each in seconds if each.worth >= settings.second_look and each.area >= debris]
    records = within_sizes(records, *settings.dense.areas)
    if records:
        least = settings.least([each.worth for each in records])
        records = [each for each in records if each.worth >= least]
    boxes = np.array([record.corners for record in records], float).reshape(-1, 4)
    scores = np.array([record.worth for record in records])
    return [records[index] for index in suppress(boxes, scores, settings.overlap)]


def _alike(regions: Sequence[Region], answers: Answers, agreement: float) -> list[MaskRecord]:
    """Return the masks that have enough IoU with the regions that they were asked for."""
    records = [(answers[question(region)], region) for region in regions]
    return [
        record
        for record, region in records
        if record.area and region_iou((record.origin, record.mask), region) >= agreement
    ]


def _record(item: Candidate, asked: Question, shape: tuple[int, int]) -> MaskRecord:
    """Describe the candidate that answers a question."""
    box, point = asked
    return MaskRecord(
        item.origin,
        (item.mask.shape[0], item.mask.shape[1]),
        run_lengths(item.mask),
        item.area,
        item.iou_prediction,
        float(stability_at(item.logits, GridSettings.stability_offset)),
        point,
        (0, 0, *shape),
        box,
    )
