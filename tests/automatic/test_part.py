from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_sam.automatic import (
    AutomaticSettings,
    DenseSettings,
    DenseView,
    GridSettings,
    MaskRecord,
    instance_masks,
)
from napari_sam.automatic.grid import grid_masks
from napari_sam.automatic.instances import two_looks
from napari_sam.automatic.painting import painted
from napari_sam.automatic.part import PartSearch
from napari_sam.errors import Cancelled
from napari_sam.files.images import read_image
from napari_sam.masks import labelled, meets
from napari_sam.predict import Embedding, PlaneWindow, Predictor, Prompts
from napari_sam.weights import LoadedModel, load_model


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model("cell-tiny", device="cpu", precision="float32"))


@pytest.fixture(scope="module")
def embedding(predictor: Predictor, data_folder: Path) -> Embedding:
    return predictor.embed(read_image(data_folder / "dsb2018" / "images" / "4327d2759187.png"))


def told(records: list[MaskRecord]) -> list[tuple[object, ...]]:
    return [(each.origin, each.counts, each.predicted_iou, each.box) for each in records]


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the prompts that the mask decoder is asked."""
    asked: list[int] = []
    suggest = Predictor.suggest_many

    def counted(self: Predictor, embedding: Embedding, prompts: list[Prompts]) -> object:
        asked.append(len(prompts))
        return suggest(self, embedding, prompts)

    monkeypatch.setattr(Predictor, "suggest_many", counted)
    return asked


def test_records_when_settings_move_and_come_back_then_equal_a_fresh_search_and_ask_nothing_twice(
    predictor: Predictor, embedding: Embedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, other = AutomaticSettings(), AutomaticSettings(dense=DenseSettings(seed=0.6))
    asked = counting(monkeypatch)
    search = PartSearch(predictor, embedding)
    first = search.records(settings)
    count = sum(asked)
    assert 0 < len(first) <= count
    moved = search.records(other)
    *looks, _ = two_looks(DenseView(predictor, embedding), other.dense)
    assert sum(asked) < count + sum(
        len(list(labelled(look))) for look in looks
    )  # boxes that stayed are not asked again
    asked.clear()
    assert told(search.records(settings)) == told(first)
    assert asked == []
    for chosen, found in ((settings, first), (other, moved)):
        fresh = painted(instance_masks(predictor, embedding, chosen), embedding.shape, chosen)[1]
        assert told(fresh) == [(*each[:2], pytest.approx(each[2], abs=1e-5), each[3]) for each in told(found)]


def test_records_when_smaller_objects_were_asked_for_before_then_equal_a_fresh_search(
    predictor: Predictor, data_folder: Path
) -> None:
    image = read_image(data_folder / "dsb2018" / "images" / "4327d2759187.png")[:72, :72]
    embedding, search = predictor.embed(image), PartSearch(predictor, predictor.embed(image))
    plain, enlarged = (
        AutomaticSettings(dense=DenseSettings(smallest_diameter=least)) for least in (0.0, 500.0)
    )
    search.regions(enlarged)
    fresh = told(PartSearch(predictor, embedding).records(plain))
    assert told(search.records(plain)) == fresh != []
    assert told(search.records(enlarged)) == told(PartSearch(predictor, embedding).records(enlarged)) != fresh


def test_records_when_a_window_is_given_then_only_its_objects_are_asked_for_and_come_whole(
    predictor: Predictor, embedding: Embedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = told(PartSearch(predictor, embedding).records(AutomaticSettings()))
    asked = counting(monkeypatch)
    window = (slice(0, embedding.shape[0] // 2), slice(0, embedding.shape[1] // 2))
    search = PartSearch(predictor, embedding)
    some = told(search.records(AutomaticSettings(), window))
    *looks, _ = two_looks(DenseView(predictor, embedding))
    seen = [region for look in looks for _, region in labelled(look)]
    assert sum(asked) == len([region for region in seen if meets(region[0], region[1].shape, window)])
    assert 0 < len(some) < len(everything)
    promised = {record[:2] + record[3:]: record[2] for record in everything}
    for record in some:  # batched otherwise, whose sums differ in the last digits
        assert record[2] == pytest.approx(promised[record[:2] + record[3:]], abs=1e-6)
    faint = AutomaticSettings(dense=DenseSettings(foreground=0.2))
    for first in (4, 188):  # where masks are smaller than what the dense head sees, and end before the window
        band = (slice(first, first + 40), slice(0, embedding.shape[1]))
        assert all(meets(each.origin, each.mask.shape, band) for each in search.records(faint, band))


def test_records_when_the_part_lies_in_a_larger_plane_then_positions_are_the_parts_own(
    predictor: Predictor, embedding: Embedding
) -> None:
    placed = embedding.placed(PlaneWindow((100, 200), embedding.shape, (4000, 5000)))
    here = told(PartSearch(predictor, embedding).records(AutomaticSettings()))
    assert told(PartSearch(predictor, placed).records(AutomaticSettings())) == here


def test_records_when_a_grid_is_asked_then_thresholds_only_sift_what_was_found(
    discs_model: LoadedModel,
) -> None:
    predictor, image = Predictor(discs_model), np.zeros((80, 90), np.uint8)
    embedding = predictor.embed(image, normalization=None)
    search = PartSearch(predictor, embedding)
    assert search.method == "grid"
    calls: list[tuple[int, int]] = []
    grid = GridSettings(points_per_side=2, stability=0.3, predicted_iou=0.2)
    settings = AutomaticSettings(grid=grid)
    found = search.records(settings, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(4, 4)]
    expected = grid_masks(predictor, image, grid, normalization=None)
    assert told(found) == told(painted(expected, (80, 90), settings)[1])
    choosy = AutomaticSettings(grid=replace(grid, predicted_iou=0.95, stability=0.6))
    stop = PartSearch(predictor, embedding)
    with pytest.raises(Cancelled):
        stop.records(settings, cancelled=lambda: True)
    assert stop.records(choosy) == []
    assert search.regions(settings) == []
