"""An embedding's features in a file: a zarr group in an uncompressed zip, which has checksums.

Features are stored exactly as the decoder takes them.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
import zarr
from torch import Tensor
from zarr.storage import ZipStore

from napari_sam.model import Features
from napari_sam.predict.embedding import Level

CHUNK = 4 << 20
"""Bytes of a chunk, about: zarr copies one at a time, and nothing else runs in Python meanwhile."""


def size(levels: tuple[Level, ...]) -> int:
    """Return the bytes of an entry's features."""
    return sum(plane.nbytes for level in levels for plane in level.features.planes)


def save(path: Path, levels: tuple[Level, ...]) -> None:
    """Write levels.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    with closing(ZipStore(path, mode="w")) as store:
        group = zarr.create_group(store, attributes={"levels": len(levels)})
        for index, level in enumerate(levels):
            planes = level.features.planes
            about: dict[str, Any] = {
                "scale": level.scale,
                "extent": level.extent,
                "planes": len(planes),
                "dense": level.features.dense is not None,
            }
            part = group.create_group(str(index), attributes=about)
            for number, plane in enumerate(planes):
                _save_plane(part, str(number), plane)


def _save_plane(group: zarr.Group, name: str, plane: Tensor) -> None:
    """Write features, some channels at a time; bfloat16, which zarr has not, as its bits."""
    values = (plane.view(torch.int16) if plane.dtype == torch.bfloat16 else plane).cpu().numpy()
    about: dict[str, Any] = {"dtype": str(plane.dtype).removeprefix("torch.")}
    batch, channels, *sides = values.shape
    together = max(1, channels * CHUNK // max(values.nbytes, CHUNK))
    group.create_array(
        name, data=values, chunks=(batch, together, *sides), compressors=None, attributes=about,
        config={"write_empty_chunks": True},
    )  # fmt: skip


def load(path: Path) -> tuple[Level, ...]:
    """Read an entry.

    Raises
    ------
    FileNotFoundError
        If there is none.
    Exception
        Of any kind, if it is damaged.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    with closing(ZipStore(path, mode="r")) as store:
        group = zarr.open_group(store, mode="r")
        return tuple(_load_level(group[str(index)]) for index in range(_whole(group.attrs["levels"])))


def _load_level(group: Any) -> Level:
    rows, cols = group.attrs["extent"]
    planes = [_load_plane(group[str(number)]) for number in range(group.attrs["planes"])]
    features = Features.of_planes(planes, dense=bool(group.attrs["dense"]))
    return Level(float(group.attrs["scale"]), (int(rows), int(cols)), features)


def _load_plane(array: Any) -> Tensor:
    if array.nchunks_initialized != array.nchunks:
        raise ValueError("features are missing")  # zarr would give zeros
    return torch.from_numpy(np.asarray(array[...])).view(getattr(torch, array.attrs["dtype"]))


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no number of levels")
    return value
