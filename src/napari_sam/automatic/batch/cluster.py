"""A batch on a cluster of dask workers, each of which loads the model once."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock
from time import sleep
from typing import Any

from napari_sam.errors import Cancelled, DataError
from napari_sam.files.writing import disk_errors
from napari_sam.progress import Cancel
from napari_sam.weights import LoadedModel, load_model
from napari_sam.wording import amount

from .image import BatchSettings, Job, segment_file
from .run import CANCELLED, Run
from .summary import Row

WAIT = 5
"""Seconds in which a scheduler answers, or is not there."""
TURN = 0.05
"""Seconds after which is looked for finished images."""


def on_cluster(address: str, cancelled: Cancel | None = None) -> Run:
    """Return what segments images on a cluster, for `run_batch`.

    Workers need this package and the same paths to images, output and a model's file. A worker that
    dies has its image done by another one. Workers of a machine with several GPUs should each see one
    of them, as those that ``dask cuda worker`` starts do.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``.
    cancelled : callable, optional
        Asked whether to stop while images are waited for, which is for ever without a worker.

    Raises
    ------
    DataError
        When it runs, if distributed is not installed, or the scheduler is not there or goes away.
    Cancelled
        When it runs, if `cancelled` said so.
    """
    return partial(_run, address, cancelled)


def _run(
    address: str, cancelled: Cancel | None, jobs: Sequence[Job], settings: BatchSettings
) -> Iterator[Row]:
    with _connected(address) as client:
        from distributed import as_completed

        places = [replace(job, image=job.image.absolute(), labels=job.labels.absolute()) for job in jobs]
        _check_workers(client, places[0].labels.parent)
        told = {"settings": _findable(settings), "weights": settings.made_with()["model"]}
        futures = client.map(_on_worker, places, **told, pure=False)
        names = {future.key: str(job.image) for future, job in zip(futures, jobs, strict=True)}
        done = as_completed(futures, loop=client.loop)
        while not done.is_empty():
            if cancelled is not None and cancelled():
                raise Cancelled(CANCELLED)
            for future in done.next_batch(block=False):
                yield replace(_became(future), file=names[future.key])
            sleep(TURN)


def _check_workers(client: Any, out: Path) -> None:
    """Raise `DataError` if workers lack this package, of which they would die, or write elsewhere."""
    known = client.run(find_spec, "napari_sam")
    with disk_errors(out), NamedTemporaryFile(dir=out, prefix=".seen") as here:
        seen = client.run(os.path.exists, here.name)
    _check_all(known, "cannot import napari-sam; install it there")
    _check_all(seen, f"see another {out} than the one here; choose a folder that all share")


def _check_all(found: Mapping[str, object], told: str) -> None:
    if lacking := [worker for worker, what in found.items() if not what]:
        of = f"{len(lacking)} of {amount(len(found), 'worker')} (such as {lacking[0]})"
        raise DataError(f"{of} {told}, and start the same command again.")


def _became(future: Any) -> Row:
    """Return what became of an image; the others go on where it killed every worker that tried."""
    from distributed import KilledWorker

    try:
        row: Row = future.result()
    except KilledWorker:
        told = (
            "Several workers died on this image; give them more memory, and the same napari-sam as here, and"
            " start the same command again."
        )
        return Row("", error=told)
    return row


def _findable(settings: BatchSettings) -> BatchSettings:
    """Return settings whose model's file is found from wherever a worker runs."""
    path = Path(settings.model)
    return replace(settings, model=str(path.absolute())) if path.is_file() else settings


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Connect to a scheduler, and say so where it is not there or goes away."""
    try:
        from distributed import CancelledError, Client
    except ImportError as error:
        raise DataError(
            "A cluster needs dask.distributed; install napari-sam-microscopy[cluster], also on the workers."
        ) from error
    try:
        with ThreadPoolExecutor(1) as pool:  # in a notebook, this thread has a loop of its own
            pool.submit(asyncio.run, _reach(address)).result()
        client = Client(address, timeout=WAIT, set_as_default=False)  # dask goes on computing here
    except (OSError, ValueError, TypeError) as error:  # the latter where tls:// is not set up here
        raise DataError(
            f"No scheduler answers at {address}; start one with `dask scheduler`, or check the address."
        ) from error
    try:
        with _silent("distributed.client"), client:
            yield client
    except CancelledError as error:
        raise DataError(
            f"The scheduler at {address} went away; start it and the same command again, which goes on from"
            " here."
        ) from error


async def _reach(address: str) -> None:
    """Raise an error if no scheduler answers.

    Client would wait for ever for what is no scheduler, and complain at exit of an address that is none.
    """
    from distributed.comm.core import connect
    from distributed.security import Security

    async with asyncio.timeout(WAIT):
        comm = await connect(address, timeout=WAIT, **Security().get_connection_args("client"))
        await comm.close()


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Keep a logger from telling in tracebacks what we say in a sentence."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Held:
    """The model of a worker; one image at a time is in it."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.models: dict[tuple[str, str], LoadedModel] = {}

    def model(self, name: str, device: str, weights: str) -> LoadedModel:
        """Return a model of the weights that a batch is made with; what a file held before is dropped."""
        held = self.models.get((name, device))
        if held is None or held.weights_hash != weights:
            self.models = {}  # first, since the device may have no room for two
            held = load_model(name, device)
            if held.weights_hash != weights:
                raise DataError(
                    f"The weights of {held.name} on a worker are not those of here; give all the same"
                    " napari-sam and the same file, and start the same command again."
                )
            self.models = {(name, device): held}
        return held


def _on_worker(job: Job, settings: BatchSettings, weights: str) -> Row:
    """Segment an image on a worker, with the weights of this SHA-256."""
    from distributed import get_worker

    held: _Held = vars(get_worker()).setdefault("napari_sam_held", _Held())
    with held.lock:
        return segment_file(job, held.model(settings.model, settings.device, weights), settings)
