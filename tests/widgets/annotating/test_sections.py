"""Sections of the dock, closed together."""

from __future__ import annotations

from psygnal import Signal

from napari_sam.widgets.annotating.sections import Sections


class Speaker:
    """A section that says farewell, which nobody is to hear."""

    said = Signal(str)
    failed = Signal(str)

    def __init__(self, closed: list[Speaker], *layers: str) -> None:
        self._closed, self.layers = closed, layers

    def close(self) -> None:
        self.said.emit("Farewell.")
        self._closed.append(self)


class Listener:
    def __init__(self) -> None:
        self.heard: list[str] = []
        self.alarmed: list[str] = []

    def say(self, text: str) -> None:
        self.heard.append(text)

    def fail(self, text: str) -> None:
        self.alarmed.append(text)


def test_sections_when_closed_then_the_last_is_first_and_none_is_heard_any_more() -> None:
    listener, closed = Listener(), []
    sections = Sections(listener.say, listener.fail)
    first, silent, last = (Speaker(closed, each) for each in ("first", "silent", "last"))
    assert sections.hear(first) is first
    assert sections.add(silent) is silent
    sections.hear(last)
    first.said.emit("Done.")
    last.failed.emit("It failed.")
    silent.said.emit("Nobody hears this.")
    assert (listener.heard, listener.alarmed) == (["Done."], ["It failed."])
    assert sections.close() == ("last", "silent", "first")
    assert closed == [last, silent, first]
    last.said.emit("Is somebody there?")
    assert (listener.heard, listener.alarmed) == (["Done."], ["It failed."])
    assert sections.close() == ()
    assert len(closed) == 3
