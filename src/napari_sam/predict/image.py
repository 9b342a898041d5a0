"""Any microscopy image to RGB pixels of 0 to 255, and to the sizes that the network wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from napari_sam.errors import ImageError

from .plane_shape import MAX_CHANNELS, plane_of
from .reading import reading

Method = Literal["percentile"] | None
Colour = tuple[float, float, float]

PERCENTILES = (0.1, 99.9)
SAMPLES = 400_000
"""About as many pixels as percentiles are estimated from."""

_RED, _GREEN, _BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_GREY, _MAGENTA, _YELLOW = (1.0, 1.0, 1.0), (1.0, 0.0, 1.0), (0.5, 0.5, 0.0)
PALETTES: dict[int, tuple[Colour, ...]] = {
    1: (_GREY,),
    2: (_GREEN, _MAGENTA),
    3: (_RED, _GREEN, _BLUE),
    4: (_RED, _GREEN, _BLUE, _GREY),
    5: (_RED, _GREEN, _BLUE, _YELLOW, _GREY),
}


@dataclass(frozen=True)
class Normalization:
    """How an image became RGB; plain JSON values, so that it can be kept with what was made from it.

    Attributes
    ----------
    method : "percentile" or None
        None: the values were 0 to 255 already.
    low, high : tuple of float
        The values that became 0 and 255, one a channel.
    colours : tuple of (red, green, blue)
        What each channel adds to the picture.
    eight_bit : bool
        The RGB values are whole numbers, because the image was 8-bit and nothing was rescaled.
    window : (row, col, rows, cols), optional
        First pixel and extent of the part of a plane that was read, whose percentiles these are; None for
        all of it.
    channels : tuple of int or str
        Which channels these are, if they were chosen: places on the `channel_axis`, or names of layers.
    channel_axis : int, optional
        The axis of the image that the channels were taken from.
    """

    method: Method
    low: tuple[float, ...]
    high: tuple[float, ...]
    colours: tuple[Colour, ...]
    eight_bit: bool = False
    window: tuple[int, int, int, int] | None = None
    channels: tuple[int, ...] | tuple[str, ...] = ()
    channel_axis: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Normalization:
        """Return the record that gave these values, also after JSON has made lists of tuples."""
        return cls(**{name: _as_tuple(value) for name, value in values.items()})


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(each) for each in value) if isinstance(value, list | tuple) else value


def to_rgb(
    image: ArrayLike,
    channel_axis: int | None = None,
    normalization: Method = "percentile",
    colours: Sequence[Colour] | None = None,
) -> tuple[NDArray[np.float32], Normalization]:
    """Turn an image into RGB pixels of 0 to 255.

    Percentiles are taken over all channels together for 8-bit RGB, so that colours survive, and
    channel by channel otherwise. Pixels that are not finite take no part in them and become the
    nearest end of the range (NaN: 0). The last of four channels is dropped if it is alpha: what is not 0
    in it is mostly the highest value of its dtype (1 of floats).

    Parameters
    ----------
    image : (Y, X), (Y, X, C), or 3-dimensional with `channel_axis`
        Booleans, integers or floats; 1 to 5 channels.
    channel_axis : int, optional
        The axis of the channels; the last one of a 3-dimensional image by default.
    normalization : "percentile" or None
        None for values that are 0 to 255 already.
    colours : sequence of (red, green, blue), optional
        What each channel adds to the picture, from 0 to 1; then there may be any number of channels, and
        each has its own percentiles.

    Returns
    -------
    pixels : (3, Y, X) float32
    record : Normalization

    Raises
    ------
    ImageError
        If the shape, the dtype or the values cannot be used.
    """
    if normalization not in ("percentile", None):
        raise ImageError(f"The normalization {normalization!r} is unknown; use 'percentile' or None.")
    if colours is None:
        channels = _channels_first(image, channel_axis)
        chosen = PALETTES[len(channels)]
        joint = channels.dtype == np.uint8 and len(channels) == 3
    else:
        chosen, joint = _checked_colours(colours), False
        channels = _all_channels(image, channel_axis, most=len(chosen))
        if len(channels) != len(chosen):
            raise ImageError(f"There are {len(channels)} channels and {len(chosen)} colours; give one each.")
    if normalization == "percentile":
        record = _percentile_record(channels, chosen, joint=joint)
    else:
        record = _plain_record(channels, chosen)
    return _mix(channels, record), record


def to_rgb_as(part: ArrayLike, record: Normalization, channel_axis: int | None = None) -> NDArray[np.float32]:
    """Turn a part of an image into RGB pixels of 0 to 255 as the whole image was.

    Parameters
    ----------
    part : (Y, X), (Y, X, C), or 3-dimensional with `channel_axis`
        Of the image's dtype and channels.
    record : Normalization
        Of the image.
    channel_axis : int, optional

    Returns
    -------
    (3, Y, X) float32

    Raises
    ------
    ImageError
        If the shape or the dtype cannot be used, or it has fewer channels.
    """
    count = len(record.low)
    channels = _all_channels(part, channel_axis, most=max(MAX_CHANNELS, count))[:count]
    if len(channels) < count:
        raise ImageError(f"A part has {len(channels)} of the image's {count} channels; give all of them.")
    return _mix(channels, record)


def resize(
    pixels: NDArray[np.float32], shape: tuple[int, int], eight_bit: bool = False
) -> NDArray[np.float32]:
    """Resize (3, Y, X) pixels bilinearly with antialiasing.

    Parameters
    ----------
    pixels : (3, Y, X) float32
    shape : (int, int)
        Rows and columns of the result.
    eight_bit : bool
        Round to whole numbers in between and at the end, exactly as Pillow resizes 8-bit images
        and as Meta's code does.
    """
    if pixels.shape[1:] == shape:
        return pixels
    if eight_bit:
        picture = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)).astype(np.uint8))
        resized = np.asarray(picture.resize(shape[::-1], Image.Resampling.BILINEAR))
        return np.ascontiguousarray(resized.transpose(2, 0, 1)).astype(np.float32)
    import torch
    from torch.nn import functional as F

    tensor = torch.from_numpy(pixels)[None]
    out: NDArray[np.float32] = F.interpolate(tensor, shape, mode="bilinear", antialias=True)[0].numpy()
    return out


def _checked_colours(colours: Sequence[Colour]) -> tuple[Colour, ...]:
    """Return colours as plain numbers, also of an array, as they are kept with what was made of an image."""
    try:
        shares = np.array(colours, np.float64)
    except (TypeError, ValueError):
        shares = np.zeros(0)
    if shares.ndim != 2 or shares.shape[1] != 3 or not ((shares >= 0) & (shares <= 1)).all():
        raise ImageError("A colour is (red, green, blue) from 0 to 1; give one for each channel.")
    return tuple((red, green, blue) for red, green, blue in shares.tolist())


def _channels_first(image: ArrayLike, channel_axis: int | None) -> NDArray[Any]:
    """Return (C, Y, X) of a real dtype without an alpha channel, as a view."""
    channels = _all_channels(image, channel_axis)
    return channels[:3] if len(channels) == 4 and _is_alpha(channels[3]) else channels


def _is_alpha(channel: NDArray[Any]) -> bool:
    """Say whether what is not transparent in a fourth channel is mostly opaque; no light fills one so."""
    if channel.dtype.kind == "b":
        return False
    opaque = np.count_nonzero(channel == (1 if channel.dtype.kind == "f" else np.iinfo(channel.dtype).max))
    return bool(opaque > 0 and 2 * opaque >= np.count_nonzero(channel))


def check_dtype(dtype: np.dtype[Any]) -> None:
    """Raise `ImageError` if an image of this dtype cannot be used."""
    if dtype.kind not in "biuf":
        raise ImageError(f"An image of dtype {dtype} cannot be used; give booleans, integers or floats.")


def _all_channels(image: ArrayLike, channel_axis: int | None, *, most: int = MAX_CHANNELS) -> NDArray[Any]:
    """Return (C, Y, X) of a real dtype, as a view."""
    with reading("The image"):
        array = np.asarray(image)
    if array.ndim == 0:
        raise ImageError(
            f"An image is wanted and not {image!r:.80}; give its pixels, as tifffile.imread does."
        )
    check_dtype(array.dtype)
    plane_of(array.shape, channel_axis, most)
    if array.ndim == 2:
        return array[None]
    return np.moveaxis(array, -1 if channel_axis is None else channel_axis, 0)


def _percentile_record(channels: NDArray[Any], colours: tuple[Colour, ...], *, joint: bool) -> Normalization:
    groups = [channels] if joint else [channel[None] for channel in channels]
    ranges = [_robust_range(group) for group in groups] * (3 if joint else 1)
    low, high = zip(*ranges, strict=True)
    return Normalization("percentile", low, high, colours)


def _plain_record(channels: NDArray[Any], colours: tuple[Colour, ...]) -> Normalization:
    low, high = _finite_range(channels)
    if low < 0 or high > 255:
        raise ImageError(
            f"The image's values reach from {low:g} to {high:g}, but without normalization they must be"
            " 0 to 255; use normalization='percentile'."
        )
    count = len(channels)
    eight_bit = channels.dtype == np.uint8 and count in (1, 3) and colours == PALETTES[count]
    return Normalization(None, (0.0,) * count, (255.0,) * count, colours, eight_bit)


def _robust_range(group: NDArray[Any]) -> tuple[float, float]:
    """Return the two percentiles of (C, Y, X), or the extremes where these coincide."""
    step = max(1, int(np.sqrt(group.size / SAMPLES)))
    sample = group[:, ::step, ::step]
    finite = sample[np.isfinite(sample)] if sample.dtype.kind == "f" else sample.ravel()
    if len(finite):
        low, high = (float(value) for value in np.percentile(finite.astype(np.float64), PERCENTILES))
        if high > low:
            return low, high
    return _finite_range(group)


def _finite_range(values: NDArray[Any]) -> tuple[float, float]:
    """Return the extremes of the finite values, (0, 0) without any."""
    if values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            values = values[finite]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _mix(channels: NDArray[Any], record: Normalization) -> NDArray[np.float32]:
    """Rescale (C, Y, X) to 0 to 255 and add the channels up in their colours; (3, Y, X)."""
    out = np.zeros((3, *channels.shape[1:]), np.float32)
    for channel, low, high, colour in zip(channels, record.low, record.high, record.colours, strict=True):
        scaled = _rescale(channel, low, high)
        for index, share in enumerate(colour):
            if share:
                out[index] += scaled if share == 1 else share * scaled
    beyond_white = max(map(sum, zip(*record.colours, strict=True))) > 1
    return np.minimum(out, 255, out=out) if beyond_white else out


def _rescale(channel: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    """Map low to 0 and high to 255, clipped; a constant channel becomes 0."""
    if (low, high) == (0.0, 255.0):
        whole: NDArray[np.float32] = channel.astype(np.float32)
        if channel.dtype == np.uint8:
            return whole
        return np.clip(np.nan_to_num(whole, copy=False), 0, 255, out=whole)
    if channel.dtype == np.uint8:
        table = _rescale(np.arange(256, dtype=np.float32), low, high)
        looked_up: NDArray[np.float32] = table[channel]
        return looked_up
    exact = channel.dtype.itemsize > 2 and channel.dtype != np.float32
    values: NDArray[np.floating] = channel.astype(np.float64 if exact else np.float32)
    if channel.dtype.kind == "f":
        values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    # halved, so that the span of the largest floats stays finite
    span = high / 2 - low / 2
    if not values.dtype.type(span) > 0:  # nor one that is nothing among floats of this size
        return np.zeros(channel.shape, np.float32)
    with np.errstate(over="ignore"):  # which is clipped
        scaled = (values / 2 - low / 2) / span * 255
    pixels: NDArray[np.float32] = np.clip(scaled, 0, 255, out=scaled).astype(np.float32, copy=False)
    return pixels
