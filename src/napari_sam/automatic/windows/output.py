"""Labels on disk that grow window by window."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_sam.errors import DataError
from napari_sam.files.writing import at_once, check_folder_of, check_link, disk_errors, plain, write_text

from ..cutting import Labels
from .pending import Pending, pending_path
from .state import MadeWith, State, differing, read_state, state_path
from .stitch import Box, Stitched, resolved

CHUNK = 512
"""Side of a chunk, in pixels."""
Overwrite = bool | Literal["others"]
"""Whether to begin anew whatever is there, or only what was begun from another image or otherwise."""


class WindowedLabels:
    """A zarr array of labels and its state; made by `open`.

    Parameters
    ----------
    path : Path
    array : zarr.Array
    state : State
    """

    def __init__(self, path: Path, array: Any, state: State) -> None:
        self.path = path
        self.array = array
        self.state = state

    @classmethod
    def open(
        cls, path: Path, shape: tuple[int, int], made_with: MadeWith, overwrite: Overwrite = False
    ) -> WindowedLabels:
        """Open labels that were begun, or make new ones.

        Raises
        ------
        DataError
            If what is there is something else, or was begun from another image or with other settings.
        """
        if path.suffix != ".zarr":
            raise DataError(f"{path} has an ending that cannot hold labels of a large image; use .zarr.")
        made_with = json.loads(json.dumps(made_with, default=plain))
        if path.exists() and overwrite is not True:
            state = read_state(path)
            other = differing(state.made_with, made_with)
            if other and not overwrite:
                raise DataError(
                    f"{path} was begun with another {' and '.join(other)}; choose another output, or"
                    " overwrite it."
                )
            if not other and state.normalization is not None:
                return cls._begun(path, state)
        elif path.exists() and not any(each.is_file() for each in (path / "zarr.json", state_path(path))):
            raise DataError(f"{path} is no zarr array and is not overwritten; choose another output.")
        check_folder_of(path)
        check_link(path)
        return cls._new(path, shape, made_with)

    @classmethod
    def _begun(cls, path: Path, state: State) -> WindowedLabels:
        """Open an array, and finish the window that a kill left half written."""
        import zarr

        with disk_errors(path):
            held = cls(path, zarr.open_array(path, mode="r+"), state)
            if pending_path(path).is_file():
                held._write(Pending.read(pending_path(path)))
        return held

    @classmethod
    def _new(cls, path: Path, shape: tuple[int, int], made_with: MadeWith) -> WindowedLabels:
        """Make an empty array; its state comes first, and has it made anew if a kill leaves half of one."""
        import zarr

        state = State(made_with)
        chunks = (min(CHUNK, shape[0]), min(CHUNK, shape[1]))
        with disk_errors(path):
            write_text(state_path(path), state.to_json())
            pending_path(path).unlink(missing_ok=True)
            array = zarr.create_array(
                path, shape=shape, chunks=chunks, dtype="int32", fill_value=0, overwrite=True
            )
        return cls(path, array, state)

    def read(self, box: Box) -> Labels:
        """Return the labels of a part, without those of a window that was not finished."""
        labels = np.asarray(self.array[box])
        labels[labels >= self.state.next_label] = 0
        return self._renamed(labels)

    def write(self, box: Box, stitched: Stitched, score: float) -> None:
        """Write a window's labels, then that it is done.

        They are kept in a file of their own meanwhile. A window that was killed half way cannot be found
        anew: it would be joined to its own pieces.

        Raises
        ------
        DataError
            If the disk is full.
        """
        pending = Pending(self.state.done, box, stitched, score)
        with disk_errors(self.path):
            if stitched.labels.any():
                with at_once(pending_path(self.path)) as part:
                    pending.write(part)
            self._write(pending)

    def _write(self, pending: Pending) -> None:
        """Write a window, however much of it is there; nothing if it is done."""
        if pending.done == self.state.done:
            if pending.stitched.labels.any():
                self.array[pending.box] = pending.stitched.labels
            self.save(self.state.after(pending.stitched, pending.score))
        pending_path(self.path).unlink(missing_ok=True)

    def skip(self) -> None:
        """Note that a window shows nothing."""
        self.save(replace(self.state, done=self.state.done + 1))

    def finish(self) -> None:
        """Give merged labels their last name everywhere.

        Raises
        ------
        DataError
            If the disk is full.
        """
        if not self.state.merged:
            return
        side = 4 * CHUNK
        with disk_errors(self.path):
            for row, col in product(*(range(0, length, side) for length in self.array.shape)):
                box = (slice(row, row + side), slice(col, col + side))
                labels = np.asarray(self.array[box])
                renamed = self._renamed(labels)
                if (renamed != labels).any():
                    self.array[box] = renamed
            self.save(replace(self.state, merged={}))

    def save(self, state: State) -> None:
        """Write down a state, at once or not at all, and take it."""
        with disk_errors(self.path):
            write_text(state_path(self.path), state.to_json())
        self.state = state

    def _renamed(self, labels: Labels) -> Labels:
        merged = self.state.merged
        if not merged:
            return labels
        names, places = np.unique(labels, return_inverse=True)
        last = np.array([resolved(merged, int(name)) for name in names], np.int32)
        return last[places].reshape(labels.shape)
