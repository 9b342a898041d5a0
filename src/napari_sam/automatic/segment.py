"""An image in, labels out: objects from the dense head or a grid, each drawn by the mask decoder."""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from napari_sam.errors import ImageError
from napari_sam.predict import Predictor
from napari_sam.predict.image import Method as Normalization
from napari_sam.progress import Cancel, Progress
from napari_sam.weights import LoadedModel

from .asking import instance_masks
from .cutting import Labels
from .given import settings_given
from .grid import grid_masks
from .painting import paint
from .records import MaskRecord, within_sizes
from .settings import AutomaticSettings

Method = Literal["auto", "grid", "instances"]


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
    settings = settings_given(settings, AutomaticSettings)
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
    settings = settings_given(settings, AutomaticSettings)
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
        return within_sizes(records, *settings.dense.areas), _shape_of(image, channel_axis)
    embedding = predictor.embed(
        image, channel_axis=channel_axis, normalization=normalization, cancelled=cancelled
    )
    records = instance_masks(predictor, embedding, settings, progress=progress, cancelled=cancelled)
    return records, embedding.shape


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
    low, high = settings.dense.smallest, settings.dense.largest
    if method_for(model, method) == "grid":
        grid = settings.grid_for(model)
        level = f"a predicted IoU of {grid.predicted_iou:g} and a stability of {grid.stability:g}"
    elif not settings.dense.foreground:
        return "Above a foreground of 0 lies the whole image, as one object; raise the threshold."
    else:
        level = f"a foreground of {settings.dense.foreground:g}"
    if high is not None:
        level += f" and {f'from {low:g} to' if low else 'up to'} {high:g} pixels across"
    elif low:
        level += f" and {low:g} pixels across"
    sizes = "" if high is None and not low else "give other sizes, "
    return f"There is no object above {level}; {sizes}lower the threshold or pick another channel."


def _shape_of(image: ArrayLike, channel_axis: int | None) -> tuple[int, int]:
    """Return rows and columns of an image that was found to be one."""
    shape = list(np.shape(image))
    if len(shape) == 3:
        del shape[-1 if channel_axis is None else channel_axis]
    return shape[0], shape[1]
