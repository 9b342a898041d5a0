from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam.predict import Predictor, Prompts
from napari_sam.training.measuring.evaluate import candidate_ious, evaluate
from napari_sam.training.measuring.report import MEASURES, ObjectScore
from napari_sam.training.measuring.sets import Folder
from napari_sam.training.measuring.sheet import (
    CAPTION,
    COLOURS,
    COLUMNS,
    TILE,
    TRUTH,
    clicked,
    contact_sheet,
    draw_tile,
    failure_sheet,
    surroundings,
    worst,
)
from napari_sam.training.samples import Sample
from napari_sam.weights import LoadedModel


@pytest.fixture
def sample() -> Sample:
    labels = np.zeros((120, 160), np.int32)
    labels[50:70, 90:110] = 1
    return Sample("square", np.full((3, 120, 160), 90, np.uint8), (labels,), 22.0)


def test_draw_tile_when_masks_differ_from_the_truth_then_every_outline_shows_and_truth_lies_on_top(
    sample: Sample, discs_model: LoadedModel
) -> None:
    predictor = Predictor(discs_model)
    embedding = predictor.embed(np.full((120, 160), 90, np.uint8))
    candidates = predictor.predict(embedding, Prompts([(60.0, 100.0)], [1]))
    tile = np.asarray(draw_tile(sample, sample.labels == 1, candidates))
    assert tile.shape == (TILE + CAPTION, TILE, 3)
    drawn = {tuple(colour) for colour in tile[:TILE].reshape(-1, 3).tolist()}
    assert {TRUTH, (90, 90, 90)} <= drawn
    assert set(COLOURS[:2]) <= drawn  # the third mask is larger than the tile
    rows, cols = surroundings(sample.labels == 1)
    zoom = TILE / (rows.stop - rows.start)
    left, top = round((90 - cols.start) * zoom), round((50 - rows.start) * zoom)
    assert (tile[top + 10, left - 1 : left + 2] == TRUTH).all(axis=1).any()
    assert len(candidate_ious(candidates, sample.labels == 1)) == len(candidates)


def test_surroundings_when_an_object_is_at_the_corner_then_the_square_stays_inside() -> None:
    mask = np.zeros((100, 80), bool)
    mask[95:, 70:] = True
    rows, cols = surroundings(mask)
    assert (rows.stop, cols.stop) == (100, 80)
    assert rows.stop - rows.start == cols.stop - cols.start == 24


def test_surroundings_when_an_object_fills_the_image_then_all_of_it_shows() -> None:
    assert surroundings(np.ones((30, 50), bool)) == (slice(0, 30), slice(0, 50))


def test_contact_sheet_when_sets_have_several_images_then_holds_a_tile_for_each_object(
    data_folder: Path, discs_model: LoadedModel
) -> None:
    folder = Folder(data_folder / "dsb2018" / "images", (data_folder / "dsb2018" / "labels",))
    sheet = contact_sheet(discs_model, [folder], limit=3)
    assert sheet.size == (COLUMNS * (TILE + 4), 2 * (TILE + CAPTION + 4))
    picture = np.asarray(sheet)
    filled = [(picture[:TILE, i * (TILE + 4) : i * (TILE + 4) + TILE] > 0).any() for i in range(COLUMNS)]
    assert all(filled)


def test_worst_when_one_kind_is_worse_in_all_then_every_kind_comes_in_its_turn() -> None:
    values = [("a", 0.1), ("a", 0.2), ("b", 0.9), ("a", 0.3), ("b", 0.8)]
    scores = [
        ObjectScore("i", kind, n, 9.0, **(dict.fromkeys(MEASURES, 0.5) | {"point": point}))
        for n, (kind, point) in enumerate(values)
    ]
    assert [(s.kind, s.point) for s in worst(scores, 4)] == [("a", 0.1), ("b", 0.8), ("a", 0.2), ("b", 0.9)]


def test_failure_sheet_when_made_of_a_report_then_its_first_tile_is_the_worst_click(
    data_folder: Path, discs_model: LoadedModel
) -> None:
    folder = Folder(data_folder / "dsb2018" / "images", (data_folder / "dsb2018" / "labels",))
    report = evaluate(discs_model, folder, limit=2)
    sheet = np.asarray(failure_sheet(discs_model, folder, report, count=3))
    lowest = min(report.objects, key=lambda score: score.point)
    image, sample = folder[folder.names.index(lowest.image)]
    tile = clicked(Predictor(discs_model), image, sample, [lowest.label])[0]
    np.testing.assert_array_equal(sheet[: TILE + CAPTION, :TILE], np.asarray(tile))
    assert sheet.shape[0] == TILE + CAPTION + 4
