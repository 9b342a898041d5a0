"""What works on an annotation from Start to Stop: opened one after another, closed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from napari.layers import Layer
    from psygnal import SignalInstance


class Section(Protocol):
    """Something that has to be closed."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers that go with it."""

    def close(self) -> None:
        """Stop for good."""


class Speaker(Section, Protocol):
    """A section that tells the person, in one sentence each, what it did and what went wrong."""

    @property
    def said(self) -> SignalInstance:
        """What it did."""

    @property
    def failed(self) -> SignalInstance:
        """What went wrong."""


AnySection = TypeVar("AnySection", bound=Section)
AnySpeaker = TypeVar("AnySpeaker", bound=Speaker)


class Sections:
    """Those that are open now.

    Parameters
    ----------
    say, fail : callable
        What is called with each sentence.
    """

    def __init__(self, say: Callable[[str], object], fail: Callable[[str], object]) -> None:
        self._say, self._fail = say, fail
        self._open: list[Section] = []
        self._heard: list[Speaker] = []

    def add(self, section: AnySection) -> AnySection:
        """Close a section with the others; it is returned."""
        self._open.append(section)
        return section

    def hear(self, speaker: AnySpeaker) -> AnySpeaker:
        """Add a section, and pass on what it tells."""
        speaker.said.connect(self._say)
        speaker.failed.connect(self._fail)
        self._heard.append(speaker)
        return self.add(speaker)

    def close(self) -> tuple[Layer, ...]:
        """Close all, the last one first, and return the layers that go with them.

        What they tell while they close is not passed on.
        """
        for speaker in self._heard:
            speaker.said.disconnect(self._say)
            speaker.failed.disconnect(self._fail)
        going = tuple(layer for section in reversed(self._open) for layer in section.layers)
        for section in reversed(self._open):
            section.close()
        self._open.clear()
        self._heard.clear()
        return going
