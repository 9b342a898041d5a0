"""Labels as TIFF, which says what their axes are and how large their pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pixel_size import SPACING, PixelSize


def narrowed(labels: NDArray[np.integer]) -> NDArray[np.unsignedinteger[Any]]:
    """Return labels in 16 bits where these suffice, in 32 elsewhere."""
    small = labels.max(initial=0) <= np.iinfo(np.uint16).max
    return labels.astype(np.uint16 if small else np.uint32, copy=False)


def write_label_tiff(
    path: Path, labels: NDArray[np.integer], axes: str = "YX", size: PixelSize | None = None
) -> None:
    """Write labels in 16 bits where these suffice.

    Parameters
    ----------
    path : Path
        Of OME-TIFF, if it ends so.
    labels : (..., Y, X) integers from 0 on
    axes : str
        What they are, such as ZYX.
    size : PixelSize, optional
    """
    import tifffile

    said = {SPACING: size.planes} if size and size.planes and "Z" in axes else {}
    ome = path.name.lower().endswith((".ome.tif", ".ome.tiff"))
    if ome and size:
        said = (size if said else replace(size, planes=None)).to_ome()
    tifffile.imwrite(
        path,
        narrowed(labels),
        compression="zlib",
        photometric="minisblack",
        ome=ome,
        metadata={"axes": axes, **said},
        **(size.to_tiff() if size else {}),
    )
