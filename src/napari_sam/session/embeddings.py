"""Embeddings on disk, computed once for every session and process."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from math import inf
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
import xxhash
from numpy.typing import ArrayLike, NDArray

from napari_sam.files.writing import at_once
from napari_sam.predict import Embedding, Normalization, PlaneWindow, Predictor
from napari_sam.predict.embedding import Level
from napari_sam.predict.image import Method, to_rgb
from napari_sam.predict.running import running
from napari_sam.predict.window import read_part
from napari_sam.progress import Cancel, Progress
from napari_sam.settings import config_folder, read_settings
from napari_sam.weights import LoadedModel
from napari_sam.weights.registry import cache_folder

from .channels import Mix
from .embedding_file import load, save, size

FORMAT = 2
"""Counts up whenever entries change their meaning, which makes older ones unknown."""
MEMORY, DISK = 2 << 30, 10 << 30
"""Bytes that embeddings may take in memory and on disk, unless the person says otherwise."""
START, SPEED = 0.03, 3e8
"""Seconds that reading an entry takes at the least, and bytes a second: half of what was measured."""
SUFFIX = ".zarr.zip"


class EmbeddingStore:
    """A folder of embeddings that sessions and processes share.

    An entry is one file, named by what went into the network, which is the normalised picture and the
    weights, so nothing in it can be out of date. Entries are put in place at once; a damaged one is
    removed and computed again; those used longest ago go when the folder grows beyond its limit. A
    folder that cannot be written to stores nothing, which is no error.

    Parameters
    ----------
    folder : Path
    limit : int
        Bytes that the folder may take.
    """

    def __init__(self, folder: Path, limit: int = DISK) -> None:
        self.folder = folder
        self._limit = limit

    def embed(
        self,
        predictor: Predictor,
        image: ArrayLike,
        *,
        channel_axis: int | None = None,
        normalization: Method = "percentile",
        mix: Mix | None = None,
        window: PlaneWindow | None = None,
        progress: Progress | None = None,
        cancelled: Cancel | None = None,
    ) -> Embedding:
        """Return what `Predictor.embed` does, from the folder if it is there.

        The record of a `mix` says which channels were seen.

        Raises
        ------
        ImageError, Cancelled, OutOfMemoryError
            As `Predictor.embed` does.
        """
        part, colours = read_part(image, window, channel_axis), None if mix is None else mix.colours
        pixels, record = to_rgb(part, channel_axis, normalization, colours)
        record = record if mix is None else mix.noted(record)
        path = self._path(predictor.model, pixels, record)
        levels = self._read(path, predictor.model)
        if levels is None:
            began = perf_counter()
            levels = predictor.encode(pixels, record, progress, cancelled)
            if worth_storing(perf_counter() - began, levels):
                self._write(path, levels)
        return predictor.assemble(pixels, record, levels, window)

    def has(self, predictor: Predictor, image: ArrayLike, mix: Mix | None = None) -> bool:
        """Say whether the embedding of an image, with percentiles of its own, is stored."""
        seen = to_rgb(image, colours=None if mix is None else mix.colours)
        return self._path(predictor.model, *seen).exists()

    def _path(self, model: LoadedModel, pixels: NDArray[np.float32], record: Normalization) -> Path:
        return self.folder / f"{_key(model, pixels, record)}{SUFFIX}"

    def _read(self, path: Path, model: LoadedModel) -> tuple[Level, ...] | None:
        """Return an entry's levels, ready for the decoder; None if there is no sound one."""
        try:
            stored = load(path)
        except (OSError, MemoryError):  # none there, another person's, or too large for now
            return None
        except Exception:  # noqa: BLE001 (a damaged file raises whatever its damage makes of it)
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        with suppress(OSError):
            os.utime(path)  # this is how old entries are told from used ones
        return tuple(_ready(level, model) for level in stored)

    def _write(self, path: Path, levels: tuple[Level, ...]) -> None:
        """Put an entry in its place at once, and make room for it; a disk that refuses is left alone."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._make_room(size(levels))
            with at_once(path, shared=True) as part:
                save(part, levels)

    def _make_room(self, wanted: int) -> None:
        """Remove what was used longest ago until an entry fits within the limit.

        Raises
        ------
        OSError
            If it never does, or the disk has less room than that.
        """
        entries = sorted(self._entries())
        held = sum(taken for _, taken, _ in entries)
        if wanted > self._limit or wanted > shutil.disk_usage(self.folder).free:
            raise OSError(f"{wanted} bytes do not fit into {self.folder}")
        for _, taken, path in entries:
            if held + wanted <= self._limit:
                break
            with suppress(OSError):  # Windows keeps what another window is reading
                path.unlink(missing_ok=True)
                held -= taken
                if path.parent != self.folder:  # the hidden folder of what a killed process began
                    path.parent.rmdir()

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Return time of last use, size and path of every file, unfinished ones too."""
        found = []
        for path in self.folder.rglob("*"):
            with suppress(OSError):  # another process may remove it meanwhile
                status = path.stat()
                if path.is_dir():
                    continue
                found.append((status.st_mtime, status.st_size, path))
        return found


def embedding_store() -> EmbeddingStore:
    """Return this person's store, in the folder of downloads.

    The settings file ``embeddings.json`` may give ``"disk"``, in bytes; 0 stores nothing.
    """
    return EmbeddingStore(cache_folder() / "embeddings", _setting("disk", DISK))


def memory_limit() -> int:
    """Return how many bytes of embeddings are held in memory: ``"memory"`` in ``embeddings.json``."""
    return _setting("memory", MEMORY)


def _setting(name: str, default: int) -> int:
    value = read_settings(config_folder() / "embeddings.json").get(name, default)
    finite = isinstance(value, int | float) and -inf < value < inf  # JSON's Infinity and NaN are no bytes
    return int(value) if finite else default


def worth_storing(seconds: float, levels: tuple[Level, ...]) -> bool:
    """Say whether reading levels from disk is quicker than the seconds that computing them took."""
    return seconds > START + size(levels) / SPEED


def _key(model: LoadedModel, pixels: NDArray[np.float32], record: Normalization) -> str:
    """Hash all that an entry depends on: pixels after normalisation and mixing, weights, precision."""
    about = [FORMAT, pixels.shape, record.eight_bit, model.weights_hash, str(model.dtype)]
    digest = xxhash.xxh3_128(json.dumps(about).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _ready(level: Level, model: LoadedModel) -> Level:
    """Return a level on the model's device, with what `Sam.encode_image` prepares for the decoder."""
    windowed = model.sam.config.windowed
    layout = torch.channels_last if windowed else torch.preserve_format
    features = level.features.each(lambda plane, _: plane.to(model.device, memory_format=layout))
    if not windowed:
        with running(model):
            features = model.sam.prepare(features)
    return Level(level.scale, level.extent, features)
