from __future__ import annotations

import numpy as np
import pytest

from napari_sam.predict import Embedding, Predictor, Prompts
from napari_sam.predict.pools import Pool, pools
from napari_sam.samples import fluorescence
from napari_sam.weights import load_model

SMALL, LARGE = (25.0, 90.0), (80.0, 60.0)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model("cell-tiny", device="cpu", precision="float32"))


def embedded(predictor: Predictor) -> Embedding:
    """Embed a small disc and a large one."""
    rows, cols = np.mgrid[:160, :160]
    image = np.full((160, 160), 10, np.uint8)
    for (row, col), radius in ((SMALL, 3), (LARGE, 50)):
        image[np.hypot(rows - row, cols - col) <= radius] = 200
    return predictor.embed(image)


def asked(predictor: Predictor, embedding: Embedding, *points: tuple[float, float]) -> list[Pool]:
    prompts = [Prompts([point], [1]).within(embedding.shape) for point in points]
    return pools(predictor.model, embedding, prompts, [True] * len(points))


def test_pools_when_features_are_there_then_all_scales_at_once_give_the_same(predictor: Predictor) -> None:
    embedding = embedded(predictor)
    assert not embedding.fine[0].tiles
    (first,) = asked(predictor, embedding, SMALL)
    assert embedding.fine[0].tiles
    (again,) = asked(predictor, embedding, SMALL)
    together = asked(predictor, embedding, SMALL, LARGE)[0]
    assert first[-1].frame.scale == 2
    for other in (again, together):
        assert [each.frame for each in other] == [each.frame for each in first]
        np.testing.assert_allclose([each.iou for each in other], [each.iou for each in first], atol=1e-4)
        for one, two in zip(first, other, strict=True):
            np.testing.assert_allclose(one.logits, two.logits, atol=1e-3)


def test_pools_when_the_object_is_large_then_no_finer_scale_whether_it_was_there_or_not(
    predictor: Predictor,
) -> None:
    embedding = embedded(predictor)
    (before,) = asked(predictor, embedding, LARGE)
    fine = embedding.fine[0]
    for row in range(0, 32, 8):  # every tile near
        for col in range(0, 32, 8):
            fine.window(predictor.model, (row, col))
    (after,) = asked(predictor, embedding, LARGE)
    assert {each.frame.scale for each in before} == {each.frame.scale for each in after}
    assert 2 not in {each.frame.scale for each in before}


def test_suggest_many_when_prompts_are_of_all_kinds_then_each_mask_is_the_one_that_predict_suggests(
    predictor: Predictor,
) -> None:
    embedding = embedded(predictor)
    kinds = [
        Prompts([SMALL], [1]),
        Prompts([LARGE], [1]),
        Prompts(box=(20, 85, 30, 95)),
        Prompts([LARGE, SMALL], [1, 0], box=(28, 8, 132, 112)),
    ]
    answers = predictor.predict_many(embedding, kinds)
    assert [len(answer) for answer in answers] == [3, 3, 3, 1]
    for answer, mask in zip(answers, predictor.suggest_many(embedding, kinds), strict=True):
        best = answer.items[answer.best]
        assert mask.iou == pytest.approx(best.iou_prediction, abs=1e-5)
        np.testing.assert_allclose(mask.logits, best.logits, atol=1e-4)


def test_predict_when_a_mask_has_the_click_in_it_then_it_is_suggested(predictor: Predictor) -> None:
    image = fluorescence()[0][0]
    embedding = predictor.embed(image)
    rng = np.random.default_rng(0)
    clicks = rng.uniform(5, np.array(embedding.shape) - 5, (24, 2)).round()
    told = 0
    for row, col in clicks.tolist():
        (pool,) = asked(predictor, embedding, (row, col))
        inside = [
            predictor.draw(embedding, each).full_mask(embedding.shape)[int(row), int(col)] for each in pool
        ]
        candidates = predictor.predict(embedding, Prompts([(row, col)], [1]))
        if any(inside):
            told += 1
            assert candidates.masks[candidates.best, int(row), int(col)]
    assert told > 12
