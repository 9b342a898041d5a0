"""A table of objects, one a line, for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .regions import Region, Shape
from .space import Space

COLUMNS = (
    "label", "class", "plane", "area", "centroid_row", "centroid_col",
    "row_min", "col_min", "row_max", "col_max", "predicted_iou", "model", "note",
)  # fmt: skip


def write_table(path: Path, regions: Sequence[Region], _: Shape, __: Space | None = None) -> None:
    """Write label, class, plane, area, centroid, bounding box (all inside), predicted IoU, model and note."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(map(_row, sorted(regions, key=lambda region: (region.plane, region.id))))


def _row(region: Region) -> list[object]:
    (row, col), (height, width) = region.origin, region.mask.shape
    middle = np.argwhere(region.mask).mean(axis=0) + region.origin
    iou = "" if region.iou_prediction is None else f"{region.iou_prediction:.4f}"
    box = (row, col, row + height - 1, col + width - 1)
    plane = " ".join(map(str, region.plane))
    centre = (f"{value:.3f}" for value in middle)
    return [region.id, region.category, plane, region.area, *centre, *box, iou, region.model, region.note]
