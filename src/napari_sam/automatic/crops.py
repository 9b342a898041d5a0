"""Where points are asked: a grid on the image and on crops of it, and what is kept of their masks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_sam.errors import ImageError

from .filter import Corners
from .given import check_kinds

Positions = NDArray[np.float64]


@dataclass(frozen=True)
class GridSettings:
    """How the grid is asked and what is kept; the defaults are those of Meta's code.

    Attributes
    ----------
    points_per_side : int
        Points along each side of the image.
    points_per_batch : int
        Points asked between two reports of progress.
    predicted_iou : float
        Masks promise more than this.
    stability : float
        Masks are at least this stable.
    stability_offset : float
        Logits by which the threshold is moved to see it.
    box_overlap, crop_overlap : float
        IoU of boxes above which two masks count as one, in a crop and between crops.
    crop_layers : int
        Layer n has 2^n x 2^n crops; 0 for the image alone.
    crop_share : float
        By which the crops of the first layer overlap, as a share of the image's shorter side.
    crop_points_divisor : int
        Each layer has this many times fewer points along a side.
    smallest_region : int
        Holes and pieces of fewer pixels are removed; 0 leaves masks as they are.

    Raises
    ------
    ImageError
        If a number makes no sense.
    TypeError
        If a value is of another kind, such as text.
    """

    points_per_side: int = 32
    points_per_batch: int = 64
    predicted_iou: float = 0.88
    stability: float = 0.95
    stability_offset: float = 1.0
    box_overlap: float = 0.7
    crop_overlap: float = 0.7
    crop_layers: int = 0
    crop_share: float = 512 / 1500
    crop_points_divisor: int = 1
    smallest_region: int = 0

    def __post_init__(self) -> None:
        check_kinds(self)
        if min(self.points_per_side, self.points_per_batch, self.crop_points_divisor) < 1:
            raise ImageError("A grid has at least 1 point a side, a batch and a divisor of at least 1.")
        if min(self.crop_layers, self.smallest_region) < 0:
            raise ImageError("The crop layers and the smallest region are 0 or more.")


@dataclass(frozen=True)
class Crop:
    """A part of the image with its own grid: (row_start, col_start, row_stop, col_stop), points a side."""

    corners: Corners
    points_per_side: int

    @property
    def area(self) -> int:
        """Pixels."""
        top, left, bottom, right = self.corners
        return (bottom - top) * (right - left)

    def grid(self) -> Positions:
        """Return the (N, 2) points (row, col) within the crop, row by row."""
        top, left, bottom, right = self.corners
        shape = np.array([bottom - top, right - left])
        share = (np.arange(self.points_per_side) + 0.5) / self.points_per_side
        points = np.array(list(product(share * shape[0], share * shape[1])))
        return np.asarray(np.minimum(points, shape - 0.5))


def crops_of(shape: tuple[int, int], settings: GridSettings) -> list[Crop]:
    """Return the whole image and the crops of every layer, without those that an image is too small for.

    Parameters
    ----------
    shape : (Y, X)
    settings : GridSettings
    """
    crops = [Crop((0, 0, *shape), settings.points_per_side)]
    for layer in range(1, settings.crop_layers + 1):
        count = 2**layer
        overlap = int(settings.crop_share * min(shape) * 2 / count)
        sides = [int(np.ceil((overlap * (count - 1) + side) / count)) for side in shape]
        points = max(settings.points_per_side // settings.crop_points_divisor**layer, 1)
        for col, row in product(range(count), repeat=2):
            top, left = (int((side - overlap) * index) for side, index in zip(sides, (row, col), strict=True))
            corners = (top, left, min(top + sides[0], shape[0]), min(left + sides[1], shape[1]))
            if top < shape[0] and left < shape[1]:
                crops.append(Crop(corners, points))
    return crops
