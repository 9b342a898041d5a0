"""One image of a batch: what it is segmented with, where its labels go, and what became of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pooch

from napari_sam.errors import Cancelled, DiskFullError
from napari_sam.files.images import images_beside, unreadable
from napari_sam.files.label_tiff import write_label_tiff
from napari_sam.files.pixel_size import pixel_size_of
from napari_sam.files.writing import at_once, disk_errors, plain
from napari_sam.predict import Predictor
from napari_sam.progress import Cancel, Progress
from napari_sam.weights import LoadedModel, load_model
from napari_sam.weights.loading import locate

from ..painting import painted
from ..segment import Method, propose
from ..settings import AutomaticSettings
from ..windows.segmenting import Segmented, segment_windows
from ..windows.stitch import WindowSettings
from ..windows.version import changed, glimpse
from .axes import opened_plane
from .files import is_large
from .summary import Row

At = Callable[[Path, int, int], None]
"""Told which image is at hand, how many of its parts are done, and of how many; 0 of 0 as it begins."""


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
    channels : tuple of int
        Which channels are seen; by default all.
    """

    model: str = "cell-tiny"
    device: str = "auto"
    method: Method = "auto"
    automatic: AutomaticSettings = field(default_factory=AutomaticSettings)
    windows: WindowSettings = field(default_factory=WindowSettings)
    channel_axis: int | None = None
    channels: tuple[int, ...] = ()

    def made_with(self) -> dict[str, Any]:
        """Return JSON values that tell its results from others', with the hash of the model's weights."""
        content = asdict(replace(self, model=pooch.file_hash(str(locate(self.model)[0]), alg="sha256")))
        del content["device"]
        made_with: dict[str, Any] = json.loads(json.dumps(content, default=plain))
        return made_with


@dataclass(frozen=True)
class Job:
    """An image, where its labels go (a path without an ending), and whether to begin anew."""

    image: Path
    labels: Path
    overwrite: bool = False

    @property
    def since(self) -> int:
        """When the image was last written, in nanoseconds; 0 if it is gone."""
        return changed(self.image) if self.image.exists() else 0

    @property
    def written(self) -> Path | None:
        """The labels that are there and newer than the image, or than one that is gone."""
        since = self.since
        for suffix in (".tif", ".zarr"):
            path = self.labels.with_name(self.labels.name + suffix)
            if path.exists() and path.stat().st_mtime_ns >= since:
                return path
        return None


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
    began, image, since = perf_counter(), glimpse(job.image), job.since
    try:
        with opened_plane(job.image, settings.channel_axis, settings.channels) as array:
            found = _segment(array, job, model, settings, progress, cancelled)
        _date(found.path, since)
    except (DiskFullError, Cancelled):
        raise
    except Exception as error:  # noqa: BLE001 (one bad file must not end the batch)
        # what may not be written is told by then: this is a part of the image that is read late
        told = unreadable(job.image, error) if isinstance(error, PermissionError | MemoryError) else error
        text = " ".join(str(told).split()) or repr(error)  # or it would be an image that has no error
        return Row(str(job.image), seconds=perf_counter() - began, error=text)
    seconds, note = perf_counter() - began, images_beside(job.image)
    return Row(str(job.image), found.path.name, found.objects, seconds, found.score, note=note, image=image)


def _date(labels: Path, since: int) -> None:
    """Let labels be no older than their image, which a microscope may have dated by a clock that is ahead."""
    if labels.stat().st_mtime_ns < since:
        with suppress(OSError):
            os.utime(labels, ns=(since, since))


def _segment(
    array: Any,
    job: Job,
    model: LoadedModel,
    settings: BatchSettings,
    progress: Progress | None,
    cancelled: Cancel | None,
) -> Segmented:
    if job.image.is_dir() or is_large(array, settings.channel_axis):
        return segment_windows(
            array,
            job.labels.with_name(f"{job.labels.name}.zarr"),
            model,
            method=settings.method,
            settings=settings.automatic,
            windows=settings.windows,
            channel_axis=settings.channel_axis,
            channels=settings.channels,
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
    with disk_errors(path), at_once(path) as part:
        write_label_tiff(part, labels, size=pixel_size_of(job.image))
    return Segmented(path, len(kept), float(np.mean([each.worth for each in kept])) if kept else 0.0)
