"""How sentences count things."""

from __future__ import annotations


def amount(count: int, noun: str) -> str:
    """Return "1 label", "2 labels" and so on."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
