"""What a batch was asked for, what it tells on its way, and the work itself, in the worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam.automatic.batch.run import Run
    from napari_sam.automatic.batch.summary import Row

    from ..background.jobs import Job


@dataclass(frozen=True)
class Asked:
    """What the form says: images, a folder for labels, and how; `cluster` is empty for this computer.

    `channels` are those that are seen, or none for all; `thresholds` those that are not the default ones.
    """

    images: tuple[Path, ...]
    out: Path
    model: str
    device: str
    channel_axis: int | None
    channels: tuple[int, ...]
    thresholds: dict[str, float]
    cluster: str
    anew: bool


@dataclass(frozen=True)
class AtHand:
    """An image that is being segmented, and how many of its parts are done, of how many."""

    image: Path
    done: int
    total: int


@dataclass(frozen=True)
class Finished:
    """What became of an image, where its labels are, and which axis its channels were taken for."""

    row: Row
    labels: Path | None
    channel_axis: int | None


def work(job: Job, asked: Asked) -> list[Row]:
    """Segment what was asked for; runs in the worker, and returns what became of each image."""
    from napari_sam.automatic.batch.image import BatchSettings
    from napari_sam.automatic.batch.run import run_batch
    from napari_sam.automatic.thresholds import with_thresholds
    from napari_sam.weights.loading import locate

    automatic = with_thresholds(asked.thresholds)
    locate(asked.model, job.progress)  # a download is shown
    return run_batch(
        asked.images,
        asked.out,
        BatchSettings(
            asked.model,
            asked.device,
            automatic=automatic,
            channel_axis=asked.channel_axis,
            channels=asked.channels,
        ),
        overwrite=asked.anew,
        run=_runner(job, asked.cluster),
        told=lambda row: job.tell(
            Finished(row, asked.out / row.labels if row.labels else None, asked.channel_axis)
        ),
        progress=job.progress,
        cancelled=job.cancelled,
    )


def _runner(job: Job, cluster: str) -> Run:
    from napari_sam.automatic.batch.image import one_by_one

    if cluster:
        from napari_sam.automatic.batch.cluster import on_cluster

        return on_cluster(cluster, job.cancelled)
    return partial(one_by_one, at=lambda *at: job.tell(AtHand(*at)), cancelled=job.cancelled)
