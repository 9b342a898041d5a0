"""Every object of many images: one after another or on a cluster, going on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pooch

from napari_sam.errors import Cancelled, DataError, DiskFullError
from napari_sam.pixel_size import pixel_size_of
from napari_sam.predict import Predictor
from napari_sam.progress import Cancel, Progress
from napari_sam.weights import LoadedModel, load_model
from napari_sam.weights.loading import locate

from .batch_axes import opened_plane
from .batch_files import is_large, label_names, unreadable, write_tiff
from .batch_summary import SUMMARY, Row, others, read_summary, write_summary
from .painting import painted
from .segment import Method, propose
from .settings import AutomaticSettings
from .stitch import WindowSettings
from .windows import Segmented, segment_windows
from .windows_output import differing, disk_errors, write_text
from .windows_version import changed

SETTINGS, SHEET = "settings.json", "sheet.png"


@dataclass(frozen=True)
class BatchSettings:
    """What all images of a batch have in common.

    Attributes
    ----------
    model : str
        A name or a file, as `load_model` takes it.
    device : str
    method : "auto", "grid" or "instances"
    automatic : AutomaticSettings
    windows : WindowSettings
        For images of more than 4,096 pixels a side.
    channel_axis : int, optional
    """

    model: str = "cell-tiny"
    device: str = "auto"
    method: Method = "auto"
    automatic: AutomaticSettings = field(default_factory=AutomaticSettings)
    windows: WindowSettings = field(default_factory=WindowSettings)
    channel_axis: int | None = None

    def made_with(self) -> dict[str, Any]:
        """Return JSON values that tell its results from others', with the hash of the model's weights."""
        content = asdict(replace(self, model=pooch.file_hash(str(locate(self.model)[0]), alg="sha256")))
        del content["device"]
        plain: dict[str, Any] = json.loads(json.dumps(content))
        return plain


@dataclass(frozen=True)
class Job:
    """An image, where its labels go (a path without an ending), and whether to begin anew."""

    image: Path
    labels: Path
    overwrite: bool = False

    @property
    def written(self) -> Path | None:
        """The labels that are there and newer than the image, or than one that is gone."""
        since = changed(self.image) if self.image.exists() else 0
        for suffix in (".tif", ".zarr"):
            path = self.labels.with_name(self.labels.name + suffix)
            if path.exists() and path.stat().st_mtime_ns >= since:
                return path
        return None


Run = Callable[[Sequence[Job], BatchSettings], Iterator[Row]]
"""Segments images in any order."""
At = Callable[[Path, int, int], None]
"""Told which image is at hand, how many of its parts are done, and of how many; 0 of 0 as it begins."""


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

    Finished images are skipped. A kill loses no more than the image at hand. Rows of other images of the
    folder stay in its summary.

    Parameters
    ----------
    images : sequence of Path
        As `batch_files.images_of` finds them.
    out : Path
        A folder, made if it is not there: labels as .tif, of large images as .zarr; summary.csv, sheet.png.
    settings : BatchSettings, optional
    overwrite : bool
        Segment all images anew, with whatever settings others were made.
    run : callable, optional
        By default here, one after another; `batch_cluster.on_cluster` gives another.
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
        If the folder cannot be used, was made with other settings, or the disk is full.
    WeightsError, Cancelled
        If the model cannot be loaded, or `cancelled` said so; what was finished stays.
    """
    settings = settings or BatchSettings()
    jobs = jobs_of(images, out, overwrite)
    _begin(out, images, settings, overwrite)
    rows = {} if overwrite else _finished(out, jobs)
    tell = told or (lambda _: None)
    for row in rows.values():
        tell(row)
    for row in _segmented(out, jobs, rows, settings, run or one_by_one):
        tell(row)
        if progress is not None:
            progress(len(rows), len(jobs))
        if cancelled is not None and cancelled():
            raise Cancelled("The batch was cancelled; start the same again, and it goes on from here.")
    _write_sheet(out, [job for job in jobs if not rows[str(job.image)].error], settings)
    return [rows[str(job.image)] for job in jobs]


def _segmented(
    out: Path, jobs: Sequence[Job], rows: dict[str, Row], settings: BatchSettings, run: Run
) -> Iterator[Row]:
    """Segment the images that have no row yet; each row is in the summary when it is told."""
    waiting = [job for job in jobs if str(job.image) not in rows]
    if not waiting:
        return
    kept = others(read_summary(out), {job.image: job.labels.name for job in jobs})

    def write() -> None:
        write_summary(out, [*kept, *(rows[str(job.image)] for job in jobs if str(job.image) in rows)])

    write()  # before the first labels: what these replace is finished no more
    for row in run(waiting, settings):
        rows[row.file] = row
        write()
        yield row


def _write_sheet(out: Path, jobs: Sequence[Job], settings: BatchSettings) -> None:
    from .batch_sheet import batch_sheet

    sheet = batch_sheet(jobs, settings)
    with disk_errors(out):
        sheet.save(out / SHEET)


def jobs_of(images: Sequence[Path], out: Path, overwrite: bool = False) -> list[Job]:
    """Return what is to be done for each image."""
    return [Job(image, out / name, overwrite) for image, name in label_names(images).items()]


def one_by_one(
    jobs: Sequence[Job],
    settings: BatchSettings,
    *,
    at: At | None = None,
    cancelled: Cancel | None = None,
) -> Iterator[Row]:
    """Segment images here, one after another, with one model; `cancelled` is asked within an image too."""
    model = load_model(settings.model, settings.device)
    for job in jobs:
        progress = None if at is None else partial(at, job.image)
        if progress is not None:
            progress(0, 0)
        yield segment_file(job, model, settings, progress=progress, cancelled=cancelled)


def segment_file(
    job: Job,
    model: LoadedModel,
    settings: BatchSettings,
    *,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> Row:
    """Segment one image and write its labels; whatever is wrong with it becomes the row's error.

    Raises
    ------
    DiskFullError
        Because other images would not fare better.
    Cancelled
        If `cancelled` said so.
    """
    began = perf_counter()
    try:
        with opened_plane(job.image, settings.channel_axis) as array:
            found = _segment(array, job, model, settings, progress, cancelled)
    except (DiskFullError, Cancelled):
        raise
    except Exception as error:  # noqa: BLE001 (one bad file must not end the batch)
        # what may not be written is told by then: this is a part of the image that is read late
        told = unreadable(job.image, error) if isinstance(error, PermissionError) else error
        return Row(str(job.image), seconds=perf_counter() - began, error=" ".join(str(told).split()))
    return Row(str(job.image), found.objects, perf_counter() - began, found.score)


def _segment(
    array: Any,
    job: Job,
    model: LoadedModel,
    settings: BatchSettings,
    progress: Progress | None,
    cancelled: Cancel | None,
) -> Segmented:
    size = pixel_size_of(job.image)
    if job.image.is_dir() or is_large(array, settings.channel_axis):
        return segment_windows(
            array,
            job.labels.with_name(f"{job.labels.name}.zarr"),
            model,
            method=settings.method,
            settings=settings.automatic,
            windows=settings.windows,
            channel_axis=settings.channel_axis,
            pixel_size=size,
            file=job.image,
            overwrite=job.overwrite or "others",  # left by a batch that was to be overwritten
            progress=progress,
            cancelled=cancelled,
        )
    records, shape = propose(
        Predictor(model),
        np.asarray(array),
        method=settings.method,
        settings=settings.automatic,
        channel_axis=settings.channel_axis,
        progress=progress,
        cancelled=cancelled,
    )
    labels, kept = painted(records, shape, settings.automatic)
    path = job.labels.with_name(f"{job.labels.name}.tif")
    write_tiff(path, labels, size)
    return Segmented(path, len(kept), float(np.mean([each.worth for each in kept])) if kept else 0.0)


def _begin(out: Path, images: Sequence[Path], settings: BatchSettings, overwrite: bool) -> None:
    """Make the folder, or make sure that it is of the same batch."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file; the labels of several images go into a folder.")
    if any(out.absolute() == image.absolute().parent for image in images):
        raise DataError(f"{out} holds the images; choose another folder, so that none is written over.")
    made_with = settings.made_with()
    known = out / SETTINGS
    if known.is_file() and not overwrite:
        if other := _differing(known, made_with):
            raise DataError(
                f"The labels in {out} were made with another {' and '.join(other)}; choose another folder, or"
                " overwrite them."
            )
    elif not overwrite and out.is_dir() and any(out.iterdir()):
        raise DataError(f"{out} holds files that are not of a batch; choose an empty folder, or overwrite.")
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        if overwrite:
            (out / SUMMARY).unlink(missing_ok=True)  # first, or a kill leaves old labels as finished
        write_text(known, json.dumps(made_with, indent=2))


def _differing(known: Path, made_with: dict[str, Any]) -> list[str]:
    """Return the names of settings that a file holds otherwise."""
    try:
        held = dict(json.loads(known.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{known} cannot be read; choose another folder, or overwrite.") from error
    return differing(held, made_with)


def _finished(out: Path, jobs: Sequence[Job]) -> dict[str, Row]:
    """Return the rows of images whose labels are there."""
    known = read_summary(out)
    rows = (known.get(str(job.image)) for job in jobs if job.written is not None)
    return {row.file: row for row in rows if row is not None and not row.error}
