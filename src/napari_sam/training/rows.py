"""Rows of numbers, one a step or a look, that a training run adds to its CSV files."""

from __future__ import annotations

import csv
from pathlib import Path

from napari_sam.files.writing import at_once


def append_row(path: Path, row: dict[str, float]) -> None:
    """Append one row of numbers to a CSV file, with a header when it is new."""
    columns = ("step", "dense", "first", "corrected", "seconds")
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        if new:
            writer.writeheader()
        values = {name: f"{row[name]:.4g}" for name in columns if name in row}
        writer.writerow(values | {"step": int(row["step"])})


def drop_rows(path: Path, step: int) -> None:
    """Drop the rows of a CSV file whose first number is not below a step: they are going to come again."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = [*csv.reader(file)] or [[]]
    whole = [row for row in rows if len(row) == len(header)]  # the last one may have been cut off
    kept = [row for row in whole if float(row[0]) < step]
    if not kept:
        path.unlink()
        return
    with at_once(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *kept])
