"""A table of objects, one a line, for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .regions import Region, Shape
from .space import Space, size_in

COLUMNS = (
    "label", "class", "plane", "area", "area_um2", "centroid_row", "centroid_col",
    "row_min", "col_min", "row_max", "col_max", "predicted_iou", "model", "note",
)  # fmt: skip


def write_table(path: Path, regions: Sequence[Region], _: Shape, space: Space | None = None) -> None:
    """Write label, class, plane, area, centroid, bounding box (all inside), predicted IoU, model and note.

    Areas are in pixels and, if the space tells how large these are, in square micrometers.
    """
    size = None if space is None else size_in(space)
    pixel = None if size is None else size.rows * size.cols
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        ordered = sorted(regions, key=lambda region: (region.plane, region.id))
        writer.writerows(_row(region, pixel) for region in ordered)


def _row(region: Region, pixel: float | None) -> list[object]:
    (row, col), (height, width) = region.origin, region.mask.shape
    middle = np.argwhere(region.mask).mean(axis=0) + region.origin
    iou = "" if region.iou_prediction is None else f"{region.iou_prediction:.4f}"
    area = "" if pixel is None else f"{region.area * pixel:.6g}"
    box = (row, col, row + height - 1, col + width - 1)
    plane = " ".join(map(str, region.plane))
    centre = (f"{value:.3f}" for value in middle)
    return [
        region.id, region.category, plane, region.area, area, *centre, *box, iou, region.model, region.note
    ]  # fmt: skip
