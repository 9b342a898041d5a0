from __future__ import annotations

from napari_sam.session.known_parts import KnownParts


def test_known_parts_when_full_then_what_was_asked_for_longest_ago_is_made_anew() -> None:
    made: list[str] = []

    def part(name: str) -> str:
        made.append(name)
        return name.upper()

    known: KnownParts[str] = KnownParts(kept=2)
    for name in "ababcab":
        assert known.get(name, lambda name=name: part(name)) == name.upper()
    assert made == ["a", "b", "c", "a", "b"]
