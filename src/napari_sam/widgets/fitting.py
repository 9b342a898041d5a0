"""Labels of other programs, made to fit the image that they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam.export.layers import MAY_GROW

if TYPE_CHECKING:
    from napari.layers import Labels


def grow(labels: Labels | None, shape: tuple[int, ...]) -> None:
    """Make a Labels layer of a file that does not tell how large the image was as large as it is.

    Layers of GeoJSON and ImageJ's ROIs end where the last object does; background is added. Any other
    layer, and one that is larger than the image, is left as it is.

    Parameters
    ----------
    labels : napari.layers.Labels or None
    shape : tuple of int
        Of the image.
    """
    if labels is None or not labels.metadata.get(MAY_GROW) or labels.data.ndim != len(shape):
        return
    missing = np.subtract(shape, labels.data.shape)
    if missing.any() and (missing >= 0).all():
        labels.data = np.pad(labels.data, [(0, int(more)) for more in missing])
