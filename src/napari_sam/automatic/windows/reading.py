"""Images of any size, read part by part and made RGB alike everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.errors import Cancelled
from napari_sam.predict import Normalization, PlaneWindow
from napari_sam.predict.image import Colour, check_dtype, to_rgb, to_rgb_as
from napari_sam.predict.plane_shape import MAX_CHANNELS, plane_of
from napari_sam.predict.window import read_part

Pixels = NDArray[np.float32]

READ, BLOCK, SAMPLES = 1024, 128, 2_000_000
"""Sides of what is read at once and of the blocks in it, and about as many pixels as are looked at."""
VARIED, RICHEST = 0.25, 0.001
"""Blocks count that vary by this share of what the most varied thousandth does: a speck of dirt is less."""
CONTRAST, POOL = 4.0, 4
"""Parts whose means of 4 x 4 pixels differ by less, of 255, show nothing."""


class LargeImage:
    """An image that is never held as a whole.

    Parameters
    ----------
    array : (Y, X), (Y, X, C), or 3-dimensional with `channel_axis`
        Anything that can be sliced: numpy, zarr, dask, a TIFF file's zarr view.
    channel_axis : int, optional
        The axis of the channels; the last one of a 3-dimensional image by default.
    colours : sequence of (red, green, blue), optional
        What each channel adds to the picture, as `Predictor.embed` takes it.

    Raises
    ------
    ImageError
        If the shape is not that of a plane, or has more channels than can be used, or the dtype cannot be.
    """

    def __init__(
        self,
        array: ArrayLike,
        channel_axis: int | None = None,
        colours: Sequence[Colour] | None = None,
    ) -> None:
        lazy: Any = array if hasattr(array, "shape") else np.asarray(array)
        check_dtype(lazy.dtype)
        self._array, self._axis, self._colours = lazy, channel_axis, colours
        shape = tuple(int(side) for side in lazy.shape)
        self.shape = plane_of(shape, channel_axis, MAX_CHANNELS if colours is None else len(colours))

    @property
    def kind(self) -> dict[str, Any]:
        """What tells it from others without reading it: shape, dtype, axis of channels."""
        return {
            "image shape": [int(side) for side in self._array.shape],
            "image dtype": str(self._array.dtype),
            "channel axis": self._axis,
        }

    def survey(self, cancelled: Callable[[], bool] | None = None) -> Normalization:
        """Read all of it once, block by block, and return the range of its values.

        Percentiles are those of the blocks that vary, or a sparse image's few cells would not count.

        Raises
        ------
        ImageError
            If the dtype or the channels cannot be used.
        Cancelled
            If `cancelled` said so.
        """
        step = max(1, round((self.shape[0] * self.shape[1] / SAMPLES) ** 0.5))
        samples, spreads = [], []
        for origin in product(range(0, self.shape[0], READ), range(0, self.shape[1], READ)):
            if cancelled is not None and cancelled():
                raise Cancelled("The look at the image's values was cancelled; start it again.")
            for block in self._blocks(origin):
                samples.append(block[::step, ::step].reshape(-1, block.shape[-1]))
                spreads.append(_spread(block))
        chosen = [samples[index] for index in _most_varied(np.array(spreads))]
        return to_rgb(np.concatenate(chosen)[None], -1, colours=self._colours)[1]

    def pixels(self, window: PlaneWindow, record: Normalization) -> Pixels:
        """Return a part as (Y, X, 3) float32 of 0 to 255."""
        part = read_part(self._array, window, self._axis)
        return np.moveaxis(to_rgb_as(part, record, self._axis), 0, -1)

    def _blocks(self, origin: tuple[int, int]) -> Iterator[NDArray[Any]]:
        """Yield the (h, w, C) blocks of the part that is read at once from a pixel on."""
        height, width = (min(READ, side - start) for side, start in zip(self.shape, origin, strict=True))
        part = np.asarray(
            read_part(self._array, PlaneWindow(origin, (height, width), self.shape), self._axis)
        )
        axis = -1 if self._axis is None else self._axis
        part = part[..., None] if part.ndim == 2 else np.moveaxis(part, axis, -1)
        for row, col in product(range(0, height, BLOCK), range(0, width, BLOCK)):
            yield part[row : row + BLOCK, col : col + BLOCK]


def _spread(block: NDArray[Any]) -> NDArray[np.float64]:
    """Return the standard deviation of each channel of (h, w, C), 0 where it is not finite.

    Pixels that are not finite take no part: a dead one would hide the cells around it.
    """
    counted: NDArray[np.bool_] | bool = True
    if block.dtype.kind == "f":
        finite = np.isfinite(block)
        counted = finite | ~finite.any(axis=(0, 1))
    with np.errstate(over="ignore", invalid="ignore"):
        spread = np.nan_to_num(np.abs(block.std(axis=(0, 1), where=counted)), nan=0.0, posinf=0.0)
    return np.asarray(spread, np.float64)


def _most_varied(spreads: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return which of (N, C) spreads of blocks are large in any channel; all if none has any."""
    some = spreads[spreads.any(axis=1)]
    if not len(some):
        return np.arange(len(spreads))
    richest = np.quantile(some, 1 - RICHEST, axis=0, method="higher")
    return np.flatnonzero(((spreads >= VARIED * richest) & (spreads > 0)).any(axis=1))


def shows_nothing(pixels: Pixels) -> bool:
    """Say whether (Y, X, 3) pixels of 0 to 255 are too even to show an object."""
    side = [max(length // POOL, 1) * POOL for length in pixels.shape[:2]]
    if min(pixels.shape[:2]) < POOL:
        return float(np.ptp(pixels)) < CONTRAST
    blocks = pixels[: side[0], : side[1]].reshape(side[0] // POOL, POOL, side[1] // POOL, POOL, -1)
    return bool((np.ptp(blocks.mean(axis=(1, 3)), axis=(0, 1)) < CONTRAST).all())
