"""Parts of what is seen of a large plane, kept so that other thresholds ask the networks for little."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from napari_sam.automatic.part import PartSearch

from .embeddings import memory_limit


class KnownParts:
    """Keeps what was made of the first parts of one region, until another region is searched.

    Regions are searched from their first part to their last, again and again. To keep the last parts
    instead would make all of a region that has one part too many anew each time.

    Parameters
    ----------
    limit : int, optional
        Bytes from which on no more parts are kept; half of what embeddings may take, by default.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = memory_limit() // 2 if limit is None else limit
        self._region: Hashable = None
        self._parts: dict[Hashable, PartSearch | None] = {}

    def get(
        self, region: Hashable, part: Hashable, make: Callable[[], PartSearch | None]
    ) -> PartSearch | None:
        """Return what is known of a part of a region, or make it; None for one that shows nothing."""
        if region != self._region:
            self._region, self._parts = region, {}
        if part in self._parts:
            return self._parts[part]
        made = make()
        if made is None or self._held < self._limit:
            self._parts[part] = made
        return made

    @property
    def _held(self) -> int:
        return sum(each.nbytes for each in self._parts.values() if each is not None)
