from __future__ import annotations

import numpy as np
import pytest

from napari_sam.automatic import AutomaticSettings, MaskRecord, WindowSettings
from napari_sam.automatic.records import run_lengths
from napari_sam.automatic.windows.stitch import Tile, tiles_of
from napari_sam.predict import Embedding, PlaneWindow, Predictor
from napari_sam.session import ObjectStore
from napari_sam.session.mosaic import Mosaic, described
from napari_sam.weights import LoadedModel

PLANE = (80, 200)
REGION = PlaneWindow((100, 1000), PLANE, (500, 4000))
WINDOWS = WindowSettings(side=80, overlap=20)


@pytest.fixture
def embedding(discs: LoadedModel) -> Embedding:
    return Predictor(discs).embed(np.zeros((80, 80), np.uint8))


def seen_in(truth: np.ndarray, tile: Tile) -> list[MaskRecord]:
    """Return what a perfect network finds in a window: every label of it, cut by its borders."""
    window = truth[tile.window.index]
    records = []
    for label in np.unique(window[window > 0]).tolist():
        rows, cols = np.nonzero(window == label)
        origin = int(rows.min()), int(cols.min())
        mask = (window == label)[origin[0] : rows.max() + 1, origin[1] : cols.max() + 1]
        box = (origin[0] - 0.5, origin[1] - 0.5, rows.max() + 0.5, cols.max() + 0.5)
        records.append(
            MaskRecord(
                origin,
                mask.shape,
                run_lengths(mask),
                int(mask.sum()),
                0.9,
                0.5,
                ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2),
                (0, 0, 80, 80),
                box,
            )
        )
    return records


def joined(truth: np.ndarray, embedding: Embedding, plane: tuple[int, ...] = ()) -> ObjectStore:
    mosaic, store = Mosaic(plane, REGION, AutomaticSettings(), 7), ObjectStore()
    tiles = tiles_of(PLANE, WINDOWS)
    assert len(tiles) == 3
    for tile in tiles:
        edit = mosaic.add(seen_in(truth, tile), embedding, tile)
        assert all(store.get(each.key) is each for each in edit.before)
        store.apply(edit)
    return store


def test_objects_when_windows_cut_them_then_come_whole_once(embedding: Embedding) -> None:
    truth = np.zeros(PLANE, np.int32)
    truth[10:30, 5:25] = 1  # in the first window alone
    truth[40:60, 50:110] = 2  # cut by two windows
    truth[5:15, 62:76] = 3  # whole in two windows
    truth[70:75, 0:200] = 4  # through all of them
    store = joined(truth, embedding, (3,))
    drawn = store.render((3,), REGION.index)
    assert len(store) == 4
    for label in range(1, 5):
        (name,) = np.unique(drawn[truth == label])
        assert np.array_equal(drawn == name, truth == label)
    assert min(each.id for each in store) == 7
    assert all(each.plane == (3,) for each in store)


def test_objects_then_know_their_prompts_in_the_plane_unless_they_were_in_pieces(
    embedding: Embedding,
) -> None:
    truth = np.zeros(PLANE, np.int32)
    truth[10:30, 5:25] = 1
    truth[40:60, 50:110] = 2
    first, second = sorted(joined(truth, embedding), key=lambda each: each.id)
    assert first.prompts is not None
    assert first.prompts.box == (109.5, 1004.5, 129.5, 1024.5)
    assert not len(first.prompts.positions)
    assert (first.origin, first.score, first.iou_prediction) == ((110, 1005), 0.45, 0.9)
    assert (first.model, first.weights_hash) == ("discs", "discs")
    assert second.prompts is None
    assert second.area == 20 * 60


def test_pieces_when_a_later_window_shows_that_they_are_one_then_become_one(embedding: Embedding) -> None:
    truth = np.zeros(PLANE, np.int32)
    truth[10:14, 20:120] = 1
    truth[14:40, 100:120] = 1
    truth[36:40, 20:120] = 1  # a fork, of which the first window sees two prongs
    assert len(np.unique(truth)) == 2
    tile = tiles_of(PLANE, WINDOWS)[0]
    prongs = np.where(np.arange(PLANE[0])[:, None] > 20, 2, 1) * (truth > 0)
    mosaic, store = Mosaic((), REGION, AutomaticSettings(), 1), ObjectStore()
    store.apply(mosaic.add(seen_in(prongs.astype(np.int32), tile), embedding, tile))
    assert len(store) == 2
    for each in tiles_of(PLANE, WINDOWS)[1:]:
        store.apply(mosaic.add(seen_in(truth, each), embedding, each))
    (whole,) = store
    assert np.array_equal(store.render((), REGION.index) > 0, truth > 0)
    assert whole.prompts is None


def test_described_when_found_by_a_point_then_that_is_its_prompt(embedding: Embedding) -> None:
    record = MaskRecord(
        (2, 3), (1, 1), run_lengths(np.ones((1, 1), bool)), 1, 0.8, 0.5, (2.0, 3.0), (0, 0, 9, 9)
    )
    placed = embedding.placed(PlaneWindow((10, 20), embedding.shape, (500, 500)))
    (made,) = described([record], placed, (1,), 5)
    assert made.prompts is not None
    assert (made.prompts.positions.tolist(), made.prompts.labels.tolist()) == ([[12, 23]], [1])
    assert (made.id, made.plane, made.origin, made.score) == (5, (1,), (12, 23), 0.4)
    assert made.normalization is not None
    assert made.normalization["window"] == (10, 20, 80, 80)
