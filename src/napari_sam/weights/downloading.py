"""Weights from the network into the cache: resumed where they broke off, checked, put in place at once."""

from __future__ import annotations

import errno
import http.client
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import pooch
from filelock import FileLock, Timeout

from napari_sam.errors import DownloadError
from napari_sam.files.writing import FULL, REFUSED, let_go
from napari_sam.progress import Progress

from .registry import ModelEntry

CHUNK = 1 << 20
AGENT = "napari-sam"  # some servers refuse urllib by its own name
TIMEOUT = 30.0
"""Seconds without a byte until a connection counts as broken."""

PATIENCE = 0.2
"""Seconds between two looks whether another process still downloads the same."""


def download(entry: ModelEntry, progress: Progress | None = None) -> Path:
    """Return the weights' path, downloading them first where they are not in the cache.

    A broken or cancelled download leaves a ``.part`` file beside, from which the next one goes on; the
    cache's other files stay as they are. Where the disk has too little room, nothing is written. While
    another process downloads the same, this one waits for it and takes its file.

    Parameters
    ----------
    entry : ModelEntry
        A model with an address.
    progress : callable, optional
        Called with the bytes done and their number (0 if unknown); may raise `Cancelled`.

    Raises
    ------
    DownloadError
        If there is no network, the server refuses, the disk is full, or the file is not what its
        publisher put there.
    """
    path = entry.path
    part = path.with_name(path.name + ".part")
    report = progress or _silent
    until_in_place = ExitStack()

    def fetch(url: str, output_file: str, _: pooch.Pooch) -> None:
        if until_in_place.enter_context(_alone(part, report)):
            _resume(url, entry.bytes, part, report)
            part.replace(output_file)
        else:
            shutil.copyfile(path, output_file)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with until_in_place:
            pooch.retrieve(entry.url, entry.hash, fname=path.name, path=path.parent, downloader=fetch)
    except ValueError as error:  # pooch's word for a wrong hash; its temporary file is gone by now
        raise DownloadError(
            f"The download of {entry.name} is not the file that its publisher describes (its checksum"
            " differs), so it was thrown away; try again, or download it by hand and give its path."
        ) from error
    except urllib.error.HTTPError as error:
        raise DownloadError(
            f"The server of {entry.name} answered {error.code} {_phrase(error)}; try later, or download"
            f" {entry.url} by hand and give its path."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(_sentence(entry, error)) from error
    return path


@contextmanager
def _alone(part: Path, report: Progress) -> Iterator[bool]:
    """Wait until no other process downloads to the partial file.

    Yields
    ------
    bool
        Whether there is something left to download: False if the other one has put it in place.
    """
    path, lock = part.with_suffix(""), FileLock(part.with_name(f"{part.name}.lock"))
    before = _written(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=PATIENCE)
        except Timeout:
            report(0, 0)  # which may raise `Cancelled`
        except (NotImplementedError, OSError):
            break  # a file system without locks; who writes tells what may not be written
    try:
        yield _written(path) == before
    finally:
        if lock.is_locked:
            let_go(lock)


def _written(path: Path) -> int | None:
    """Return when a file was written, in nanoseconds; None if there is none."""
    return path.stat().st_mtime_ns if path.exists() else None


def _resume(url: str, known: int | None, part: Path, progress: Progress) -> None:
    """Download to the partial file, going on where it ends if the server can.

    Raises
    ------
    OSError
        If the connection or the disk fails, or the answer is another file than the one of a known size, as
        the page that asks to log in to a network; the partial file stays.
    """
    start = part.stat().st_size if part.exists() else 0
    wanted = {"Range": f"bytes={start}-"} if start else {}
    request = urllib.request.Request(url, headers={"User-Agent": AGENT, **wanted})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310
            start = start if response.status == http.HTTPStatus.PARTIAL_CONTENT else 0
            length = int(response.headers.get("Content-Length") or 0)
            if length > shutil.disk_usage(part.parent).free:
                raise OSError(errno.ENOSPC, f"{length} bytes do not fit")
            if known and length and not start and length != known:
                raise ConnectionError(f"the answer is another file, of {length} bytes and not {known}")
            with part.open("ab" if start else "wb") as file:
                done = _copy(response, file, start, start + length if length else 0, progress)
            if length and done < start + length:
                raise ConnectionError(f"the connection broke after {done} of {start + length} bytes")
    except urllib.error.HTTPError as error:
        error.close()  # it is the server's answer, too
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        # the partial file is whole already; its checksum decides


def _copy(source: http.client.HTTPResponse, file: BinaryIO, done: int, total: int, progress: Progress) -> int:
    progress(done, total)
    while chunk := source.read1(CHUNK):  # as it comes: a slow network hears of cancelling and keeps all
        file.write(chunk)
        done += len(chunk)
        progress(done, total)
    return done


def _sentence(entry: ModelEntry, error: OSError | http.client.HTTPException) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number in FULL:
        return (
            f"The disk is full, so {entry.name} was not downloaded; free some space in {entry.path.parent}."
        )
    if number in REFUSED or getattr(error, "filename", None):  # of the network's errors none has that
        return f"The folder {entry.path.parent} cannot be written to; set NAPARI_SAM_CACHE to one that can."
    reason = " ".join(str(getattr(error, "reason", error)).split())  # which may have lines
    return (
        f"{entry.name} could not be downloaded ({reason}); check the network and try again, or copy the file"
        f" from {entry.url} to {entry.path}."
    )


def _phrase(error: urllib.error.HTTPError) -> str:
    """Return an answer in a few words, where urllib has several lines for one that leads in a circle."""
    return http.client.responses.get(error.code, " ".join(error.reason.split()))


def _silent(done: int, total: int) -> None:
    """Report nothing."""
