"""Which channels of an image the model sees, and in which colours they are mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from napari_sam.errors import ImageError
from napari_sam.predict.image import Colour, Normalization

COLOURS: dict[str, Colour] = {
    "grey": (1.0, 1.0, 1.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
    "magenta": (1.0, 0.0, 1.0),
    "cyan": (0.0, 1.0, 1.0),
    "yellow": (1.0, 1.0, 0.0),
}
NONE = "not seen"
SUGGESTED = {
    1: ("grey",),
    2: ("green", "magenta"),
    3: ("red", "green", "blue"),
}
AXIS_NAMES = ("c", "ch", "channel", "channels")


@dataclass(frozen=True)
class Channel:
    """A channel that the model sees.

    Attributes
    ----------
    source : int or str
        Its place on the channel axis, or the name of the layer that it is.
    colour : str
        One of `COLOURS`.
    weight : float
        How much of the colour is added, above 0 and up to 1.
    """

    source: int | str
    colour: str = "grey"
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.colour not in COLOURS:
            raise ImageError(f"The colour {self.colour!r} is unknown; use one of {', '.join(COLOURS)}.")
        if not 0 < self.weight <= 1:
            raise ImageError(f"A channel's weight is above 0 and at most 1, not {self.weight:g}.")


@dataclass(frozen=True)
class Mix:
    """The channels that the model sees.

    Attributes
    ----------
    channels : tuple of Channel
        At least one.
    axis : int, optional
        The axis of the layer that they are places on; None if each is a layer.

    Raises
    ------
    ImageError
        If there are none.
    """

    channels: tuple[Channel, ...]
    axis: int | None = None

    def __post_init__(self) -> None:
        if not self.channels:
            raise ImageError("The model sees no channel; give at least one of them a colour.")
        if any(isinstance(each.source, str) != (self.axis is None) for each in self.channels):
            raise ImageError("Channels are either places on an axis, or layers; choose one of the two.")

    @property
    def colours(self) -> tuple[Colour, ...]:
        """What each channel adds to the picture."""
        return tuple(_weighted(each) for each in self.channels)

    @property
    def places(self) -> tuple[int, ...]:
        """Where the channels are on the axis; empty for layers."""
        return tuple(each.source for each in self.channels if isinstance(each.source, int))

    @property
    def names(self) -> tuple[str, ...]:
        """Which layers the channels are; empty on an axis."""
        return tuple(each.source for each in self.channels if isinstance(each.source, str))

    def noted(self, record: Normalization) -> Normalization:
        """Return what is kept with an embedding, with where the channels are from."""
        return replace(record, channels=self.places or self.names, channel_axis=self.axis)


def _weighted(channel: Channel) -> Colour:
    red, green, blue = COLOURS[channel.colour]
    return red * channel.weight, green * channel.weight, blue * channel.weight


def suggested_colours(count: int) -> tuple[str, ...]:
    """Return colours to begin with; of many channels, only the first three are seen."""
    return SUGGESTED.get(count) or (*SUGGESTED[3], *(NONE,) * (count - 3))


def channel_axis(labels: Sequence[str], shape: Sequence[int]) -> int | None:
    """Return the axis before (Y, X) that is named for channels; None if there is none.

    Parameters
    ----------
    labels : sequence of str
        Names of the axes.
    shape : (..., Y, X)
    """
    leading = [name.strip().lower() for name in labels[: len(shape) - 2]]
    return next((axis for axis, name in enumerate(leading) if name in AXIS_NAMES), None)
