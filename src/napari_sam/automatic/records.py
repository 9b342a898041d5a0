"""One automatic mask: where it is, what it is worth, and the paper's record of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pycocotools import mask as rle

from napari_sam.masks import Mask

from .filter import Corners


@dataclass(frozen=True)
class MaskRecord:
    """A mask found without a prompt, held as run lengths of what it covers.

    Attributes
    ----------
    origin : (int, int)
        Row and column of its first pixel in the image.
    size : (int, int)
        Rows and columns that it covers.
    counts : bytes
        Run lengths of those rows and columns, as COCO compresses them.
    area : int
        Pixels.
    predicted_iou, stability_score : float
    point : (row, col)
        The position that it was asked for, or the innermost one of what the box is around.
    crop : (row_start, col_start, row_stop, col_stop)
        The part of the image in which it was found.
    box : (row_min, col_min, row_max, col_max), optional
        The box that it was asked for.
    """

    origin: tuple[int, int]
    size: tuple[int, int]
    counts: bytes
    area: int
    predicted_iou: float
    stability_score: float
    point: tuple[float, float]
    crop: Corners
    box: tuple[float, float, float, float] | None = None

    @property
    def corners(self) -> Corners:
        """First and last row and column."""
        (row, col), (height, width) = self.origin, self.size
        return row, col, row + height - 1, col + width - 1

    @property
    def worth(self) -> float:
        """How far it is to be trusted, of 0 to 1; predicted IoU alone is blind to vague masks."""
        return self.predicted_iou * self.stability_score

    @property
    def mask(self) -> Mask:
        """What it covers, from `origin` on; (h, w) bool."""
        return np.asarray(rle.decode({"size": list(self.size), "counts": self.counts}), bool)

    def with_mask(self, origin: tuple[int, int], mask: Mask) -> MaskRecord:
        """Return the same record of another mask."""
        counts = run_lengths(mask)
        return replace(self, origin=origin, size=mask.shape, counts=counts, area=int(np.count_nonzero(mask)))

    def to_annotation(self, shape: tuple[int, int]) -> dict[str, Any]:
        """Return the paper's record (appendix B), where positions are (x, y).

        Parameters
        ----------
        shape : (Y, X)
            Of the image.

        Returns
        -------
        dict
            segmentation (COCO run lengths), area, bbox and crop_box [x, y, width, height], predicted_iou,
            stability_score, point_coords [[x, y]]. As in Meta's code the width and height of bbox are
            differences of its first and last column and row.
        """
        (row, col), (height, width) = self.origin, self.size
        full = np.zeros(shape, bool, order="F")
        full[row : row + height, col : col + width] = self.mask
        top, left, bottom, right = self.crop
        return {
            "segmentation": {"size": list(shape), "counts": run_lengths(full).decode("ascii")},
            "area": self.area,
            "bbox": [col, row, width - 1, height - 1],
            "predicted_iou": self.predicted_iou,
            "point_coords": [[self.point[1], self.point[0]]],
            "stability_score": self.stability_score,
            "crop_box": [left, top, right - left, bottom - top],
        }


def within_sizes(records: Iterable[MaskRecord], least: float, most: float) -> list[MaskRecord]:
    """Return the masks of no fewer and no more pixels."""
    return [each for each in records if least <= each.area <= most]


def run_lengths(mask: Mask) -> bytes:
    """Compress a (h, w) mask as COCO does."""
    counts = rle.encode(np.asfortranarray(mask, np.uint8))["counts"]
    return counts if isinstance(counts, bytes) else counts.encode("ascii")
