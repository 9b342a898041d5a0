"""How a person mixed channels the last time, remembered between sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_sam.session.channels import COLOURS, NONE

if TYPE_CHECKING:
    from ..layers.mixed import Choice


@dataclass(frozen=True)
class ChannelHabit:
    """Channels of one kind, and what was chosen for each.

    Attributes
    ----------
    title : str
        What they were: an axis with its length, or layers; empty if nothing is remembered.
    names : tuple of str
        Of the channels.
    chosen : tuple of (str, float)
        Colour and weight of each.
    image : str
        What their image is known by: its file, or else its layer.
    """

    title: str = ""
    names: tuple[str, ...] = ()
    chosen: tuple[tuple[str, float], ...] = ()
    image: str = ""

    def fits(self, choice: Choice) -> bool:
        """Whether what is offered has the same channels."""
        return (choice.title, choice.names) == (self.title, self.names)

    def is_meant(self, choice: Choice, image: str) -> bool:
        """Whether they are to be mixed again without being asked for.

        A stack of as many planes as there were channels looks the same, so an axis without a name has to be
        that of the same image.
        """
        return self.fits(choice) and (choice.named or choice.axis is None or image == self.image)

    @classmethod
    def from_settings(cls, values: object) -> ChannelHabit:
        """Read what `to_settings` gave; what makes no sense is as if it were not there."""
        try:
            return cls._read(values)
        except (KeyError, TypeError, ValueError):
            return cls()

    @classmethod
    def _read(cls, values: Any) -> ChannelHabit:
        channels = [(str(name), str(colour), float(weight)) for name, colour, weight in values["channels"]]
        if not all(colour in (NONE, *COLOURS) for _, colour, _ in channels):
            return cls()
        chosen = tuple((colour, weight) for _, colour, weight in channels)
        names = tuple(name for name, *_ in channels)
        return cls(str(values["title"]), names, chosen, str(values["image"]))

    def to_settings(self) -> Mapping[str, Any]:
        """Return plain JSON values."""
        channels = [(name, *chosen) for name, chosen in zip(self.names, self.chosen, strict=True)]
        return {"title": self.title, "channels": channels, "image": self.image}
