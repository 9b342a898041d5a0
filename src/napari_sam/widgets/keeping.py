"""Keeps a session's commits on disk, and gives back those of the last time."""

from __future__ import annotations

import getpass
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_sam.errors import JournalError
from napari_sam.session import AnnotationSession
from napari_sam.session.journal import Journal, journal_path
from napari_sam.settings import config_folder

from .editing import counted
from .planes import image_shape

if TYPE_CHECKING:
    from napari.layers import Image, Labels

SAMPLE = 1 << 16
"""About as many pixels of an image without a file tell it from others."""


def keep(session: AnnotationSession, image: Image, labels: Labels) -> tuple[Journal | None, str]:
    """Follow a session with the journal of its image and labels.

    What an earlier session committed comes back into the session.

    Parameters
    ----------
    session : AnnotationSession
        Without commits.
    image : napari.layers.Image
    labels : napari.layers.Labels

    Returns
    -------
    journal : Journal or None
        None if there can be none. It may be one to look at only, as its `trouble` says.
    sentence : str
        What is wrong, and what is back, for the person; mostly empty.
    """
    path = _file_of(image)
    key = str(path) if path else _key(image)
    if not key:
        return None, ""
    try:
        where = journal_path(path, key, labels.name, config_folder() / "journals")
        journal = Journal(where, image_shape(image), path)
    except JournalError as error:
        return None, str(error)
    journal.follow(session)
    sentences = (journal.trouble or journal.notice, _restored(len(session.objects)))
    return journal, " ".join(filter(None, sentences))


def _restored(count: int) -> str:
    verb = "is" if count == 1 else "are"
    return f"Your last session's {counted(count)} {verb} back." if count else ""


def _file_of(image: Image) -> Path | None:
    """Return the file that an image was read from, if it is one on this machine."""
    source = image.source.path
    return Path(os.fspath(source)) if source and Path(os.fspath(source)).exists() else None


def _key(image: Image) -> str:
    """Tell an image in memory from others by its name and some of its pixels; empty for a lazy one."""
    data = image.data
    if not isinstance(data, np.ndarray):
        return ""
    sample = np.ascontiguousarray(data.flat[:: max(data.size // SAMPLE, 1)])
    return f"{image.name} {data.shape} {data.dtype} {zlib.crc32(sample.tobytes())}"


def user_name() -> str:
    """Return the name of who is logged in; empty where nobody is."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
