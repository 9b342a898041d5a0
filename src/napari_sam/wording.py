"""How sentences count things."""

from __future__ import annotations

from collections.abc import Sequence


def amount(count: int, noun: str) -> str:
    """Return "1 label", "2 labels" and so on."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def counted(labels: Sequence[int]) -> str:
    """Return "2 objects" for the labels of some masks, or "2 objects (9 masks)" if one has several."""
    objects = len(set(labels))
    masks = f" ({len(labels)} masks)" if objects < len(labels) else ""
    return f"{amount(objects, 'object')}{masks}"
