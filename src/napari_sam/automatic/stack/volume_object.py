"""An object in a stack: its mask in every plane that shows it, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_sam.masks import Mask, Region
from napari_sam.predict import Prompts

from ..regions import write_free

Source = Literal["prompted", "propagated", "interpolated"]


@dataclass(frozen=True, eq=False)
class PlaneMask:
    """An object in one plane.

    Attributes
    ----------
    origin : (int, int)
        Row and column of the mask's first pixel in the plane.
    mask : (h, w) bool
        Without empty rows or columns at its border.
    iou_prediction : float
        Predicted IoU; that of the decoder's answer where the interpolation stayed in its place.
    overlap : float
        IoU with the mask it was asked with: that of the plane before, or the interpolated one; 1 in a
        prompted plane.
    source : {"prompted", "propagated", "interpolated"}
        "interpolated" lies between prompted planes, whether the decoder could refine it or not.
    """

    origin: tuple[int, int]
    mask: Mask = field(repr=False)
    iou_prediction: float
    overlap: float
    source: Source

    @property
    def region(self) -> Region:
        """Origin and mask."""
        return self.origin, self.mask


@dataclass(frozen=True, eq=False)
class VolumeObject:
    """An object in the planes that show it.

    Attributes
    ----------
    planes : mapping of int to PlaneMask
        In the order of the planes.
    prompts : mapping of int to Prompts
        What it was made from.
    shape : (Z, Y, X)
        Of the stack.
    """

    planes: Mapping[int, PlaneMask]
    prompts: Mapping[int, Prompts]
    shape: tuple[int, int, int]

    @property
    def voxels(self) -> int:
        """Number of pixels in all planes."""
        return sum(int(np.count_nonzero(each.mask)) for each in self.planes.values())

    def paint(self, labels: NDArray[np.integer], label: int) -> None:
        """Write the object into a (Z, Y, X) volume where that is 0."""
        for index, each in self.planes.items():
            write_free(labels[index], each.region, label)

    def full_mask(self) -> NDArray[np.bool_]:
        """Return the object in its whole stack, (Z, Y, X) bool."""
        labels = np.zeros(self.shape, np.uint8)
        self.paint(labels, 1)
        return labels.astype(bool)
