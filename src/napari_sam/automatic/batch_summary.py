"""What became of each image of a batch, as a table on disk."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from napari_sam.errors import DataError

from .batch_files import with_checksum
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


def others(known: Mapping[str, Row], names: Mapping[Path, str]) -> list[Row]:
    """Return the rows of images that a batch is not of, and whose labels it does not write over.

    Parameters
    ----------
    known : dict
        Rows by file.
    names : dict
        Images of the batch, and the names of their labels.
    """
    images = {image.absolute() for image in names}
    taken = {name.casefold() for name in names.values()}
    return [
        row
        for file, row in known.items()
        if Path(file).absolute() not in images and taken.isdisjoint(_possible_names(Path(file).absolute()))
    ]


def _possible_names(image: Path) -> set[str]:
    """Return the names, casefolded, that labels of an image have among whichever others."""
    tails = [Path(*image.parts[start:]) for start in range(1, len(image.parts))]
    names = {image.stem, *("_".join(tail.parts) for tail in tails)}
    names |= {with_checksum("_".join(tail.parts), tail) for tail in tails}
    return {name.casefold() for name in names}


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
