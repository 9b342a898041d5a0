from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.automatic import PropagateSettings, VolumeObject, correct, propagate
from napari_sam.automatic.regions import blend, region_iou, within
from napari_sam.errors import Cancelled, ImageError, PromptError
from napari_sam.masks import cropped
from napari_sam.predict import Embedding, Predictor, Prompts
from napari_sam.predict.drawn import deepest_point, drawn_prompt
from napari_sam.weights import load_model

SHAPE = (16, 112, 112)
# middle (z, y, x), half axes (z, y and x)
ELLIPSOIDS = (((7, 36, 36), (5, 16)), ((8, 78, 80), (6, 18)), ((7, 86, 28), (4, 12)))


@dataclass
class Stack:
    """A drawn stack, its truth, and embeddings that count how often they are asked for."""

    predictor: Predictor
    truth: NDArray[np.uint8]
    embeddings: list[Embedding]
    asked: list[int]

    def embedding_of(self, index: int) -> Embedding:
        self.asked.append(index)
        return self.embeddings[index]


def ellipsoids() -> NDArray[np.uint8]:
    z, y, x = np.ogrid[tuple(slice(n) for n in SHAPE)]
    truth = np.zeros(SHAPE, np.uint8)
    for label, (middle, (high, wide)) in enumerate(ELLIPSOIDS, 1):
        distance = ((z - middle[0]) / high) ** 2 + ((y - middle[1]) / wide) ** 2
        truth[distance + ((x - middle[2]) / wide) ** 2 <= 1] = label
    return truth


@pytest.fixture(scope="module")
def drawn() -> Stack:
    truth = ellipsoids()
    noise = np.random.default_rng(0).normal(20, 8, SHAPE)
    image = ndimage.gaussian_filter((truth > 0) * 100.0, (0, 1, 1)) + noise
    predictor = Predictor(load_model("cell-tiny", device="cpu", precision="float32"))
    embeddings = [predictor.embed(plane) for plane in np.clip(image, 0, 255).astype(np.uint8)]
    return Stack(predictor, truth, embeddings, [])


@pytest.fixture
def stack(drawn: Stack) -> Stack:
    drawn.asked.clear()
    return drawn


def point(row: float, col: float) -> Prompts:
    return Prompts(points=[(row, col)], point_labels=[1])


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("label", [1, 2, 3])
def test_propagate_when_one_plane_is_prompted_then_the_whole_ellipsoid_comes_out(
    stack: Stack, label: int
) -> None:
    (z, row, col), _ = ELLIPSOIDS[label - 1]
    calls: list[tuple[int, int]] = []
    found = propagate(
        stack.predictor,
        stack.embedding_of,
        {z: point(row, col)},
        SHAPE[0],
        progress=lambda done, total: calls.append((done, total)),
    )
    truth = stack.truth == label
    shown = np.flatnonzero((stack.truth == label).sum(axis=(1, 2)) > 20)
    assert found.shape == SHAPE
    assert iou(found.full_mask(), truth) > 0.85
    assert set(shown) <= set(found.planes)
    assert min(shown) - min(found.planes) <= 1
    assert max(found.planes) - max(shown) <= 1
    assert found.voxels == found.full_mask().sum()
    assert found.planes[z].source == "prompted"
    assert {each.source for i, each in found.planes.items() if i != z} == {"propagated"}
    assert len(stack.asked) == len(set(stack.asked)) <= len(found.planes) + 2
    assert calls[-1] == (SHAPE[0], SHAPE[0])


@pytest.mark.parametrize("shift", [0, 4])
def test_propagate_when_an_object_lies_askew_then_it_is_followed_sideways(stack: Stack, shift: int) -> None:
    y, x = np.ogrid[:104, :80]
    truth = np.stack([(y - 20 - shift * z) ** 2 + (x - 40) ** 2 <= 12**2 for z in range(14)])
    noise = np.random.default_rng(0).normal(20, 8, truth.shape)
    image = np.clip(ndimage.gaussian_filter(truth * 100.0, (0, 1, 1)) + noise, 0, 255).astype(np.uint8)
    found = propagate(
        stack.predictor, lambda z: stack.predictor.embed(image[z]), {0: point(20, 40)}, len(truth)
    )
    assert list(found.planes) == list(range(14))
    assert iou(found.full_mask(), truth) > 0.9


def test_propagate_when_two_planes_are_prompted_then_those_between_are_refined(stack: Stack) -> None:
    found = propagate(stack.predictor, stack.embedding_of, {4: point(36, 36), 10: point(36, 36)}, SHAPE[0])
    truth = stack.truth == 1
    sources = [found.planes[index].source for index in range(4, 11)]
    assert sources == ["prompted", *["interpolated"] * 5, "prompted"]
    ends = found.planes[4].region, found.planes[10].region
    drawn = sum(region_iou(blend(*ends, 0.5), cropped((0, 0), truth[z])) for z in (6, 7, 8)) / 3
    refined = sum(region_iou(found.planes[z].region, cropped((0, 0), truth[z])) for z in (6, 7, 8)) / 3
    assert refined > 0.85 > drawn
    assert iou(found.full_mask(), truth) > 0.85


def test_propagate_when_the_decoder_disagrees_between_planes_then_the_interpolation_stays(
    stack: Stack,
) -> None:
    found = propagate(
        stack.predictor,
        stack.embedding_of,
        {5: point(36, 36), 9: point(36, 36)},
        SHAPE[0],
        settings=PropagateSettings(overlap=1.0),
    )
    assert list(found.planes) == [5, 6, 7, 8, 9]
    for index in (6, 7, 8):
        region = blend(found.planes[5].region, found.planes[9].region, (index - 5) / 4)
        assert found.planes[index].origin == region[0]
        assert np.array_equal(found.planes[index].mask, region[1])


def test_propagate_when_a_mask_is_given_then_it_stands_and_both_sides_are_asked_from_it(stack: Stack) -> None:
    rows, cols = np.nonzero(stack.truth[7] == 1)
    inner = np.hypot(rows - 36, cols - 36) < 13  # smaller than what the decoder answers
    mask = np.zeros((25, 25), bool)
    mask[rows[inner] - 24, cols[inner] - 24] = True
    region = ((24, 24), mask)
    found = propagate(stack.predictor, stack.embedding_of, {7: point(36, 36)}, SHAPE[0], given={7: region})
    assert found.planes[7].region == region
    for index in (6, 8):
        assert found.planes[index].overlap == region_iou(found.planes[index].region, region)
    again = correct(stack.predictor, stack.embedding_of, found, 7, point(36, 36), given={7: region})
    assert again.planes[7].region == region


def test_correct_when_a_plane_is_corrected_then_only_planes_up_to_prompted_ones_change(stack: Stack) -> None:
    prompts = {4: point(78, 80), 8: point(78, 80), 12: point(78, 80)}
    before = propagate(stack.predictor, stack.embedding_of, prompts, SHAPE[0])
    stack.asked.clear()
    corrected = Prompts(box=(64, 64, 92, 92))
    after = correct(stack.predictor, stack.embedding_of, before, 6, corrected)
    assert sorted(stack.asked) == [5, 6, 7]
    assert list(after.prompts) == [4, 6, 8, 12]
    changed = {z for z in after.planes if after.planes[z] is not before.planes.get(z)}
    assert changed == {5, 6, 7}
    assert list(after.planes) == sorted(after.planes)
    assert before.planes[6].source == "interpolated"


def test_correct_when_the_outermost_plane_is_corrected_then_all_beyond_is_followed_anew(stack: Stack) -> None:
    before = propagate(stack.predictor, stack.embedding_of, {7: point(36, 36)}, SHAPE[0])
    stack.asked.clear()
    after = correct(stack.predictor, stack.embedding_of, before, 10, point(36, 36))
    assert min(stack.asked) == 8
    assert all(after.planes[z] is before.planes[z] for z in before.planes if z <= 7)
    assert [after.planes[z].source for z in (8, 9, 10)] == ["interpolated", "interpolated", "prompted"]
    assert iou(after.full_mask(), stack.truth == 1) > 0.85


def test_correct_when_the_only_prompted_plane_is_prompted_anew_then_as_if_it_were_the_first_time(
    stack: Stack,
) -> None:
    wrong = propagate(stack.predictor, stack.embedding_of, {7: point(36, 36)}, SHAPE[0])
    after = correct(stack.predictor, stack.embedding_of, wrong, 7, point(86, 28))
    anew = propagate(stack.predictor, stack.embedding_of, {7: point(86, 28)}, SHAPE[0])
    assert np.array_equal(after.full_mask(), anew.full_mask())


def test_propagate_when_prompts_are_bad_then_one_sentence_says_what_to_do(stack: Stack) -> None:
    def run(prompts: dict[int, Prompts]) -> VolumeObject:
        return propagate(stack.predictor, stack.embedding_of, prompts, SHAPE[0])

    with pytest.raises(PromptError, match="no plane 16; the stack has 16, from 0 to 15"):
        run({16: point(5, 5)})
    with pytest.raises(PromptError, match="point at the object"):
        run({})
    with pytest.raises(PromptError, match="outside the image"):
        run({3: point(500, 5)})
    whole = run({7: point(36, 36)})
    with pytest.raises(PromptError, match="no plane -1"):
        correct(stack.predictor, stack.embedding_of, whole, -1, point(36, 36))
    with pytest.raises(ImageError, match="0 to 1"):
        PropagateSettings(overlap=2)


def test_propagate_when_cancelled_on_the_way_then_stops(stack: Stack) -> None:
    with pytest.raises(Cancelled):
        propagate(
            stack.predictor,
            stack.embedding_of,
            {7: point(36, 36)},
            SHAPE[0],
            cancelled=lambda: len(stack.asked) == 3,
        )
    assert len(stack.asked) == 3


def disc(radius: float, row: float = 0.0, col: float = 0.0) -> tuple[tuple[int, int], NDArray[np.bool_]]:
    y, x = np.ogrid[:101, :101]
    return cropped((0, 0), (y - 50 - row) ** 2 + (x - 50 - col) ** 2 <= radius**2)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_blend_when_discs_move_and_grow_then_it_is_the_slice_of_the_cone_between_them(share: float) -> None:
    mixed = blend(disc(8, -20, -10), disc(20, 12, 18), share)
    exact = disc(8 + 12 * share, -20 + 32 * share, -10 + 28 * share)
    assert region_iou(mixed, exact) > 0.9


@pytest.mark.parametrize("share", [0.25, 1 / 3, 0.5])
def test_blend_when_both_are_the_same_then_it_stays_where_it_is(share: float) -> None:
    for start in range(20, 26):
        for shape in ((10, 10), (7, 4), (1, 1)):
            region = ((start, start + 1), np.ones(shape, bool))
            origin, mask = blend(region, region, share)
            assert origin == region[0]
            assert np.array_equal(mask, region[1])


def test_blend_when_a_square_moves_by_whole_pixels_then_it_lies_in_the_middle() -> None:
    for start in range(20, 26):
        one, other = (((start + by, start - by), np.ones((10, 10), bool)) for by in (0, 4))
        assert blend(one, other, 0.5)[0] == (start + 2, start - 2)


def test_blend_when_a_sphere_is_cut_every_third_plane_then_the_sphere_comes_back() -> None:
    def cut(z: int) -> tuple[tuple[int, int], NDArray[np.bool_]]:
        return disc(float(np.sqrt(20**2 - z**2)))

    overlaps = [
        region_iou(blend(cut(first), cut(last), (z - first) / 3), cut(z))
        for first, last in pairwise(range(-18, 19, 3))
        for z in (first + 1, first + 2)
    ]
    assert np.mean(overlaps) > 0.95
    assert min(overlaps) > 0.85


def test_regions_when_compared_cut_and_drawn_then_as_by_hand() -> None:
    square = ((2, 3), np.ones((4, 4), bool))
    assert region_iou(square, ((4, 3), np.ones((4, 4), bool))) == pytest.approx(8 / 24)
    assert region_iou(square, ((40, 3), np.ones((4, 4), bool))) == 0
    assert within(square, (4, 5))[1].shape == (2, 2)
    assert within(square, (2, 2))[1].size == 0
    assert within(((-3, -1), np.ones((4, 4), bool)), (9, 9))[1].shape == (1, 3)
    assert deepest_point(disc(9, 3, 4)) == (53, 54)
    prompt = drawn_prompt(disc(9, 3, 4))
    assert np.count_nonzero(prompt.logits > 0) == disc(9)[1].sum()
    middle = prompt.frame.to_data(np.argwhere(prompt.logits > 0).mean(axis=0)[None])
    assert tuple(middle[0]) == pytest.approx((53, 54))
