from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from napari_sam.errors import Cancelled, ImageError, OutOfMemoryError, PromptError, WeightsError
from napari_sam.predict import Candidates, Embedding, Predictor, Prompts, embedding
from napari_sam.predict.decoding import queries_for
from napari_sam.predict.pools import pools
from napari_sam.predict.predictor import TOGETHER
from napari_sam.weights import LoadedModel

RNG = np.random.default_rng(0)


def click(row: float, col: float) -> Prompts:
    return Prompts(points=[(row, col)], point_labels=[1])


def middle(mask: NDArray[Any]) -> NDArray[Any]:
    return np.argwhere(mask).mean(axis=0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 150), st.integers(1, 150), st.data())
def test_predict_at_any_point_of_any_image_puts_the_mask_at_the_point(
    discs_model: LoadedModel, rows: int, cols: int, data: st.DataObject
) -> None:
    row = data.draw(st.floats(-0.5, rows - 0.5))
    col = data.draw(st.floats(-0.5, cols - 0.5))
    predictor = Predictor(discs_model)
    embedded = predictor.embed(np.zeros((rows, cols), np.uint8))
    candidates = predictor.predict(embedded, click(row, col))
    assert len(candidates) == 3
    assert [*candidates] == [candidates[index] for index in range(3)]
    assert candidates.masks.shape == (3, rows, cols)
    assert all(mask[min(round(row), rows - 1), min(round(col), cols - 1)] for mask in candidates.masks)


def test_predict_at_one_point_asks_all_scales_and_orders_by_size(discs: LoadedModel) -> None:
    predictor = Predictor(discs)
    embedded = predictor.embed(np.zeros((400, 400), np.uint8))
    candidates = predictor.predict(embedded, click(201.3, 187.8))
    areas = [item.area for item in candidates.items]
    assert areas == sorted(areas)
    # the best of every scale is its disc of radius 8: three sizes, each twice the other
    assert {item.frame.scale for item in candidates.items} == {1.0, 0.5, 0.25}
    for item, mask in zip(candidates.items, candidates.masks, strict=True):
        assert item.area == pytest.approx(np.pi * (8 / item.frame.scale) ** 2, rel=0.1)
        np.testing.assert_allclose(middle(mask), (201.3, 187.8), atol=0.5)
    assert candidates.iou_predictions[candidates.best] == candidates.iou_predictions.max()


def test_predict_with_a_box_uses_the_scale_of_its_size(discs: LoadedModel) -> None:
    predictor = Predictor(discs)
    embedded = predictor.embed(np.zeros((400, 400), np.uint8))
    small = predictor.predict(embedded, Prompts(box=(100, 100, 120, 130)))
    large = predictor.predict(embedded, Prompts(box=(50, 100, 250, 130)))
    assert {item.frame.scale for item in small.items} == {1.0}
    assert {item.frame.scale for item in large.items} == {0.25}
    np.testing.assert_allclose(middle(small.masks[small.best]), (110, 115), atol=0.5)
    np.testing.assert_allclose(middle(large.masks[large.best]), (150, 115), atol=1)


def test_predict_hands_the_decoder_the_pixels_under_the_prompt(discs: LoadedModel) -> None:
    image = RNG.integers(0, 255, (256, 256), np.uint8)
    predictor = Predictor(discs)
    embedded = predictor.embed(image, normalization=None)
    predictor.predict(embedded, Prompts(box=(90, 110, 120, 140)))
    seen, (x0, y0, x1, y1) = discs.sam.seen, discs.sam.seen.boxes[0].tolist()
    assert (y1 - y0, x1 - x0) == (30, 30)
    top, left = round(90 - y0), round(110 - x0)
    under = image[top : top + 128, left : left + 128].astype(np.float32)
    expected = under.reshape(64, 2, 64, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(seen.features.skips[1][0, 0].numpy(), expected, atol=0.1)
    assert seen.features.embedding.shape[-2:] == (16, 16)
    assert seen.features.skips[0].shape[-2:] == (32, 32)


@pytest.mark.parametrize(
    ("prompts", "count"),
    [
        (click(50, 50), 3),
        (Prompts(box=(40, 40, 60, 60)), 3),
        (Prompts(points=[(50, 50), (55, 50)], point_labels=[1, 0]), 1),
        (Prompts(points=[(50, 50)], point_labels=[1], box=(40, 40, 60, 60)), 1),
    ],
)
def test_predict_gives_three_masks_when_the_choice_is_the_users_and_one_otherwise(
    discs: LoadedModel, prompts: Prompts, count: int
) -> None:
    predictor = Predictor(discs)
    embedded = predictor.embed(np.zeros((99, 99), np.uint8))
    assert len(predictor.predict(embedded, prompts)) == count
    assert len(predictor.predict(embedded, prompts, multimask=True)) == 3
    assert len(predictor.predict(embedded, prompts, multimask=False)) == 1
    for wrong in (None, "best"):
        with pytest.raises(PromptError, match=f"multimask is {wrong!r}; give True, False or 'auto'"):
            predictor.predict(embedded, prompts, multimask=wrong)  # type: ignore[arg-type]


def test_predict_leaves_out_negative_points_that_a_window_cannot_reach(discs: LoadedModel) -> None:
    predictor = Predictor(discs)
    embedded = predictor.embed(np.zeros((2000, 2000), np.uint8))
    predictor.predict(embedded, Prompts(points=[(50, 50), (1900, 1900)], point_labels=[1, 0]))
    assert discs.sam.seen.labels.tolist() == [[1]] * 3


def test_predict_with_a_mask_decodes_in_its_frame_with_its_logits(discs: LoadedModel) -> None:
    predictor = Predictor(discs)
    embedded = predictor.embed(np.zeros((300, 300), np.uint8))
    first = predictor.predict(embedded, click(150, 150))
    fed = first.mask_prompt(0)
    second = predictor.predict(embedded, Prompts([(150, 150), (152, 150)], [1, 0], mask=fed))
    assert second.items[0].frame == fed.frame
    np.testing.assert_array_equal(discs.sam.seen.masks[0, 0].numpy(), fed.logits)


def test_predict_with_a_mask_and_a_point_beyond_its_frame_widens_the_frame(discs: LoadedModel) -> None:
    predictor = Predictor(discs)
    embedded = predictor.embed(np.zeros((600, 600), np.uint8))
    first = predictor.predict(embedded, click(300, 300))
    fed = first.mask_prompt(0)
    assert fed.frame.scale == 1
    second = predictor.predict(embedded, Prompts([(300, 300), (420, 300)], [1, 1], mask=fed))
    assert second.items[0].frame.scale < 1
    seen = discs.sam.seen.masks[0, 0].numpy()
    assert 0 < np.count_nonzero(seen > 0) < np.count_nonzero(fed.logits > 0)


def test_queries_with_a_bare_mask_place_it_on_the_whole_image_and_ask_at_the_scales_beside(
    discs: LoadedModel,
) -> None:
    embedded = Predictor(discs).embed(np.zeros((256, 256), np.uint8))
    logits = np.full((64, 64), -5.0, np.float32)
    logits[8:12, 40:44] = 5  # data rows 32 to 48, columns 160 to 176
    queries = queries_for(Prompts([(40, 168)], [1], mask=logits), embedded, discs.sam.config)
    assert [query.window.frame.scale for query in queries] == [1, 0.5]
    for query in queries:
        frame = query.window.frame
        assert query.mask is not None
        rows, cols = np.nonzero(query.mask > 0)
        seen = np.array([rows.mean(), cols.mean()]) * 2 / frame.scale + (frame.row, frame.col)
        np.testing.assert_allclose(seen, (39, 167), atol=2)


def test_predict_many_equals_predict_one_by_one(small: LoadedModel) -> None:
    predictor = Predictor(small)
    embedded = predictor.embed(RNG.integers(0, 4000, (150, 170)).astype(np.uint16))
    prompts = [
        *(Prompts(box=(i, i + 5, i + 30, i + 40)) for i in range(20)),
        click(3, 4),
        Prompts([(50, 50), (60, 60)], [1, 0], box=(40, 40, 80, 80)),
        click(149, 169),
    ]
    together = predictor.predict_many(embedded, (each for each in prompts))
    assert len(together) == len(prompts)
    for each, answer in zip(prompts, together, strict=True):
        alone = predictor.predict(embedded, each)
        assert (len(alone), alone.best) == (len(answer), answer.best)
        np.testing.assert_allclose(alone.low_res_logits, answer.low_res_logits, atol=1e-4)
        np.testing.assert_allclose(alone.iou_predictions, answer.iou_predictions, atol=1e-4)
        assert np.mean(alone.masks ^ answer.masks) < 1e-3


def test_predict_many_of_hundreds_asks_for_some_at_a_time_and_holds_no_more_than_their_masks(
    discs: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(*given: Any) -> Any:
        asked.append(len(given[2]))
        return pools(*given)

    monkeypatch.setattr("napari_sam.predict.predictor.pools", counted)
    predictor = Predictor(discs)
    embedded = predictor.embed(np.zeros((40, 600), np.uint8))
    answers = predictor.predict_many(embedded, [click(20, col) for col in range(TOGETHER + 40)])
    assert asked == [TOGETHER, 40]
    assert all(answer.masks[answer.best][20, col] for col, answer in enumerate(answers))
    assert all(item.logits.base is None for answer in answers for item in answer.items)


def test_predict_many_of_nothing_is_nothing(small: LoadedModel) -> None:
    predictor = Predictor(small)
    assert predictor.predict_many(predictor.embed(np.zeros((9, 9))), []) == []


def test_predict_sequence_of_one_prompt_equals_predict(small: LoadedModel) -> None:
    predictor = Predictor(small)
    embedded = predictor.embed(RNG.normal(size=(100, 120)))
    for prompts in (click(30, 40), Prompts(box=(10, 10, 50, 60))):
        one, other = predictor.predict(embedded, prompts), predictor.predict_sequence(embedded, prompts)
        np.testing.assert_array_equal(one.masks, other.masks)
        assert len(other) == 3


def test_predict_sequence_feeds_each_answer_to_the_next_step(small: LoadedModel) -> None:
    predictor = Predictor(small)
    embedded = predictor.embed(RNG.normal(size=(100, 120)))
    box, points = (10.0, 10.0, 60.0, 70.0), [(30, 40), (12, 65)]
    answer = predictor.predict_sequence(embedded, Prompts(points, [1, 0], box))
    first = predictor.predict(embedded, Prompts(box=box))
    second = predictor.predict(embedded, Prompts(points[:1], [1], box, first.mask_prompt(first.best)))
    third = predictor.predict(embedded, Prompts(points, [1, 0], box, second.mask_prompt(0)))
    assert len(answer) == 1
    np.testing.assert_array_equal(answer.low_res_logits, third.low_res_logits)


def test_predict_sequence_starts_from_a_positive_point_and_repeats_exactly(small: LoadedModel) -> None:
    predictor = Predictor(small)
    embedded = predictor.embed(RNG.normal(size=(100, 120)))
    prompts = Prompts([(5, 5), (50, 60), (70, 60)], [0, 1, 1])
    one, other = (predictor.predict_sequence(embedded, prompts) for _ in range(2))
    assert len(one) == 1
    np.testing.assert_array_equal(one.low_res_logits, other.low_res_logits)


def test_predict_sequence_with_a_memo_decodes_only_what_is_new(
    small: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor(small)
    embedded = predictor.embed(RNG.normal(size=(100, 120)))
    decoded: list[Prompts] = []
    predict = predictor.predict

    def counted(embedding: Embedding, prompts: Prompts) -> Candidates:
        decoded.append(prompts)
        return predict(embedding, prompts)

    monkeypatch.setattr(predictor, "predict", counted)
    memo: dict[Hashable, Candidates] = {}
    points, labels = [(50, 60), (70, 60), (10, 10)], [1, 1, 0]
    for count in (1, 2, 3, 2):
        prompts = Prompts(points[:count], labels[:count])
        answer = predictor.predict_sequence(embedded, prompts, memo)
        np.testing.assert_array_equal(
            answer.low_res_logits, Predictor(small).predict_sequence(embedded, prompts).low_res_logits
        )
    assert [len(prompts.positions) for prompts in decoded] == [1, 2, 3]
    predictor.predict_sequence(embedded, Prompts(points[1:], labels[1:]), memo)
    assert len(decoded) == 5
    assert len(memo) == 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (33, 1), (31, 32), (64, 129, 2), (50, 60, 5)])
def test_embed_and_predict_work_for_any_shape(small: LoadedModel, shape: tuple[int, ...]) -> None:
    predictor = Predictor(small)
    embedded = predictor.embed(RNG.normal(size=shape))
    assert embedded.shape == shape[:2]
    candidates = predictor.predict(embedded, click(0, 0))
    assert candidates.masks.shape == (3, *shape[:2])


def test_embed_of_4096_pixels_a_side_answers_in_its_far_corner(discs: LoadedModel) -> None:
    predictor = Predictor(discs)
    embedded = predictor.embed(np.zeros((4096, 4096), np.uint8), normalization=None)
    candidates = predictor.predict(embedded, click(4090, 4093.5))
    assert candidates.items[0].mask.shape[0] < 30
    np.testing.assert_allclose(candidates.items[0].bbox[2:], 4095)


def test_embed_in_tiles_equals_embed_at_once(small: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    image = RNG.integers(0, 255, (400, 330), np.uint8)
    predictor = Predictor(small)
    whole = predictor.embed(image)
    monkeypatch.setattr(embedding, "CORE", 128)
    monkeypatch.setattr(embedding, "HALO", 192)
    calls = []
    tiled = predictor.embed(image, progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (0, calls[-1][1])
    assert calls[-1][0] == calls[-1][1] > 3
    for one, other in zip(whole.levels, tiled.levels, strict=True):
        for a, b in zip(
            (one.features[0], *one.features[1]), (other.features[0], *other.features[1]), strict=True
        ):
            assert a.shape == b.shape
            assert (a.float() - b.float()).abs().max() < 0.02 * a.float().abs().max() + 1e-3


def test_embed_when_cancelled_stops_before_the_next_part(
    discs: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding, "CORE", 128)
    predictor = Predictor(discs)
    with pytest.raises(Cancelled):
        predictor.embed(np.zeros((512, 512), np.uint8), cancelled=lambda: len(discs.sam.calls) == 2)
    assert len(discs.sam.calls) == 2


def test_embed_keeps_how_the_image_was_normalised_and_by_which_weights(small: LoadedModel) -> None:
    embedded = Predictor(small).embed(np.arange(100.0).reshape(10, 10))
    assert embedded.normalization.method == "percentile"
    assert embedded.normalization.low[0] == pytest.approx(0.099)
    assert (embedded.model, embedded.weights_hash) == ("small", "small")
    assert embedded.nbytes > 0


def test_predict_on_the_embedding_of_other_weights_says_so(small: LoadedModel, discs: LoadedModel) -> None:
    embedded = Predictor(discs).embed(np.zeros((20, 20)))
    with pytest.raises(ImageError, match="made by discs and not by these weights of small"):
        Predictor(small).predict(embedded, click(5, 5))


def test_a_predictor_when_given_a_name_or_an_image_then_says_what_it_wants(small: LoadedModel) -> None:
    with pytest.raises(WeightsError, match=r"not str; give what napari_sam\.load_model returns"):
        Predictor("cell-tiny")  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=r"not ndarray; give what Predictor\.embed returns"):
        Predictor(small).predict(np.zeros((40, 50), np.uint8), click(20, 20))  # type: ignore[arg-type]
    predictor: Any = Predictor(small)
    embedded = predictor.embed(np.zeros((20, 20)))
    for ask in (predictor.predict, predictor.predict_sequence):
        with pytest.raises(PromptError, match=r"not tuple; give napari_sam\.Prompts"):
            ask(embedded, (5, 5))
    for wrong in (click(5, 5), None):
        with pytest.raises(PromptError, match=r"give a list of .*, or use Predictor\.predict"):
            predictor.predict_many(embedded, wrong)


def test_model_embedding_and_answer_when_shown_in_a_notebook_then_are_short(small: LoadedModel) -> None:
    embedded = Predictor(small).embed(np.zeros((40, 50), np.uint8))
    answer = Predictor(small).predict(embedded, click(20, 20))
    assert all(len(repr(shown)) < 600 for shown in (small, embedded, answer, answer.mask_prompt(0)))


def test_predict_outside_the_image_says_so(small: LoadedModel) -> None:
    predictor = Predictor(small)
    embedded = predictor.embed(np.zeros((20, 30)))
    with pytest.raises(PromptError, match="outside the image of 20 x 30 pixels"):
        predictor.predict(embedded, click(25, 5))


@pytest.mark.parametrize(
    "failure",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("MPS backend out of memory"), MemoryError()],
)
def test_embed_when_the_device_is_full_says_what_to_do(
    discs: LoadedModel, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(_image: Tensor) -> NoReturn:
        raise failure

    monkeypatch.setattr(discs.sam, "encode_image", fail)
    with pytest.raises(OutOfMemoryError, match=r"cpu ran out of memory with discs"):
        Predictor(discs).embed(np.zeros((20, 20)))


@pytest.mark.parametrize("place", ["predictor.to_rgb", "embedding.resize", "embedding._allocate"])
def test_embed_when_the_computer_has_no_room_beside_the_network_says_what_to_do(
    discs: LoadedModel, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def fail(*_: object) -> NoReturn:
        raise MemoryError("Unable to allocate 414. MiB for an array")

    monkeypatch.setattr(f"napari_sam.predict.{place}", fail)
    with pytest.raises(OutOfMemoryError, match=r"cpu ran out of memory with discs; close other programs"):
        Predictor(discs).embed(np.zeros((20, 20)))


def test_embed_when_the_network_fails_otherwise_lets_the_error_through(
    discs: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_image: Tensor) -> NoReturn:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(discs.sam, "encode_image", fail)
    with pytest.raises(RuntimeError, match="shapes differ"):
        Predictor(discs).embed(np.zeros((20, 20)))


def test_predict_in_bfloat16_stays_near_float32(small: LoadedModel) -> None:
    image = RNG.normal(size=(90, 90))
    one, other = Predictor(small), Predictor(replace(small, dtype=torch.bfloat16))
    exact = one.predict(one.embed(image), Prompts(box=(20, 20, 60, 60)), multimask=False)
    rough = other.predict(other.embed(image), Prompts(box=(20, 20, 60, 60)), multimask=False)
    assert other.embed(image).levels[0].features.embedding.dtype == torch.bfloat16
    spread = exact.low_res_logits.std()
    assert np.abs(exact.low_res_logits - rough.low_res_logits).mean() < 0.1 * spread + 0.02


def test_predict_at_a_scale_above_one_puts_the_mask_at_the_point(
    discs: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discs.sam, "config", replace(discs.sam.config, scales=(2.0, 1.0)))
    predictor = Predictor(discs)
    embedded = predictor.embed(np.zeros((101, 77), np.uint8))
    candidates = predictor.predict(embedded, click(60.3, 40.8))
    assert {item.frame.scale for item in candidates.items} == {2.0, 1.0}
    np.testing.assert_allclose(middle(candidates.masks[0]), (60.3, 40.8), atol=0.5)
