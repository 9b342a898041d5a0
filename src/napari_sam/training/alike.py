"""Images that show nearly the same: one saved in another format, brightened, enlarged, or turned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from .samples import Sample

SIDE = 32
"""Of the small pictures that are compared."""
SMOOTH = 3.0
"""Changes over more of their pixels than this are uneven light, which many images share."""
ALIKE = 0.9
"""Correlation of two that show the same; of 513 images of nuclei no two come above 0.5."""


def alike(images: Sequence[Sample], others: Sequence[Sample]) -> dict[str, str]:
    """Return the names of images that are nearly the same as one of the others, each with the other's.

    Parameters
    ----------
    images, others : sequence of Sample
    """
    if not (images and others):
        return {}
    known = np.stack([small_picture(each.image).ravel() for each in others])
    found = {}
    for image in images:
        turned = np.stack([each.ravel() for each in _turns(small_picture(image.image))])
        correlations = (known @ turned.T).max(axis=1)
        if correlations.max() > ALIKE:
            found[image.name] = others[int(correlations.argmax())].name
    return found


def small_picture(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return what is seen in an image (3, Y, X) from afar, (SIDE, SIDE): of mean 0 and length 1, or all 0."""
    grey = Image.fromarray(image.mean(axis=0).astype(np.float32))
    small = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)
    small = small - ndimage.gaussian_filter(small, SMOOTH)
    small -= small.mean()
    length = float(np.linalg.norm(small))
    return small / length if length > 1e-3 else np.zeros_like(small)


def _turns(picture: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return a square picture in its eight positions."""
    return [np.rot90(each, times) for each in (picture, picture.T) for times in range(4)]
