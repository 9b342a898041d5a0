"""What became of each image of a batch, as a table on disk."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from napari_sam.errors import DataError
from napari_sam.files.writing import disk_errors, write_text

from .names import full_path

COLUMNS = ("file", "labels", "objects", "seconds", "mean_score", "error", "note", "image")
SETTINGS, SUMMARY, SHEET = "settings.json", "summary.csv", "sheet.png"
"""What a batch writes beside the labels."""
NOT_UTF8 = re.compile(r"\\udc([89a-f][0-9a-f])")
"""How a byte of a file's name that is not UTF-8 is written, here and on the screen."""


@dataclass(frozen=True)
class Row:
    """What became of an image.

    Attributes
    ----------
    file : str
        The image.
    labels : str
        The name of its labels; empty if there are none.
    objects : int
    seconds : float
    mean_score : float
        Of predicted IoU times stability.
    error : str
        Why there are no labels; empty if there are.
    note : str
        What to know of the image's file; mostly empty.
    image : str
        What tells the file from another one put in its place, as `windows_version.glimpse` says.
    """

    file: str
    labels: str = ""
    objects: int = 0
    seconds: float = 0.0
    mean_score: float = 0.0
    error: str = ""
    note: str = ""
    image: str = ""


def read_summary(out: Path) -> dict[Path, Row]:
    """Return the rows of a folder's summary by the full path of their image; none if there is no summary.

    Raises
    ------
    DataError
        If it is no summary of a batch.
    """
    path = out / SUMMARY
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [(full_path(_named(row["file"]), out), row) for row in csv.DictReader(file)]
            return {image: _row(row, image) for image, row in rows}
    except FileNotFoundError:
        return {}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is no summary of a batch; remove it, or begin anew by overwriting."
        ) from error


def is_of_batch(folder: Path) -> bool:
    """Say whether a folder is one that a batch writes into."""
    return (folder / SETTINGS).is_file() and (folder / SUMMARY).is_file()


def written_in(folder: Path) -> set[str]:
    """Return the names of what looks like images in a folder, and was written there by a batch."""
    if not is_of_batch(folder):
        return set()
    try:
        return {SHEET, *(row.labels for row in read_summary(folder).values())}
    except DataError:  # which is told where a batch goes on
        return {SHEET}


def _named(text: str) -> Path:
    """Return the file that a summary names."""
    return Path(NOT_UTF8.sub(lambda found: chr(0xDC00 + int(found[1], 16)), text))


def _row(held: dict[str, str], file: Path) -> Row:
    numbers = int(held["objects"]), float(held["seconds"]), float(held["mean_score"])
    return Row(
        str(file), held["labels"], *numbers, held["error"], held.get("note") or "", held.get("image") or ""
    )


def write_summary(out: Path, lines: Iterable[str]) -> None:
    """Write a folder's summary of lines by `line_of`, at once or not at all.

    Raises
    ------
    DataError
        If the disk is full or may not be written to.
    """
    with disk_errors(out):
        write_text(out / SUMMARY, "".join([_line(COLUMNS), *lines]))


def line_of(row: Row, out: Path) -> str:
    """Return a row as a line of a folder's summary, with the image as seen from the folder.

    So it is found again when all is moved, and from wherever the next batch is started.
    """
    seen = replace(
        row,
        file=_seen_from(out, Path(row.file)),
        seconds=round(row.seconds, 3),
        mean_score=round(row.mean_score, 4),
    )
    return _line(astuple(seen)).encode(errors="backslashreplace").decode()


def _line(values: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(values)  # both of which are quoted in a name then
    return text.getvalue().removesuffix("\r\n") + "\n"


def _seen_from(folder: Path, image: Path) -> str:
    try:
        return Path(os.path.relpath(image, folder)).as_posix()
    except ValueError:  # on another drive
        return str(image.absolute())
