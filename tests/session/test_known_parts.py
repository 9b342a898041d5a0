from __future__ import annotations

import numpy as np
import pytest

from napari_sam.automatic import AutomaticSettings
from napari_sam.automatic.part import PartSearch
from napari_sam.predict import Predictor
from napari_sam.session.known_parts import KnownParts
from napari_sam.weights import load_model


@pytest.fixture(scope="module")
def part() -> PartSearch:
    predictor = Predictor(load_model("cell-tiny", device="cpu", precision="float32"))
    return PartSearch(predictor, predictor.embed(np.zeros((64, 64), np.uint8)))


def test_known_parts_when_a_region_is_searched_again_then_only_what_did_not_fit_is_made_anew(
    part: PartSearch,
) -> None:
    made: list[str] = []

    def get(region: str, name: str, *, empty: bool = False) -> PartSearch | None:
        def make() -> PartSearch | None:
            made.append(region + name)
            return None if empty else part

        return known.get(region, name, make)

    known = KnownParts(limit=2 * part.nbytes)
    for _ in range(2):
        assert [get("left", name) for name in "abc"] == [part] * 3
        assert get("left", "d", empty=True) is None
    assert made == ["lefta", "leftb", "leftc", "leftd", "leftc"]
    get("right", "a")
    get("left", "a")
    assert made[-2:] == ["righta", "lefta"]


def test_nbytes_when_the_dense_head_was_asked_then_its_maps_count(part: PartSearch) -> None:
    before = part.nbytes
    part.records(AutomaticSettings())
    assert part.nbytes >= before + 3 * 64 * 64 * 4
