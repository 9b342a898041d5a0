"""What Windows refuses of files is refused here, too, where there is no Windows to run the tests on.

There a file cannot be replaced, renamed or removed while it is open or mapped, nor can the folder that it
lies in, and names may not have some letters. Python tells of each such step before it is done (`sys.audit`).
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

LETTERS = re.compile(r'[<>:"|?*\x00-\x1f]')
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
KINDS_MAPPED = (".safetensors", ".npy")
OPENED, MAPPED = Path("/proc/self/fd"), Path("/proc/self/maps")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
LOCK = ".lock"
"""Ending of what filelock removes by itself on Windows, once it has let go."""
TEMPORARY = os.path.realpath(tempfile.gettempdir())
_asking = threading.local()


def enforce() -> None:
    """Refuse it from now on, in temporary folders, where this system tells which files are open."""
    if OPENED.exists() and MAPPED.exists():
        sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("open", "os.mkdir", "os.rename", "os.remove") or getattr(_asking, "now", False):
        return
    _asking.now = True
    try:
        paths = [_temporary(each) for each in arguments[: 2 if event == "os.rename" else 1]]
        _check(event, [path for path in paths if path], arguments)
    finally:
        _asking.now = False


def _temporary(path: Any) -> str:
    """Return a path in a temporary folder; nothing for others."""
    if not isinstance(path, str | bytes | os.PathLike):
        return ""
    text = os.fsdecode(path)
    return text if text.startswith(TEMPORARY) else ""


def _check(event: str, paths: list[str], arguments: tuple[Any, ...]) -> None:
    """Raise what Windows does, if it does."""
    named = event in ("os.mkdir", "os.rename") or (event == "open" and (arguments[2] or 0) & WRITING)
    for path in paths:
        if named and not all(map(_is_name, path.removeprefix(TEMPORARY).split("/"))):
            raise OSError(22, "Windows has no such names", path)
        if event in ("os.rename", "os.remove") and not path.endswith(LOCK) and _in_use(path):
            raise PermissionError(13, "Windows does not let go of a file in use", path)


def _is_name(name: str) -> bool:
    if name in ("", ".", ".."):
        return True
    return not LETTERS.search(name) and not DEVICE.fullmatch(name) and name[-1] not in ". "


def _in_use(path: str) -> bool:
    """Say whether this process has a file open or mapped, or one that lies in a folder."""
    real = os.path.realpath(path)
    inside = f"{real}/"
    files = [each for each in _files(real) if each == real or each.startswith(inside)]
    return not all(map(os.path.isdir, files))


def _files(path: str) -> Iterator[str]:
    """Yield what this process has open, and what it has mapped if the path is of a kind that is mapped."""
    for handle in OPENED.iterdir():
        with suppress(OSError):  # closed by now
            yield os.readlink(handle)  # noqa: PTH115 (much quicker)
    if path.endswith(KINDS_MAPPED):
        lines = MAPPED.read_text().splitlines()
        yield from (line[line.index("/") :] for line in lines if "/" in line)
