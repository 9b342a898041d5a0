"""Making a part of an image ready for prompts, with as much of it as fits into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.errors import OutOfMemoryError
from napari_sam.predict import Embedding, PlaneWindow, Predictor, window_around
from napari_sam.predict.image import to_rgb
from napari_sam.predict.window import SIDE, whole_plane
from napari_sam.progress import Cancel, Progress
from napari_sam.weights import on_cpu

from .channels import Mix
from .embeddings import EmbeddingStore

WHOLE = 2048
"""Planes whose sides are no longer are embedded whole."""
LEAST = 256
"""Side of the smallest window that is tried when memory is short."""

Read = Callable[[PlaneWindow], ArrayLike]
"""Takes a window and returns its pixels, (Y, X) or (Y, X, C)."""
Quick = Callable[[], Predictor]


@dataclass(frozen=True, eq=False)
class Opened:
    """A part of a plane that is ready for prompts.

    Attributes
    ----------
    predictor : Predictor
        What made the embedding, and answers prompts on it.
    embedding : Embedding
    picture : (Y, X, 3) uint8
        The part as people see it.
    note : str
        What the person should know, in one sentence; mostly empty.
    preview : bool
        It is by a quick model, until the one that is wanted is ready.
    """

    predictor: Predictor
    embedding: Embedding
    picture: NDArray[np.uint8]
    note: str = ""
    preview: bool = False

    @property
    def window(self) -> PlaneWindow:
        """The part of the plane."""
        return self.embedding.window

    @property
    def nbytes(self) -> int:
        """Bytes that the embedding and the picture take."""
        return self.embedding.nbytes + self.picture.nbytes


class Opener:
    """Embeds what it is asked for; where memory is short, smaller windows, and then on the CPU.

    What memory allowed once is where it begins the next time.

    Parameters
    ----------
    store : EmbeddingStore
    mix : Mix, optional
        Which channels are read, and their colours; None for those of an ordinary picture.
    """

    def __init__(self, store: EmbeddingStore, mix: Mix | None = None) -> None:
        self._store, self._mix = store, mix
        self._side = 0
        self._fallen: Predictor | None = None

    def wanted(self, plane: tuple[int, int], held: NDArray[np.float64]) -> PlaneWindow:
        """Return the part of a plane to open for some positions in it: all of it, unless it is large.

        Raises
        ------
        PromptError
            If the positions are too far from each other for one window.
        """
        return window_around(plane, held, self._side) if self._side else part_for(plane, held)

    def open(
        self,
        predictor: Predictor,
        read: Read,
        plane: tuple[int, int],
        held: NDArray[np.float64],
        progress: Progress | None = None,
        cancelled: Cancel | None = None,
    ) -> Opened:
        """Read and embed the part of a plane that holds some positions.

        Parameters
        ----------
        predictor : Predictor
        read : callable
            Reads a part's pixels, and no others.
        plane : (Y, X)
        held : (K, 2)
            At least one position (row, col).
        progress, cancelled : callable, optional
            As `Predictor.embed` takes them.

        Raises
        ------
        PromptError
            If the positions are too far from each other for one window.
        ImageError, Cancelled
            As `Predictor.embed` does.
        OutOfMemoryError
            If not even the smallest window fits, nor into the CPU's memory.
        """
        used = self._fallen or predictor
        first = self.wanted(plane, held)
        for window in (first, *_smaller(first, held, used)):
            with suppress(OutOfMemoryError):
                opened = self.embed(used, read, window, progress, cancelled)
                return opened if window == first else self._shrunk(opened)
        if used.model.device.type == "cpu":
            raise OutOfMemoryError(
                f"The computer's memory is too small for {used.model.name}; close other programs or use a"
                " smaller model."
            )
        self._fallen = Predictor(on_cpu(used.model))
        opened = self.embed(self._fallen, read, first, progress, cancelled)
        return replace(
            opened, note=f"The memory of {used.model.device} is too small, so the CPU is used; it is slower."
        )

    def _shrunk(self, opened: Opened) -> Opened:
        """Remember how large a window may be, and say so."""
        rows, cols = opened.window.shape
        self._side = max(rows, cols)
        device = opened.predictor.model.device
        return replace(
            opened,
            note=f"The memory of {device} is too small, so {rows} x {cols} pixels are opened at a time.",
        )

    def preview(self, predictor: Predictor, read: Read, window: PlaneWindow, quick: Quick) -> Opened | None:
        """Open a window with a quick model, if the predictor's own embedding has to be waited for.

        Parameters
        ----------
        predictor : Predictor
        read : callable
        window : PlaneWindow
        quick : callable
            Makes the quick model's predictor.
        """
        model = (self._fallen or predictor).model
        if model.sam.config.windowed or model.device.type != "cpu":
            return None
        pixels = read(window)
        if self._store.has(predictor, pixels, self._mix):
            return None
        opened = self.embed(quick(), lambda _: pixels, window)
        note = f"A preview by {opened.embedding.model}, until {model.name} is ready."
        return replace(opened, note=note, preview=True)

    def embed(
        self,
        predictor: Predictor,
        read: Read,
        window: PlaneWindow,
        progress: Progress | None = None,
        cancelled: Cancel | None = None,
    ) -> Opened:
        """Read and embed one window, which has to fit into memory; otherwise as `open` does."""
        pixels = read(window)
        mix = self._mix
        embedding = self._store.embed(predictor, pixels, mix=mix, progress=progress, cancelled=cancelled)
        seen = to_rgb(pixels, colours=None if mix is None else mix.colours)[0]
        picture = np.ascontiguousarray(seen.transpose(1, 2, 0)).astype(np.uint8)
        return Opened(predictor, embedding.placed(window), picture)


def part_for(plane: tuple[int, int], held: NDArray[np.float64]) -> PlaneWindow:
    """Return the part of a plane to open for some positions where memory is not short, as `Opener.wanted`."""
    return whole_plane(plane) if max(plane) <= WHOLE else window_around(plane, held)


def _smaller(first: PlaneWindow, held: NDArray[np.float64], predictor: Predictor) -> Iterator[PlaneWindow]:
    """Yield ever smaller windows; none for a model that always sees its input at one size."""
    if not predictor.model.sam.config.windowed:
        return
    last, side = first, SIDE
    while side >= LEAST:
        window = window_around(first.plane, held, side)
        if max(window.shape) < max(last.shape):
            yield window
            last = window
        side //= 2
