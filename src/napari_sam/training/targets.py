"""What the dense head is to predict."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

TOUCHING = 4.0
"""By how much more a pixel counts that has two objects nearby: few pixels keep neighbours apart."""
NEARBY = 5
"""Side of the square, in the head's pixels, that is near a pixel."""


def dense_targets(labels: NDArray[np.int32] | None, size: int, partial: bool = False) -> Tensor:
    """Return foreground, distance to the border over the object's largest, boundary, and weight.

    What lies between objects that nearly touch weighs more (as in U-Net, Ronneberger et al., MICCAI 2015,
    equation 2), since an average over all pixels hardly notices whether they are joined.

    Parameters
    ----------
    labels : (S, S) int32, optional
        None to leave the dense head alone.
    size : int
        S.
    partial : bool
        Whether there are objects that the labels do not show: then only what is near a labelled
        object is known.

    Returns
    -------
    (4, S / 2, S / 2) float32
    """
    if labels is None:
        return torch.zeros(4, size // 2, size // 2)
    half = np.pad(labels[::2, ::2], 1, mode="edge")
    centre = half[1:-1, 1:-1]
    neighbours = (half[:-2, 1:-1], half[2:, 1:-1], half[1:-1, :-2], half[1:-1, 2:])
    boundary = np.any([centre != other for other in neighbours], axis=0) & (centre > 0)
    distance = ndimage.distance_transform_edt((centre > 0) & ~boundary) + 0.5 * boundary
    ids = np.unique(centre)
    largest = np.zeros(int(ids.max()) + 1)
    largest[ids] = ndimage.maximum(distance, centre, ids)
    normalised = distance / np.maximum(largest[centre], 0.5) * (centre > 0)
    highest = ndimage.maximum_filter(centre, NEARBY)
    known = highest > 0 if partial else np.ones(centre.shape, bool)
    weight = known * (1 + TOUCHING * (highest > lowest_label(centre)))
    return torch.from_numpy(np.stack([centre > 0, normalised, boundary, weight]).astype(np.float32))


def lowest_label(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the lowest label near each of (Y, X) pixels, background aside; the highest number for none."""
    none = np.iinfo(labels.dtype).max
    return np.asarray(ndimage.minimum_filter(np.where(labels > 0, labels, none), NEARBY))
