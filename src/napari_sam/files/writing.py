"""Files that are written at once or not at all, and what is said of a disk that does not take them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING
from uuid import uuid4

from filelock import FileLock, Timeout

from ..errors import DataError, DiskFullError

if TYPE_CHECKING:
    from PIL import Image

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""What systems answer on a full disk, or one of which a person has had their share."""
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What systems answer where one may not write, or nobody."""
DEVICES = Path("/dev")
"""Where ``/dev/stdout`` is, which may lead to a file that others write to as well."""


def plain(value: object) -> object:
    """Return a number or an array of numpy's, as scripts give them, as JSON takes it; for `json.dumps`."""
    import numpy as np

    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def write_text(path: Path, text: str, *, shared: bool = False) -> None:
    """Write a small file as `at_once` does."""
    with at_once(path, shared=shared) as part:
        part.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file as `at_once` does, and have it on the disk before it takes its place."""
    with at_once(path) as part, part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_picture(path: Path, picture: Image.Image) -> None:
    """Write a picture as `at_once` does, in the format of the path's ending.

    Raises
    ------
    DataError
        If the ending is not that of a picture, the disk is full, or the file may not be written to.
    """
    from PIL import Image

    form = Image.registered_extensions().get(path.suffix.lower())
    if form not in Image.SAVE:
        raise DataError(f"{path} has an ending that cannot hold a picture; use .png.")
    with disk_errors(path), at_once(path) as part, part.open("wb") as file:
        picture.save(file, form)


@contextmanager
def at_once(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Yield a path in a hidden folder, to write a file or a folder to, which takes its place in the end.

    If writing fails, it goes. A link stays one: what it leads to is replaced. Devices and pipes are written
    to themselves.

    Parameters
    ----------
    path : Path
    shared : bool
        Others may write this file at the same moment, so the hidden folder is of this call alone. What a
        killed process left in such a folder stays; elsewhere the next one begins anew.

    Raises
    ------
    DataError
        If somebody else writes it now, and it is not shared.
    """
    if path.parent == DEVICES or (path.exists() and not path.is_file() and not path.is_dir()):
        yield path
        return
    path = path.resolve()
    hidden = path.with_name(f".{path.name}{'.' + uuid4().hex if shared else ''}.new")
    with nullcontext() if shared else alone(path, ".new.lock"):
        rmtree(hidden, ignore_errors=True)
        hidden.mkdir()
        try:
            yield hidden / path.name  # by whose ending writers know the format
            _place(hidden / path.name, path, hidden / "old")
        finally:
            rmtree(hidden, ignore_errors=True)


def _place(part: Path, path: Path, old: Path) -> None:
    """Put a file where another one may be, or a folder where another one may be."""
    if not (path.is_dir() and part.is_dir()):
        part.replace(path)  # which a folder refuses to a file
        return
    path.replace(old)  # a folder is not replaced while there is something in it
    try:
        part.replace(path)
    except OSError:
        old.replace(path)
        raise


def check_link(path: Path) -> None:
    """Raise `DataError` if a path, or a folder above it, is a link to nothing, where no folder can be."""
    for each in (path, *path.parents):
        if each.is_symlink() and not each.exists():
            raise DataError(
                f"{each} is a link to {each.readlink()}, which is not there; make that, remove the link, or"
                " choose another output."
            )


def check_folder_of(path: Path) -> None:
    """Raise `DataError` if there is no folder to write a file to, or none where a link leads to."""
    real = Path(os.path.realpath(path))
    if real.is_symlink() or not real.parent.is_dir():  # the former leads in a circle
        check_link(path)
        raise DataError(f"The folder of {path} does not exist; make it first.")


@contextmanager
def alone(path: Path, ending: str = ".lock", wait: float = 0.0) -> Iterator[None]:
    """Keep others from writing the same labels meanwhile, where the file system has locks.

    Parameters
    ----------
    path : Path
        Beside which a hidden file is locked; a kill frees it.
    ending : str
        Of that file's name: as many can hold labels, and write a file of them, at once.
    wait : float
        Seconds that others have to come to their end.

    Raises
    ------
    DataError
        If somebody else writes them now.
    """
    if not path.absolute().parent.is_dir():  # which the lock would make
        yield
        return
    lock = FileLock(path.with_name(f".{path.name}{ending}"), timeout=wait)
    try:
        lock.acquire()
    except Timeout as error:
        raise DataError(
            f"{path} is being written by another napari-sam; wait until that has ended, or choose another"
            " output."
        ) from error
    except (NotImplementedError, OSError):
        pass  # who writes tells what may not be written
    try:
        yield
    finally:
        if lock.is_locked:
            let_go(lock)


def let_go(lock: FileLock) -> None:
    """Release a lock that is held, and take its file away; on Windows only the release can."""
    try:
        with suppress(OSError):
            Path(lock.lock_file).unlink()
    finally:
        lock.release()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Say in one sentence that a disk is full or may not be written to.

    Raises
    ------
    DataError
        Then, a `DiskFullError` if it is full; other errors pass.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError(
                f"The disk of {path} is full; make room and start the same again: what is finished stays."
            ) from error
        if error.errno in REFUSED:
            raise DataError(f"{path} may not be written to ({error}); choose another output.") from error
        raise
