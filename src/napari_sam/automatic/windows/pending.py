"""A window's labels, kept beside the array while they are written into it, so that a kill loses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from napari_sam.errors import DataError

from .stitch import Box, Stitched


@dataclass(frozen=True, eq=False)
class Pending:
    """A window that is being written.

    Attributes
    ----------
    done : int
        Windows before it.
    box : (slice, slice)
        Its rows and columns.
    stitched : Stitched
        What its labels become.
    score : float
        Sum of those of its new objects.
    """

    done: int
    box: Box
    stitched: Stitched
    score: float

    def write(self, path: Path) -> None:
        """Write it into a file."""
        places = [(part.start, part.stop) for part in self.box]
        with path.open("wb") as file:
            np.savez(
                file,
                done=self.done,
                box=np.array(places),
                labels=self.stitched.labels,
                new=_as_pairs(self.stitched.new),
                merged=_as_pairs(self.stitched.merged),
                score=self.score,
            )

    @classmethod
    def read(cls, path: Path) -> Pending:
        """Read what `write` wrote.

        Raises
        ------
        DataError
            If it is something else, such as what a power failure left.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
                rows, cols = (slice(*place) for place in held["box"].tolist())
                new, merged = (dict(held[name].tolist()) for name in ("new", "merged"))
                stitched = Stitched(held["labels"], new, merged)
                return cls(int(held["done"]), (rows, cols), stitched, float(held["score"]))
        except (EOFError, KeyError, TypeError, ValueError, BadZipFile) as error:
            raise DataError(f"{path} holds no part of labels; overwrite the labels beside it.") from error


def pending_path(path: Path) -> Path:
    """Return the file that holds a window of labels while it is written."""
    return path.with_name(f".{path.name}.window")


def _as_pairs(names: dict[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.array(list(names.items()), np.int64).reshape(-1, 2)
