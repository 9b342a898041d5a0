"""What became of each image of a batch, as a table on disk."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from napari_sam.errors import DataError

from .windows_output import disk_errors, write_text

COLUMNS = ("file", "objects", "seconds", "mean_score", "error")
SUMMARY = "summary.csv"


@dataclass(frozen=True)
class Row:
    """What became of an image.

    Attributes
    ----------
    file : str
    objects : int
    seconds : float
    mean_score : float
        Of predicted IoU times stability.
    error : str
        Why there are no labels; empty if there are.
    """

    file: str
    objects: int = 0
    seconds: float = 0.0
    mean_score: float = 0.0
    error: str = ""


def read_summary(out: Path) -> dict[str, Row]:
    """Return the rows of a folder's summary by file; none if there is no summary.

    Raises
    ------
    DataError
        If it is no summary of a batch.
    """
    path = out / SUMMARY
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["file"]: _row(row) for row in csv.DictReader(file)}
    except FileNotFoundError:
        return {}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is no summary of a batch; remove it, or begin anew by overwriting."
        ) from error


def _row(held: dict[str, str]) -> Row:
    numbers = int(held["objects"]), float(held["seconds"]), float(held["mean_score"])
    return Row(held["file"], *numbers, held["error"])


def write_summary(out: Path, rows: Iterable[Row]) -> None:
    """Write a folder's summary, at once or not at all.

    Raises
    ------
    DataError
        If the disk is full or may not be written to.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in rows:
        table.writerow(
            astuple(replace(row, seconds=round(row.seconds, 3), mean_score=round(row.mean_score, 4)))
        )
    with disk_errors(out):
        write_text(out / SUMMARY, text.getvalue())
