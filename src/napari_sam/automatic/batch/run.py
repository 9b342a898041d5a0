"""Every object of many images: one after another or on a cluster, going on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_sam.errors import Cancelled, DataError
from napari_sam.files.writing import alone, check_link, disk_errors, write_picture, write_text
from napari_sam.progress import Cancel, Progress

from ..windows.state import differing
from ..windows.version import glimpse
from .image import BatchSettings, Job, one_by_one
from .names import full_path, label_names
from .summary import SETTINGS, SHEET, SUMMARY, Row, line_of, read_summary, write_summary

Run = Callable[[Sequence[Job], BatchSettings], Iterator[Row]]
"""Segments images in any order."""
CANCELLED = "The batch was cancelled; start the same again, and it goes on from here."


def run_batch(
    images: Sequence[Path],
    out: Path,
    settings: BatchSettings | None = None,
    *,
    overwrite: bool = False,
    run: Run | None = None,
    told: Callable[[Row], None] | None = None,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> list[Row]:
    """Label every object of many images, and write a summary and a contact sheet.

    Finished images are skipped. A kill loses no more than the image at hand. Labels of other images that
    are in the folder stay, and so do their rows in its summary.

    Parameters
    ----------
    images : sequence of Path
        As `batch_files.images_of` finds them.
    out : Path
        A folder, made if it is not there: labels as .tif, of large images as .zarr; summary.csv, sheet.png.
    settings : BatchSettings, optional
    overwrite : bool
        Segment the images anew, also in a folder of other settings, whose summary is begun anew then.
    run : callable, optional
        By default here, one after another; `cluster.on_cluster` gives another.
    told : callable, optional
        Called with each row as soon as it is there; first with those of images that were finished before.
    progress : callable, optional
        Called with the number of images done and of all images.
    cancelled : callable, optional
        Asked between images whether to stop.

    Returns
    -------
    list of Row
        One an image, in their order. An image that could not be segmented has an error.

    Raises
    ------
    DataError
        If the folder cannot be used, was made with other settings, is written by another batch, or the disk
        is full.
    WeightsError, Cancelled
        If the model cannot be loaded, or `cancelled` said so; what was finished stays.
    """
    settings, tell = settings or BatchSettings(), told or (lambda _: None)
    _check(out, images)
    made_with = settings.made_with()
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    with alone(out / SUMMARY):  # or it would lack what another batch did
        known = _begin(out, made_with, overwrite)
        jobs = _jobs(images, out, known, overwrite)
        rows = {} if overwrite else _finished(known, jobs)
        for row in rows.values():
            tell(row)
        for row in _segmented(out, jobs, known, rows, settings, run or one_by_one):
            tell(row)
            if progress is not None:
                progress(len(rows), len(jobs))
            if cancelled is not None and cancelled():
                raise Cancelled(CANCELLED)
        _write_sheet(out, settings)
    return [rows[str(job.image)] for job in jobs]


def without_labels(images: Sequence[Path], out: Path) -> list[Path]:
    """Leave out what a batch wrote into its folder, which a pattern finds when it is started again."""
    if not (out / SETTINGS).is_file():
        return list(images)
    return [image for image in images if not image.parent.samefile(out)]


def _check(out: Path, images: Sequence[Path]) -> None:
    """Make sure that labels may go there."""
    check_link(out)
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file; the labels of several images go into a folder.")
    if out.exists() and any(
        folder.exists() and out.samefile(folder) for folder in {i.parent for i in images}
    ):
        raise DataError(f"{out} holds the images; choose another folder, so that none is written over.")


def _begin(out: Path, made_with: dict[str, Any], overwrite: bool) -> dict[Path, Row]:
    """Make sure that the folder is of the same batch, and return the rows of what is finished."""
    try:
        known = _begun(out, made_with)
    except DataError:
        if not overwrite:
            raise
        known = {}
    with disk_errors(out):
        if not known:
            (out / SUMMARY).unlink(missing_ok=True)  # first, or a kill leaves old labels as finished
        write_text(out / SETTINGS, json.dumps(made_with, indent=2))
    return known


def _begun(out: Path, made_with: dict[str, Any]) -> dict[Path, Row]:
    """Return the rows of a folder's summary, or say why it is not of such a batch."""
    settings = out / SETTINGS
    if not settings.is_file():
        if out.is_dir() and any(not each.name.startswith(".") for each in out.iterdir()):
            raise DataError(
                f"{out} holds files that are not of a batch; choose an empty folder, or overwrite."
            )
        return {}
    try:
        held = dict(json.loads(settings.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{settings} cannot be read; choose another folder, or overwrite.") from error
    if other := differing(held, made_with):
        raise DataError(
            f"The labels in {out} were made with another {' and '.join(other)}; choose another folder, or"
            " overwrite them."
        )
    return read_summary(out)


def _jobs(images: Sequence[Path], out: Path, known: dict[Path, Row], overwrite: bool) -> list[Job]:
    """Return what is to be done for each image."""
    held = {image: Path(row.labels).stem for image, row in known.items() if row.labels}
    return [Job(image, out / name, overwrite) for image, name in label_names(images, held).items()]


def _finished(known: dict[Path, Row], jobs: Sequence[Job]) -> dict[str, Row]:
    """Return the rows of images whose labels are there, and of no image that was in their place before."""
    rows = ((job, known.get(full_path(job.image))) for job in jobs if job.written is not None)
    return {
        str(job.image): replace(row, file=str(job.image))
        for job, row in rows
        if row is not None and not row.error and (not row.image or glimpse(job.image) in ("", row.image))
    }


def _segmented(
    out: Path,
    jobs: Sequence[Job],
    known: dict[Path, Row],
    rows: dict[str, Row],
    settings: BatchSettings,
    run: Run,
) -> Iterator[Row]:
    """Segment the images that have no row yet; each row is in the summary when it is told."""
    waiting = [job for job in jobs if str(job.image) not in rows]
    if not waiting:
        return
    ours = {full_path(job.image) for job in jobs}
    kept = [line_of(row, out) for image, row in known.items() if image not in ours]
    lines = {file: line_of(row, out) for file, row in rows.items()}  # each once: all are written every time

    def write() -> None:
        write_summary(out, [*kept, *(lines[str(job.image)] for job in jobs if str(job.image) in lines)])

    write()  # before the first labels: what these replace is finished no more
    for row in run(waiting, settings):
        rows[row.file] = row
        lines[row.file] = line_of(row, out)
        write()
        yield row


def _write_sheet(out: Path, settings: BatchSettings) -> None:
    from .sheet import batch_sheet

    done = [row for row in read_summary(out).values() if row.labels]
    write_picture(out / SHEET, batch_sheet(done, out, settings))
