from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_sam.model import CELL_TINY, CandidateRating, Sam
from napari_sam.predict import Frame, MaskPrompt, Predictor, Prompts
from napari_sam.predict.candidates import Decoded
from napari_sam.predict.drawing import drawn_at
from napari_sam.predict.pools import pools
from napari_sam.predict.rating import FEATURES, describe, rate
from napari_sam.weights import LoadedModel

POINT = Prompts([(200.0, 300.0)], [1]).within((400, 600))


def disc(radius: float, scale: float = 1.0, iou: float = 0.5, token: int = 1) -> Decoded:
    """Return a disc around the point, of a radius in data pixels, seen at a scale."""
    frame = Frame(200 - 64 / scale, 300 - 64 / scale, scale, 128)
    at = np.arange(64) * 2 + 0.5
    data = frame.to_data(np.stack([at, at], axis=1))
    distance = np.hypot(data[:, :1] - 200, (data[:, 1] - 300)[None])
    return Decoded(((radius - distance) * scale).astype(np.float32), frame, iou, token)


def test_describe_when_masks_differ_then_numbers_are_finite_and_tell_them_apart() -> None:
    empty = replace(disc(10), logits=np.full((64, 64), -5, np.float32))
    pool = [disc(10), disc(30, 0.5, token=2), disc(60, 0.25, token=3), empty]
    numbers = describe(pool, (400, 600), POINT)
    assert numbers.shape == (4, FEATURES) == (4, CELL_TINY.rating[0])
    assert np.isfinite(numbers).all()
    assert len({row.tobytes() for row in numbers}) == 4
    boxed = describe(pool, (400, 600), Prompts(box=(180, 280, 220, 320)).within((400, 600)))
    assert not np.array_equal(numbers, boxed)


def test_describe_when_a_mask_is_fed_back_then_likeness_and_clicks_count() -> None:
    pool = [disc(10), disc(30), disc(60, 0.5)]
    points, labels = [(200.0, 300.0), (200.0, 345.0)], [1, 0]
    fed = MaskPrompt(disc(30).logits, disc(30).frame)
    agreement, alike, given, _ = describe(pool, (400, 600), Prompts(points, labels, mask=fed))[:, 28:32].T
    np.testing.assert_allclose(agreement, [1, 1, 0.5])
    assert alike[1] == pytest.approx(1)
    assert alike[0] < 0.3
    assert alike[2] < 0.5
    assert given.tolist() == [1, 1, 1]
    alone = describe(pool, (400, 600), POINT)[:, 28:32]
    np.testing.assert_allclose(alone[:, :3], [[1, 0, 0]] * 3)


def test_describe_when_the_dense_head_sees_one_whole_object_then_its_mask_stands_out() -> None:
    seen = disc(30).logits > 0
    edge = ndimage.binary_dilation(seen, iterations=2) & ~ndimage.binary_erosion(seen, iterations=2)
    dense = np.stack([seen, ndimage.distance_transform_edt(seen) / 15, edge]).astype(np.float32)
    less, whole, more = (replace(disc(radius), dense=dense) for radius in (15, 30, 50))
    numbers = describe([less, whole, more], (400, 600), POINT)[:, 11:18]
    inside, ring, border, core = numbers[:, :4].T
    assert inside.tolist() == pytest.approx([1, 1, 0.36], abs=0.05)
    assert ring.tolist() == pytest.approx([1, 0, 0], abs=0.05)
    assert border.argmax() == 1
    assert core.argmax() == 2
    assert not describe([disc(30)], (400, 600), POINT)[:, 11:18].any()


def test_rate_when_a_candidate_changes_places_then_its_rating_moves_with_it() -> None:
    torch.manual_seed(0)
    rating = CandidateRating(FEATURES, 16).eval()
    pool = [disc(10), disc(30, 0.5, token=2), disc(60, 0.25, token=3)]
    ratings = rate(rating, describe(pool, (400, 600), POINT))
    turned = rate(rating, describe(pool[::-1], (400, 600), POINT))
    assert ratings.shape == (3, 3)
    assert 0 <= ratings.min() <= ratings.max() <= 1
    np.testing.assert_allclose(ratings, turned[::-1], atol=1e-6)


def test_candidate_rating_when_padded_then_as_without() -> None:
    torch.manual_seed(0)
    rating = CandidateRating(5, 8).eval()
    given = torch.randn(1, 3, 5)
    padded = torch.cat([given, torch.randn(1, 2, 5)], dim=1)
    known = torch.tensor([[1.0, 1, 1, 0, 0]])
    torch.testing.assert_close(rating(given), rating(padded, known)[:, :3])


def test_predict_when_candidates_are_rated_then_the_one_most_likely_meant_is_suggested() -> None:
    torch.manual_seed(0)
    sam = Sam(CELL_TINY).eval()
    rating = sam.candidate_rating
    assert rating is not None
    predictor = Predictor(LoadedModel("rated", sam, torch.device("cpu"), torch.float32, "0"))
    embedding = predictor.embed(np.random.default_rng(0).integers(0, 255, (200, 200), np.uint8))
    prompts = Prompts([(100, 100)], [1]).within((200, 200))
    (pool,) = pools(predictor.model, embedding, [prompts], [True])
    ratings = rate(rating, describe(pool, (200, 200), prompts))
    candidates = predictor.predict(embedding, prompts)
    meant = np.where(drawn_at(pool, prompts.positive)[:, 0], ratings[:, 1], -1).argmax()
    assert candidates.items[candidates.best].iou_prediction == pytest.approx(ratings[meant, 2], abs=1e-6)
