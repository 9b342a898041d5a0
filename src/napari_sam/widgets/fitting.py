"""Labels of other programs, made to fit the image that they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels


def grow(labels: Labels | None, shape: tuple[int, ...]) -> None:
    """Make a Labels layer that lies within an image as large as the image, with background.

    GeoJSON and ImageJ's ROIs do not tell how large the image was, so layers of them end where the last
    object does. Any other layer, and one that does not fit, is left as it is.

    Parameters
    ----------
    labels : napari.layers.Labels or None
    shape : tuple of int
        Of the image.
    """
    if labels is None or not isinstance(labels.data, np.ndarray) or labels.data.ndim != len(shape):
        return
    missing = np.subtract(shape, labels.data.shape)
    if missing.any() and (missing >= 0).all():
        labels.data = np.pad(labels.data, [(0, int(more)) for more in missing])
