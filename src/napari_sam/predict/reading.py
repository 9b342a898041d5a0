"""Pixels that may be read from a file only now, and cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari_sam.errors import ImageError, NapariSamError


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Say in one sentence that something cannot be read; a damaged file raises all kinds of errors.

    Raises
    ------
    ImageError
        In place of that.
    MemoryError, PermissionError
        As they come.
    """
    try:
        yield
    except (NapariSamError, MemoryError, PermissionError):
        raise
    except Exception as error:
        raise ImageError(f"{what} cannot be read ({error}); replace or repair its file.") from error
