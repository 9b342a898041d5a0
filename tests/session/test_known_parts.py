from __future__ import annotations

from napari_sam.session.known_parts import KnownParts


def test_known_parts_when_a_region_is_searched_again_then_only_what_did_not_fit_is_made_anew() -> None:
    made: list[str] = []

    def get(region: str, part: str) -> str:
        def make() -> str:
            made.append(region + part)
            return part.upper()

        return known.get(region, part, make)

    known: KnownParts[str] = KnownParts(kept=2)
    for _ in range(2):
        assert [get("left", part) for part in "abc"] == ["A", "B", "C"]
    assert made == ["lefta", "leftb", "leftc", "leftc"]
    assert get("right", "a") == "A"
    assert made[-1] == "righta"
    get("left", "a")
    assert made[-1] == "lefta"
