"""Every object of an image at once, by the dense head, at the scale that suits their size."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from napari_sam.progress import Cancel

from .cutting import (
    LEAST,
    LEAST_SMOOTHING,
    DenseSettings,
    Labels,
    cut,
    faint_instances,
    narrowed,
    sizes,
    watershed_instances,
)
from .dense import DenseView, Maps
from .given import settings_given

OTHER = 2.0
"""Times by which what is seen at a coarser scale is larger, or else it is the same objects."""


def dense_instances(view: DenseView, settings: DenseSettings | None = None) -> Labels:
    """Find every object by the dense head and a plain watershed, at the scale that suits their size.

    Parameters
    ----------
    view : DenseView
        Of the image.
    settings : DenseSettings, optional

    Returns
    -------
    (Y, X) int32
        0 background, 1 to N.
    """
    settings = settings_given(settings, DenseSettings)
    maps, scale, diameter = _looked(view, settings.cutting)
    found = watershed_instances(maps, settings.cutting, diameter, scale)
    return to_image(narrowed(found, maps[0], settings.foreground), view.embedding.shape, scale)


def two_looks(
    view: DenseView, settings: DenseSettings | None = None, cancelled: Cancel | None = None
) -> tuple[Labels, Labels, float]:
    """Find every object as `dense_instances` does, and, where none was found, what might be one.

    Parameters
    ----------
    view, settings
        As `dense_instances` takes them.
    cancelled : callable, optional
        Asked in between whether to stop.

    Returns
    -------
    found, faint : (Y, X) int32
        0 background, 1 to N; no pixel is in both.
    scale : float
        At which they were seen.

    Raises
    ------
    Cancelled
        If `cancelled` said so.
    """
    settings = settings_given(settings, DenseSettings)
    maps, scale, diameter = _looked(view, settings.cutting, cancelled)
    found = watershed_instances(maps, settings.cutting, diameter, scale)
    faint = faint_instances(maps, found, settings.cutting, diameter, scale)
    found, faint = (
        to_image(narrowed(labels, maps[0], least), view.embedding.shape, scale)
        for labels, least in ((found, settings.foreground), (faint, settings.faint))
    )
    return found, faint, scale


def _looked(
    view: DenseView, settings: DenseSettings, cancelled: Cancel | None = None
) -> tuple[Maps, float, float]:
    """Return the maps that suit the objects, their scale, and the objects' diameter in their pixels."""
    scale, diameter, pieces = _suited(view, settings)
    fine = bool(view.embedding.fine) and 0 < diameter < settings.smallest_diameter
    if fine:
        scale = view.embedding.fine[0].scale
    maps = view.maps(scale, cancelled)
    if pieces and not fine:
        maps = together(maps, view.maps(pieces))
    return maps, scale, diameter * scale


def _suited(view: DenseView, settings: DenseSettings) -> tuple[float, float, float]:
    """Return the scale that suits the objects, their diameter, and a coarser one if they are in pieces, or 0.

    Where a coarser scale shows things of another size, they are what holds the objects, such as a tissue,
    and not the objects; then most objects tell the size, and not most pixels.
    """
    scale, *coarser = [level.scale for level in view.embedding.levels]
    median, diameter = _looked_at(view.maps(scale), scale, settings)
    while coarser:
        large = diameter * scale > settings.largest_diameter
        small = bool(view.embedding.fine) and diameter < settings.smallest_diameter
        if not large and (small or median >= settings.uneven * diameter):
            break
        wider = _looked_at(view.maps(coarser[0]), coarser[0], settings)
        if wider[1] > OTHER * diameter:
            return scale, median, 0.0
        if not large:
            return scale, diameter, coarser[0]
        (scale, *coarser), (median, diameter) = coarser, wider
    return scale, diameter, 0.0


def _looked_at(maps: Maps, scale: float, settings: DenseSettings) -> tuple[float, float]:
    """Return what `sizes` says of a first cut, made of every second pixel, in data pixels."""
    found = cut(maps[:, ::2, ::2], settings, LEAST_SMOOTHING / 2, scale / 2, LEAST / 2)
    median, middle = sizes(found)
    return 2 * median / scale, 2 * middle / scale


def together(fine: Maps, coarse: Maps) -> Maps:
    """Return the mean of maps of two scales, at the pixels of the finer one."""
    enlarged = F.interpolate(torch.from_numpy(coarse)[None], fine.shape[1:], mode="bilinear")[0].numpy()
    return np.asarray((fine + enlarged) / 2)


def to_image(labels: Labels, shape: tuple[int, int], scale: float) -> Labels:
    """Bring labels of one scale to the image's (Y, X) pixels."""
    if labels.shape == shape:
        return labels
    rows, cols = (
        np.minimum(np.ceil((np.arange(side) + 0.5) * scale).astype(int), count) - 1
        for side, count in zip(shape, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, cols)]
