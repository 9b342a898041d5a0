"""A contact sheet of a batch: each image small, with the outlines of what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from skimage.segmentation import find_boundaries

from napari_sam.predict.image import to_rgb
from napari_sam.tiles import CAPTION, TILE, arranged, enlarged

from .axes import opened_plane
from .files import opened

if TYPE_CHECKING:
    from .image import BatchSettings
    from .summary import Row

MOST = 60
"""Images on a sheet, spread over a larger batch."""
OUTLINE = (255, 176, 0)


def batch_sheet(rows: Sequence[Row], out: Path, settings: BatchSettings) -> Image.Image:
    """Draw a tile for each finished image, or for 60 of them.

    Parameters
    ----------
    rows : sequence of Row
        Whose labels are written.
    out : Path
        Their folder.
    settings : BatchSettings
    """
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int)
    return arranged([_tile(Path(rows[index].file), out / rows[index].labels, settings) for index in chosen])


def _tile(image: Path, labels: Path, settings: BatchSettings) -> Image.Image:
    """Draw one image, its outlines, and its name below; only this of what cannot be opened any more."""
    tile = Image.new("RGB", (TILE, TILE + CAPTION))
    ImageDraw.Draw(tile).text((4, TILE + 2), image.stem[-26:], fill="white")
    with suppress(Exception):  # all work is done: whatever became of a file must not end it
        tile.paste(Image.fromarray(_outlined(image, labels, settings)))
    return tile


def _outlined(file: Path, written: Path, settings: BatchSettings) -> NDArray[np.uint8]:
    """Return the pixels of an image with the outlines of its labels."""
    axis = settings.channel_axis
    with opened_plane(file, axis, settings.channels) as image, opened(written) as labels:
        step = max(1, max(labels.shape) // TILE)
        pixels = to_rgb(_thinned(image, axis, step), axis)[0].transpose(1, 2, 0)
        canvas = enlarged(pixels.astype(np.uint8), Image.Resampling.BILINEAR)
        seen = enlarged(_thinned(labels, None, step).astype(np.int32), Image.Resampling.NEAREST)
    canvas[find_boundaries(seen, mode="inner")] = OUTLINE
    return canvas


def _thinned(array: Any, channel_axis: int | None, step: int) -> NDArray[Any]:
    """Return every so many pixels of a plane."""
    index: list[slice] = [slice(None, None, step)] * 2
    if channel_axis is not None:
        index.insert(channel_axis % 3, slice(None))
    return np.asarray(array[tuple(index)])
