from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from napari_sam.model import CELL_TINY
from napari_sam.model.windows import cut_windows
from napari_sam.predict import Predictor, Prompts
from napari_sam.predict.fine import KEPT, FineLevel
from napari_sam.weights import LoadedModel, load_model

SIDE = CELL_TINY.embedding_size


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model("cell-tiny", device="cpu", precision="float32")


def pixels(height: int = 96, width: int = 128) -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.integers(0, 255, (3, height // 8, width // 8), dtype=np.uint8).repeat(8, 1).repeat(8, 2)


@pytest.mark.parametrize("origin", [(0, 0), (5, 9), (-8, -5), (20, 27)])
def test_window_when_cut_from_its_tile_then_as_from_the_whole_enlarged_image(
    model: LoadedModel, origin: tuple[int, int]
) -> None:
    image = pixels()
    found = FineLevel(2.0, image).window(model, origin)
    margin = 64  # black around the image, as a tile sees it
    padded = np.pad(image, ((0, 0), (margin, margin), (margin, margin))).astype(np.float32)
    enlarged = torch.nn.functional.interpolate(
        torch.from_numpy(padded)[None], scale_factor=2, mode="bilinear"
    )
    with torch.inference_mode():
        whole = model.sam.encode_image(model.sam.normalize(enlarged))
    shift = 2 * margin // 8
    wanted = cut_windows(whole, torch.zeros(1, dtype=torch.long), torch.tensor([origin]) + shift, SIDE)
    middle = slice(4, 12)
    a, b = found.embedding[..., middle, middle], wanted.embedding[..., middle, middle]
    assert found.embedding.shape == wanted.embedding.shape == (1, 128, SIDE, SIDE)
    # a tile sees less of the surroundings; squares of noise beside black are the hardest case
    assert F.cosine_similarity(a.flatten(1), b.flatten(1)).item() > 0.9
    assert [plane.shape[-1] for plane in found.skips] == [2 * SIDE, 4 * SIDE]


def test_window_when_asked_again_nearby_then_its_tile_is_kept_and_old_ones_go(model: LoadedModel) -> None:
    level = FineLevel(2.0, pixels())
    first = level.window(model, (0, 0))
    second = level.window(model, (3, 4))
    assert len(level.tiles) == 1
    assert torch.equal(first.embedding[..., 3:, 4:], second.embedding[..., :-3, :-4])
    level.tiles.update({(1000 + i, 0): level.tiles[0, 0] for i in range(KEPT)})
    level.window(model, (0, 80))
    assert len(level.tiles) == KEPT
    assert (0, 0) not in level.tiles


def test_predict_when_an_object_is_small_then_it_is_seen_enlarged(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.sam, "config", replace(model.sam.config, fine_scales=(2.0,)))
    image = np.zeros((120, 120), np.uint8)
    rows, cols = np.mgrid[:120, :120]
    for row, col, radius in ((20, 20, 3), (25, 90, 3), (80, 60, 26)):
        image[(rows - row) ** 2 + (cols - col) ** 2 <= radius**2] = 200
    predictor = Predictor(model)
    embedding = predictor.embed(image)
    small = predictor.predict(embedding, Prompts(box=(16.5, 16.5, 23.5, 23.5)))
    large = predictor.predict(embedding, Prompts(box=(53.5, 33.5, 106.5, 86.5)))
    assert embedding.scales[-1] == 2
    assert {item.frame.scale for item in small.items} == {2.0}
    assert {item.frame.scale for item in large.items} == {1.0}
    before = embedding.nbytes
    answer = predictor.predict(embedding, Prompts([(25, 90)], [1]))
    assert embedding.nbytes > before
    again = predictor.predict(deepcopy(embedding), Prompts([(25, 90)], [1]))
    assert np.array_equal(again.iou_predictions, answer.iou_predictions)
