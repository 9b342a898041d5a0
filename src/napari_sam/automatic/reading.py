"""Images of any size, read part by part and made RGB alike everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.errors import Cancelled, ImageError
from napari_sam.predict import Normalization, PlaneWindow
from napari_sam.predict.image import to_rgb, to_rgb_as
from napari_sam.predict.window import read_part

Pixels = NDArray[np.float32]

BLOCK, SAMPLES = 1024, 2_000_000
"""Side of the blocks that are surveyed, and about as many pixels as are taken from all of them."""
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

    Raises
    ------
    ImageError
        If the shape is not that of a plane.
    """

    def __init__(self, array: ArrayLike, channel_axis: int | None = None) -> None:
        self._array: Any = array if hasattr(array, "shape") else np.asarray(array)
        self._axis = channel_axis
        shape = list(self._array.shape)
        if len(shape) == 3:
            if not -3 <= (channel_axis or 0) < 3:
                raise ImageError(f"The channel axis {channel_axis} does not exist in the shape {shape}.")
            del shape[-1 if channel_axis is None else channel_axis]
        if len(shape) != 2 or not all(shape):
            raise ImageError(
                f"An image of shape {tuple(self._array.shape)} cannot be used; give one plane, (Y, X) or"
                " with a channel axis."
            )
        self.shape: tuple[int, int] = (int(shape[0]), int(shape[1]))

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

        Blocks of one value (beyond the tissue, never scanned) take no part in the percentiles.

        Raises
        ------
        ImageError
            If the dtype or the channels cannot be used.
        Cancelled
            If `cancelled` said so.
        """
        step = max(1, round((self.shape[0] * self.shape[1] / SAMPLES) ** 0.5))
        samples = []
        for row in range(0, self.shape[0], BLOCK):
            for col in range(0, self.shape[1], BLOCK):
                if cancelled is not None and cancelled():
                    raise Cancelled("The look at the image's values was cancelled; start it again.")
                samples.append(self._sample((row, col), step))
        varied = [each for each in samples if (each != each[:1]).any()]
        return to_rgb(np.concatenate(varied or samples[:1])[None], -1)[1]

    def pixels(self, window: PlaneWindow, record: Normalization) -> Pixels:
        """Return a part as (Y, X, 3) float32 of 0 to 255."""
        part = read_part(self._array, window, self._axis)
        return np.moveaxis(to_rgb_as(part, record, self._axis), 0, -1)

    def _sample(self, origin: tuple[int, int], step: int) -> NDArray[Any]:
        """Return every so many pixels of a block; (N, C)."""
        shape = [min(BLOCK, side - start) for side, start in zip(self.shape, origin, strict=True)]
        window = PlaneWindow(origin, (shape[0], shape[1]), self.shape)
        part = np.asarray(read_part(self._array, window, self._axis))
        part = (
            part[..., None]
            if part.ndim == 2
            else np.moveaxis(part, -1 if self._axis is None else self._axis, -1)
        )
        return part[::step, ::step].reshape(-1, part.shape[-1])


def shows_nothing(pixels: Pixels) -> bool:
    """Say whether (Y, X, 3) pixels of 0 to 255 are too even to show an object."""
    side = [max(length // POOL, 1) * POOL for length in pixels.shape[:2]]
    if min(pixels.shape[:2]) < POOL:
        return float(np.ptp(pixels)) < CONTRAST
    blocks = pixels[: side[0], : side[1]].reshape(side[0] // POOL, POOL, side[1] // POOL, POOL, -1)
    return bool((np.ptp(blocks.mean(axis=(1, 3)), axis=(0, 1)) < CONTRAST).all())
