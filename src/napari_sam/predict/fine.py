"""Features at a scale finer than the image's own, encoded around a prompt when one asks for them.

Enlarging a whole image would make its embedding several times as dear, and only small objects gain.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_sam.model import Features, SamConfig
from napari_sam.model.windows import cut_windows
from napari_sam.weights import LoadedModel

from .image import resize
from .running import running

HALO = 4
"""Tokens around the windows that a tile serves."""
KEPT = 48
"""Most tiles kept, of 3.5 MB each; the one used longest ago goes first."""

Origin = tuple[int, int]


@dataclass(frozen=True, eq=False)
class FineLevel:
    """An image at a finer scale, tile by tile as it is looked at, or at once.

    Attributes
    ----------
    scale : float
        Input pixels per data pixel, more than 1.
    pixels : (3, Y, X) uint8
        The image as RGB.
    tiles : dict
        Features of tiles by their place; filled on the way.
    whole : Features, optional
        Features of the whole image, where they were made at once; then there are no tiles.
    """

    scale: float
    pixels: NDArray[np.uint8]
    tiles: OrderedDict[Origin, Features] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)
    whole: Features | None = None

    def window(self, model: LoadedModel, origin: Origin) -> Features:
        """Return features around a window that starts at a token, and know the rest of its tile.

        Parameters
        ----------
        model : LoadedModel
        origin : (int, int)
            Row and column of the window's first token; may lie outside the image.

        Returns
        -------
        Features
            Of exactly the window.
        """
        config = model.sam.config
        if self.whole is not None:
            return cut_windows(
                self.whole, torch.zeros(1, dtype=torch.long), torch.tensor([origin]), config.embedding_size
            )
        step = config.embedding_size // 2
        place = _place(origin, step)
        with self.lock:
            found = self.tiles.pop(place, None)
            features = self._encode(model, place, step) if found is None else found
            self.tiles[place] = features
            while len(self.tiles) > KEPT:
                self.tiles.popitem(last=False)
        first = [start - (index * step - HALO) for start, index in zip(origin, place, strict=True)]
        return _cut(features, first, config)

    def ready(self, origin: Origin, size: int) -> bool:
        """Whether `window` has the features of a window of so many tokens that starts at a token."""
        return self.whole is not None or _place(origin, size // 2) in self.tiles

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: a lock cannot be, and tiles are made again as they are asked for."""
        return {name: value for name, value in vars(self).items() if name not in ("tiles", "lock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what was pickled."""
        vars(self).update(state, tiles=OrderedDict(), lock=Lock())

    @property
    def nbytes(self) -> int:
        """Bytes that the pixels and the features take."""
        tiles = list(self.tiles.values())  # at once, since another thread may add some
        tiles += [] if self.whole is None else [self.whole]
        return self.pixels.nbytes + sum(plane.nbytes for tile in tiles for plane in tile.planes)

    def _encode(self, model: LoadedModel, place: Origin, step: int) -> Features:
        """Encode the tile whose windows start in `step` tokens from a place on; black outside the image."""
        config = model.sam.config
        tokens = step + config.embedding_size + 2 * HALO
        side = tokens * config.stride
        data = round(side / self.scale)
        part = np.zeros((3, data, data), np.float32)
        top, left = (round((index * step - HALO) * config.stride / self.scale) for index in place)
        seen = self.pixels[:, max(top, 0) : max(top + data, 0), max(left, 0) : max(left + data, 0)]
        below, right = max(-top, 0), max(-left, 0)
        part[:, below : below + seen.shape[1], right : right + seen.shape[2]] = seen
        with running(model):
            image = torch.from_numpy(resize(part, (side, side))).to(model.device)
            return model.sam.encode_image(model.sam.normalize(image)[None])


def _place(origin: Origin, step: int) -> Origin:
    """Return the place of the tile that serves a window."""
    return origin[0] // step, origin[1] // step


def _cut(features: Features, first: list[int], config: SamConfig) -> Features:
    """Return one window's part of a tile, as views."""

    def cut(plane: Tensor, finer: int) -> Tensor:
        (top, left), side = (start << finer for start in first), config.embedding_size << finer
        return plane[:, :, top : top + side, left : left + side]

    return features.each(cut)
