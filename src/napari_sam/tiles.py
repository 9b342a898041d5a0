"""Contact sheets: small pictures of one size, in rows, with a line of text below each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TILE, CAPTION, COLUMNS = 168, 16, 6
"""Side of a tile and height of the line below it, in pixels, and tiles in a row."""


def arranged(tiles: Sequence[Image.Image]) -> Image.Image:
    """Put tiles in rows on one sheet."""
    rows = max(-(-len(tiles) // COLUMNS), 1)
    step = (TILE + 4, TILE + CAPTION + 4)
    sheet = Image.new("RGB", (COLUMNS * step[0], rows * step[1]))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % COLUMNS * step[0], index // COLUMNS * step[1]))
    return sheet


def enlarged(pixels: NDArray[np.uint8], method: Image.Resampling) -> NDArray[np.uint8]:
    """Resize to fit a tile, black beside it where the part is no square."""
    zoom = TILE / max(pixels.shape[:2])
    size = (max(round(pixels.shape[1] * zoom), 1), max(round(pixels.shape[0] * zoom), 1))
    resized = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, method))
    tile = np.zeros((TILE, TILE, *pixels.shape[2:]), np.uint8)
    tile[: size[1], : size[0]] = resized
    return tile
