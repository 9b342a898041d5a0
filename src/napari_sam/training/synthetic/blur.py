"""Gaussian blur that costs the same at any width."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.floating]
WIDE = 2.5
"""Pixels of standard deviation from which a product of matrices takes less time than sums of neighbours."""
REACH = 4.0
"""Standard deviations at which a kernel ends, as scipy's does."""


def blurred(fields: Field, sigma: float) -> Field:
    """Blur (..., S, S) fields as `scipy.ndimage.gaussian_filter` does, up to the last digits.

    Parameters
    ----------
    fields : (..., S, S) float32 or float64
    sigma : float
        Standard deviation, in pixels.

    Returns
    -------
    (..., S, S)
        Of the same dtype.
    """
    if sigma < WIDE:
        return np.asarray(ndimage.gaussian_filter(fields, sigma, axes=(-2, -1)))
    # torch takes as many threads as its process may have, NumPy all there are
    weights = torch.from_numpy(blurring_matrix(fields.shape[-1], sigma).astype(fields.dtype))
    return (weights @ torch.from_numpy(fields) @ weights.T).numpy()


def blurring_matrix(size: int, sigma: float) -> NDArray[np.float64]:
    """Return the (S, S) matrix that blurs S numbers in a row, which go on mirrored beyond both ends."""
    reach = int(REACH * sigma + 0.5)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    rows = np.arange(size)[:, None]
    around = (rows + offsets) % (2 * size)
    mirrored = np.minimum(around, 2 * size - 1 - around)
    shares = np.broadcast_to(kernel / kernel.sum(), mirrored.shape)
    summed = np.bincount((rows * size + mirrored).ravel(), shares.ravel(), size**2)
    return np.asarray(summed.reshape(size, size), np.float64)
