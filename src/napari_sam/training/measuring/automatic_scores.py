"""Measure what is found without prompts: every method's labels against the annotated ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam.automatic import (
    AutomaticSettings,
    DenseView,
    Labels,
    MaskRecord,
    dense_instances,
    grid_masks,
    instance_masks,
    paint,
)
from napari_sam.predict import Predictor

from ..samples import Sample
from .report import AutomaticScore
from .scores import average_precision, f1

METHODS = ("auto", "watershed", "grid")
"""What can be measured: the whole, the dense head without the mask decoder, and points everywhere."""


def score_automatic(
    predictor: Predictor,
    image: NDArray[np.generic],
    view: DenseView | None,
    sample: Sample,
    methods: Sequence[str] = METHODS,
) -> list[AutomaticScore]:
    """Compare all objects that each method finds with those of the finest annotated level.

    Parameters
    ----------
    predictor : Predictor
    image : (Y, X) or (Y, X, C)
        For the grid, which is laid at scales of its own.
    view : DenseView, optional
        What the dense head sees of the image, if the model has one.
    sample : Sample
    methods : sequence of str
        Some of `METHODS`.

    Returns
    -------
    list of AutomaticScore
        Of these methods, without "auto" and "watershed" where the model has no dense head.
    """
    settings = AutomaticSettings()

    def labels_of(records: list[MaskRecord]) -> Labels:
        return paint(records, sample.labels.shape, settings)

    found: dict[str, Labels] = {}
    if "auto" in methods and view is not None:
        found["auto"] = labels_of(instance_masks(predictor, view.embedding, settings, view=view))
    if "watershed" in methods and view is not None:
        found["watershed"] = dense_instances(view, settings.dense)
    if "grid" in methods:
        found["grid"] = labels_of(grid_masks(predictor, image, settings.grid_for(predictor.model)))
    return [
        AutomaticScore(
            sample.name,
            sample.kind,
            method,
            float(average_precision(sample.labels, labels).mean()),
            f1(sample.labels, labels),
        )
        for method, labels in found.items()
    ]
