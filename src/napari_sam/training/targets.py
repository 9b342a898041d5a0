"""What the dense head is to predict."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from .synthetic.layouts import largest_depths


def dense_targets(labels: NDArray[np.int32] | None, size: int, partial: bool = False) -> Tensor:
    """Return foreground, distance to the border over the object's largest, boundary, and weight.

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
    normalised = distance / np.maximum(largest_depths(distance, centre)[centre], 0.5) * (centre > 0)
    known = ndimage.maximum_filter(centre > 0, 5) if partial else np.ones(centre.shape, bool)
    return torch.from_numpy(np.stack([centre > 0, normalised, boundary, known]).astype(np.float32))
