"""An image seen by the image encoder, once, for every prompt that follows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_sam.errors import Cancelled
from napari_sam.model import Features
from napari_sam.progress import Cancel, Progress
from napari_sam.weights import LoadedModel

from .fine import FineLevel
from .frames import resized_shape, useful_scales
from .image import Normalization, resize
from .running import running
from .window import PlaneWindow, whole_plane

Square = tuple[tuple[int, int], tuple[int, int]]
Pixels = NDArray[np.float32]

COARSEST_STRIDE = 32
"""Images are padded to a multiple of the convolutional encoder's coarsest stride."""
CORE, HALO = 1024, 128
"""Larger images are encoded in squares of this side with this overlap, in input pixels."""


@dataclass(frozen=True, eq=False)
class Level:
    """Features of an image at one scale.

    Attributes
    ----------
    scale : float
        Input pixels per data pixel.
    extent : (int, int)
        Input rows and columns that show the image; padding follows.
    features : Features
        Of one image; in float16 or bfloat16 for a windowed model, to save memory.
    """

    scale: float
    extent: tuple[int, int]
    features: Features


@dataclass(frozen=True, eq=False)
class Embedding:
    """What prompts on an image are decoded from; it can be pickled, for other processes.

    Attributes
    ----------
    shape : (Y, X)
        Of the image, or of the part of it that is embedded, in data pixels.
    normalization : Normalization
        How the image became RGB.
    levels : tuple of Level
        One for a ViT, one a scale for a windowed model.
    model : str
        Name of the model.
    weights_hash : str
        SHA-256 of the model's weights.
    fine : tuple of FineLevel
        Scales at which a windowed model looks at small objects, encoded when they are asked for.
    part : PlaneWindow, optional
        Which part of a larger plane it is, in whose coordinates prompts and masks are; None for all of it.
    """

    shape: tuple[int, int]
    normalization: Normalization
    levels: tuple[Level, ...] = field(repr=False)
    model: str
    weights_hash: str
    fine: tuple[FineLevel, ...] = field(default=(), repr=False)
    part: PlaneWindow | None = None

    @property
    def window(self) -> PlaneWindow:
        """The part of the plane that is embedded."""
        return self.part or whole_plane(self.shape)

    def placed(self, window: PlaneWindow) -> Embedding:
        """Return this embedding as that of a part of a plane, which the normalization notes too."""
        noted = None if window.whole else (*window.origin, *window.shape)
        return replace(self, part=window, normalization=replace(self.normalization, window=noted))

    @property
    def scales(self) -> tuple[float, ...]:
        """Input pixels per data pixel of all levels, the fine ones last."""
        return (*[level.scale for level in self.levels], *[level.scale for level in self.fine])

    @property
    def nbytes(self) -> int:
        """Bytes that the features take, and the pixels that finer ones would be made from."""
        every = [level.features for level in self.levels]
        held: int = sum(t.nbytes for f in every for t in (*f.planes, *(f.prepared or ())))
        return held + sum(level.nbytes for level in self.fine)


def encode_whole(
    model: LoadedModel, pixels: Pixels, eight_bit: bool, progress: Progress, cancelled: Cancel
) -> Level:
    """Encode (3, Y, X) pixels of 0 to 255 in one frame, the longest side resized to the input's."""
    _stop_if(cancelled)
    progress(0, 1)
    size = model.sam.config.image_size
    extent = resized_shape((pixels.shape[1], pixels.shape[2]), size)
    resized = resize(pixels, extent, eight_bit)
    with running(model):
        image = model.sam.normalize(torch.from_numpy(resized).to(model.device))
        image = F.pad(image, (0, size - extent[1], 0, size - extent[0]))
        features = model.sam.encode_image(image[None])
    progress(1, 1)
    return Level(size / max(pixels.shape[1:]), extent, features)


def encode_scales(
    model: LoadedModel, pixels: Pixels, progress: Progress, cancelled: Cancel
) -> tuple[Level, ...]:
    """Encode (3, Y, X) pixels of 0 to 255 at every useful scale of a windowed model, in tiles when large."""
    shape = (pixels.shape[1], pixels.shape[2])
    scales = useful_scales(model.sam.config.scales, model.sam.config.image_size, shape)
    total = sum(len(list(tiles(_padded_shape(shape, scale)[1]))) for scale in scales)
    done = count(1)
    progress(0, total)
    return tuple(
        encode_scale(model, pixels, scale, lambda: progress(next(done), total), cancelled) for scale in scales
    )


def encode_scale(
    model: LoadedModel,
    pixels: NDArray[np.generic],
    scale: float,
    tile_done: Callable[[], None] | None = None,
    cancelled: Cancel | None = None,
) -> Level:
    """Encode (3, Y, X) pixels of 0 to 255 at one scale of a windowed model, in tiles when large."""
    shape, stride = (pixels.shape[1], pixels.shape[2]), model.sam.config.stride
    data, inputs = _padded_shape(shape, scale)
    margins = ((0, 0), (0, data[0] - shape[0]), (0, data[1] - shape[1]))
    image = torch.from_numpy(resize(np.pad(pixels.astype(np.float32), margins), inputs))

    def encoded(core: Square, halo: Square) -> Features:
        if cancelled is not None:
            _stop_if(cancelled)
        tile = encode_tile(model, image, core, halo)
        if tile_done is not None:
            tile_done()
        return tile

    first, *others = tiles(inputs)
    tile = encoded(*first)
    features = _allocate(tile, inputs, stride)
    _store(features, tile, first[0], stride)
    for core, halo in others:
        _store(features, encoded(core, halo), core, stride)
    return Level(scale, (math.ceil(shape[0] * scale), math.ceil(shape[1] * scale)), features)


def encode_tile(model: LoadedModel, image: Tensor, core: Square, halo: Square) -> Features:
    """Encode the `halo` part of a (3, H, W) image of 0 to 255 and keep the features of its `core`."""
    (top, bottom), (left, right) = halo
    with running(model):
        tile = model.sam.normalize(image[:, top:bottom, left:right].to(model.device))
        features = model.sam.encode_image(tile[None])
    start = np.array([[top], [left]])
    rows, cols = (np.array(core) - start).tolist()
    return _part(features, (tuple(rows), tuple(cols)), model.sam.config.stride)


def _padded_shape(shape: tuple[int, int], scale: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the padded shape in data pixels, and its exact multiple in input pixels."""
    inputs = [math.ceil(side * scale / COARSEST_STRIDE) * COARSEST_STRIDE for side in shape]
    return (round(inputs[0] / scale), round(inputs[1] / scale)), (inputs[0], inputs[1])


def tiles(shape: tuple[int, int]) -> Iterator[tuple[Square, Square]]:
    """Cut (H, W) into squares; yield the rows and columns of each core, and of it with its halo."""
    spans = []
    for side in shape:
        starts = range(0, side, CORE) if side > CORE + HALO else (0,)
        ends = [*list(starts)[1:], side]
        spans.append(list(zip(starts, ends, strict=True)))
    for rows in spans[0]:
        for cols in spans[1]:
            halo = [
                (max(a - HALO, 0), min(b + HALO, side))
                for (a, b), side in zip((rows, cols), shape, strict=True)
            ]
            yield (rows, cols), (halo[0], halo[1])


def _part(features: Features, square: Square, stride: int) -> Features:
    """Return the features of some rows and columns of input pixels, as views."""

    def part(plane: Tensor, finer: int) -> Tensor:
        step = stride >> finer
        (top, bottom), (left, right) = ((start // step, end // step) for start, end in square)
        return plane[:, :, top:bottom, left:right]

    return features.each(part)


def _allocate(tile: Features, shape: tuple[int, int], stride: int) -> Features:
    """Return room for the features of (H, W) input pixels, half as precise as float32."""

    def room(plane: Tensor, finer: int) -> Tensor:
        dtype = torch.float16 if plane.dtype == torch.float32 else plane.dtype
        size = (1, plane.shape[1], *(side // (stride >> finer) for side in shape))
        return torch.empty(size, dtype=dtype, device=plane.device, memory_format=torch.channels_last)

    return tile.each(room)


def _store(features: Features, tile: Features, core: Square, stride: int) -> None:
    """Write a tile's features to their place."""
    for plane, part in zip(_part(features, core, stride).planes, tile.planes, strict=True):
        plane.copy_(part)


def _stop_if(cancelled: Cancel) -> None:
    if cancelled():
        raise Cancelled("The embedding was cancelled; start it again when you want it.")
