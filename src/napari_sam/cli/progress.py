"""A progress bar where a person watches, nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(title: str, unit: str = "it") -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error while the block runs, if that is a terminal.

    Parameters
    ----------
    title : str
        What is going on.
    unit : str
        What is counted; bytes (``"B"``) are shown with prefixes.

    Yields
    ------
    callable
        Takes how many are done and how many there are (0 if unknown).
    """
    from tqdm import tqdm

    with tqdm(
        desc=title, unit=unit, unit_scale=unit == "B", leave=False, disable=not sys.stderr.isatty()
    ) as bar:

        def report(done: int, total: int) -> None:
            bar.total = total or None
            bar.update(done - bar.n)

        yield report
