"""The last searched parts of large planes, so that other thresholds ask the networks for little."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KEPT = 8
"""Parts that are kept: of 1,024 pixels a side, each takes some 60 MB with what the networks said of it."""

Part = TypeVar("Part")


class KnownParts(Generic[Part]):
    """Keeps what was made of a few parts, those that were asked for last.

    Parameters
    ----------
    kept : int
        How many.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._parts: OrderedDict[Hashable, Part] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Part]) -> Part:
        """Return what is known of a part, or make it and let go of what was asked for longest ago."""
        if key not in self._parts:
            self._parts[key] = make()
        self._parts.move_to_end(key)
        while len(self._parts) > self._kept:
            self._parts.popitem(last=False)
        return self._parts[key]
