"""Standard output and standard error, whatever they are: closed, a pipe that nobody reads, a full disk."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path

UNREAD = 141
"""Exit status where nobody reads on, as of programs that the system ends then: 128 and the signal."""
VOID = Path(os.devnull)


def prepare_streams() -> None:
    """Let anything be printed: into the void where a stream is closed, and names of any script."""
    # a print to None goes to the other stream, and a closed one's number would go to the next file
    sys.stdout = sys.stdout or VOID.open("w", encoding="utf-8")
    sys.stderr = sys.stderr or VOID.open("w", encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file of one script, say; errors are told so anyway
        sys.stdout.reconfigure(errors="backslashreplace")


def drop_unwritten() -> None:
    """Forget what a stream does not take: Python would try again at its end, and show a traceback."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError), VOID.open("w", encoding="utf-8") as void:
                os.dup2(void.fileno(), stream.fileno())
