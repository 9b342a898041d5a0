"""Parts of what is seen of a large plane, kept so that other thresholds ask the networks for little."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

KEPT = 8
"""Parts that are kept: each takes 60 to 170 MB, the more the smaller its objects are."""

Part = TypeVar("Part")


class KnownParts(Generic[Part]):
    """Keeps what was made of the first parts of one region, until another region is searched.

    Regions are searched from their first part to their last, again and again. To keep the last parts
    instead would make all of a region that has one part too many anew each time.

    Parameters
    ----------
    kept : int
        How many.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._region: Hashable = None
        self._parts: dict[Hashable, Part] = {}

    def get(self, region: Hashable, part: Hashable, make: Callable[[], Part]) -> Part:
        """Return what is known of a part of a region, or make it."""
        if region != self._region:
            self._region, self._parts = region, {}
        if part in self._parts:
            return self._parts[part]
        made = make()
        if len(self._parts) < self._kept:
            self._parts[part] = made
        return made
