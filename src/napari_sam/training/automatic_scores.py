"""Measure what is found without prompts: every method's labels against the annotated ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_sam.automatic import (
    AutomaticSettings,
    DenseView,
    Labels,
    dense_instances,
    grid_masks,
    instance_masks,
    paint,
)
from napari_sam.predict import Predictor

from .report import AutomaticScore
from .samples import Sample
from .scores import average_precision, f1


def score_automatic(
    predictor: Predictor,
    image: NDArray[np.generic],
    view: DenseView | None,
    sample: Sample,
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

    Returns
    -------
    list of AutomaticScore
        Of "auto" and "watershed" where the model has a dense head, and of "grid".
    """
    settings = AutomaticSettings()
    found: dict[str, Labels] = {}
    if view is not None:
        records = instance_masks(predictor, view.embedding, settings, view=view)
        found["auto"] = paint(records, sample.labels.shape, settings)
        found["watershed"] = dense_instances(view, settings.dense)
    records = grid_masks(predictor, image, settings.grid_for(predictor.model))
    found["grid"] = paint(records, sample.labels.shape, settings)
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
