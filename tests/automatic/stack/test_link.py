from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.automatic.stack.link import (
    LinkSettings,
    label_planes,
    link_planes,
    normalized,
    stack_normalization,
)
from napari_sam.errors import Cancelled, ImageError
from napari_sam.predict import Predictor
from napari_sam.weights import LoadedModel, load_model

SHAPE = (12, 120, 120)
# middle (z, y, x), half axes (z, y and x); the second lies above the first, the fourth touches the third
ELLIPSOIDS = (
    ((2, 30, 30), (2.5, 15)), ((9, 36, 30), (2.5, 15)), ((5, 84, 36), (4.5, 16)), ((6, 84, 70), (4.5, 16)),
    ((5, 32, 88), (4.5, 18)),
)  # fmt: skip


def ellipsoids() -> NDArray[np.int32]:
    z, y, x = np.ogrid[tuple(slice(n) for n in SHAPE)]
    truth = np.zeros(SHAPE, np.int32)
    for label, (middle, (high, wide)) in enumerate(ELLIPSOIDS, 1):
        distance = ((z - middle[0]) / high) ** 2 + ((y - middle[1]) / wide) ** 2
        truth[distance + ((x - middle[2]) / wide) ** 2 <= 1] = label
    return truth


def shuffled(stack: NDArray[np.int32], seed: int = 0) -> NDArray[np.int32]:
    """Number the labels of each plane anew, as they come from planes labelled one by one."""
    rng = np.random.default_rng(seed)
    out = np.zeros_like(stack)
    for plane, target in zip(stack, out, strict=True):
        labels = [label for label in np.unique(plane) if label]
        for new, old in zip(rng.permutation(len(labels)) + 1, labels, strict=True):
            target[plane == old] = new
    return out


def best_ious(truth: NDArray[np.int32], found: NDArray[np.int32]) -> list[float]:
    """Return, of each true object, the IoU of the found object that covers most of it."""
    ious = []
    for label in range(1, truth.max() + 1):
        mine = truth == label
        covering = np.bincount(found[mine], minlength=2)
        other = found == covering[1:].argmax() + 1
        ious.append(float((mine & other).sum() / (mine | other).sum()))
    return ious


def test_link_planes_when_the_true_planes_are_numbered_anew_then_the_volume_comes_back_exactly() -> None:
    truth = ellipsoids()
    linked = link_planes(shuffled(truth), LinkSettings(planes=1))
    assert linked.dtype == np.int32
    assert linked.max() == len(ELLIPSOIDS)
    assert best_ious(truth, linked) == [1.0] * len(ELLIPSOIDS)
    first_planes = [int(np.flatnonzero((linked == n).any(axis=(1, 2)))[0]) for n in range(1, 6)]
    assert first_planes == sorted(first_planes)


def test_link_planes_when_an_object_is_missing_in_a_plane_then_it_is_filled_in() -> None:
    truth = ellipsoids()
    holed = shuffled(truth)
    holed[5][truth[5] == 3] = 0
    linked = link_planes(holed)
    assert linked.max() == len(ELLIPSOIDS)
    number = np.bincount(linked[truth == 3]).argmax()
    mine, other = truth[5] == 3, linked[5] == number
    assert (mine & other).sum() / (mine | other).sum() > 0.9
    assert link_planes(holed, LinkSettings(gap=0)).max() == len(ELLIPSOIDS) + 1


def test_link_planes_when_the_hole_lies_over_another_object_then_what_was_seen_stays() -> None:
    stack = np.zeros((3, 20, 20), np.int32)
    stack[0, 4:12, 4:12] = stack[2, 4:12, 4:12] = 1
    stack[1, 8:16, 8:16] = 7
    linked = link_planes(stack, LinkSettings(overlap=0.2, planes=1))
    assert np.array_equal(np.unique(linked[1]), [0, 1, 2])
    assert np.array_equal(linked[1] == 2, stack[1] == 7)


def test_link_planes_when_an_object_hides_another_in_a_plane_then_the_hidden_one_goes_on_behind_it() -> None:
    stack = np.zeros((4, 12, 80), np.int32)
    stack[[0, 2, 3], 2:10, 2:12] = 1
    stack[1:, 2:10, 14:70] = 4
    stack[1, 2:10, 2:70] = 4
    linked = link_planes(stack)
    assert [int(plane[5, 5]) for plane in linked] == [1, 2, 1, 1]
    assert [int(plane[5, 30]) for plane in linked] == [0, 2, 2, 2]


def test_link_planes_when_one_mask_overlaps_two_then_the_better_one_takes_it() -> None:
    stack = np.zeros((2, 10, 40), np.int32)
    stack[0, :, :20], stack[0, :, 20:] = 1, 2
    stack[1, :, 4:24], stack[1, :, 24:] = 5, 3
    linked = link_planes(stack)
    assert (linked[0, 0, 0], linked[1, 0, 5]) == (1, 1)
    assert (linked[0, 0, 30], linked[1, 0, 30]) == (2, 2)


def test_link_planes_when_there_are_fragments_then_they_are_left_out() -> None:
    stack = shuffled(ellipsoids())
    stack[4, 112:118, 4:10] = 60
    assert link_planes(stack).max() == len(ELLIPSOIDS)
    assert link_planes(stack, LinkSettings(planes=1)).max() == len(ELLIPSOIDS) + 1
    assert link_planes(stack, LinkSettings(planes=1, voxels=40)).max() == len(ELLIPSOIDS)
    assert link_planes(stack[:1]).max() == 1
    assert not link_planes(np.zeros((3, 5, 5), np.uint8)).any()


def test_link_planes_when_both_neighbours_are_the_same_then_the_hole_is_filled_right_there() -> None:
    stack = np.zeros((3, 40, 40), np.int32)
    stack[[0, 2], 21:31, 22:31] = 1
    assert np.array_equal(link_planes(stack)[1], stack[0])


@pytest.mark.parametrize("kind", [np.int16, np.uint64, np.int64])
def test_link_planes_when_pixels_are_marked_negative_or_numbers_are_wide_then_linked_as_plain_ones(
    kind: type[np.integer],
) -> None:
    truth = ellipsoids()
    stack = shuffled(truth).astype(kind)
    if np.dtype(kind).kind == "i":
        stack[:, 110:, 110:] = -1
    assert np.array_equal(link_planes(stack), link_planes(shuffled(truth)))


def test_link_planes_when_numbers_are_huge_then_linked_as_small_ones() -> None:
    plain = shuffled(ellipsoids())
    huge = np.where(plain, plain.astype(np.uint64) + np.uint64(2**63), np.uint64(0))
    assert np.array_equal(link_planes(huge), link_planes(plain))


def test_label_planes_when_there_are_none_or_of_several_shapes_then_says_so(tiny: LoadedModel) -> None:
    with pytest.raises(ImageError, match="no planes"):
        label_planes(Predictor(tiny), [])
    with pytest.raises(ImageError, match=r"shapes \(9, 9\) and \(9, 8\)"):
        label_planes(Predictor(tiny), [np.zeros((9, 9)), np.zeros((9, 8))])
    with pytest.raises(ImageError, match="Plane 1 cannot be read"):
        stack_normalization([np.zeros((9, 9)), [[1, 2], [3]]])
    with pytest.raises(ImageError, match="different channels"):
        stack_normalization([np.zeros((9, 9)), np.zeros((9, 9, 3))])


def test_link_planes_when_given_something_else_then_says_so() -> None:
    with pytest.raises(ImageError, match="no planes"):
        link_planes([])
    with pytest.raises(ImageError, match="one shape"):
        link_planes([np.zeros((3, 3), int), np.zeros((3, 4), int)])
    with pytest.raises(ImageError, match="float64"):
        link_planes(np.zeros((2, 3, 3)))
    with pytest.raises(ImageError, match="above 0"):
        LinkSettings(overlap=0)
    with pytest.raises(ImageError, match="0 or more"):
        LinkSettings(gap=-1)


@pytest.fixture(scope="module")
def tiny() -> LoadedModel:
    return load_model("cell-tiny", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def image() -> NDArray[np.uint16]:
    """Draw the ellipsoids brightest in their middles, blurred and noisy."""
    z, y, x = np.ogrid[tuple(slice(n) for n in SHAPE)]
    light = np.zeros(SHAPE)
    for middle, (high, wide) in ELLIPSOIDS:
        distance = ((z - middle[0]) / high) ** 2 + ((y - middle[1]) / wide) ** 2
        distance = distance + ((x - middle[2]) / wide) ** 2
        light = np.maximum(light, np.where(distance <= 1, 1 - distance / 2, 0))
    noise = np.random.default_rng(0).normal(200, 30, SHAPE)
    return np.clip(ndimage.gaussian_filter(light, (0, 1, 1)) * 1000 + noise, 0, None).astype(np.uint16)


def test_planes_when_labelled_and_linked_then_every_ellipsoid_is_one_object(
    tiny: LoadedModel, image: NDArray[np.uint16]
) -> None:
    calls: list[tuple[int, int]] = []
    lazy = zarr.array(image)
    planes = label_planes(
        Predictor(tiny),
        lazy,
        normalization=stack_normalization(lazy),
        progress=lambda done, total: calls.append((done, total)),
    )
    linked = link_planes(zarr.array(planes))
    assert calls == [(index, SHAPE[0]) for index in range(1, SHAPE[0] + 1)]
    assert linked.max() == len(ELLIPSOIDS)
    assert min(best_ious(ellipsoids(), linked)) > 0.8


def test_label_planes_when_one_shows_next_to_nothing_then_its_noise_is_not_taken_for_objects(
    tiny: LoadedModel, fading: NDArray[np.uint16]
) -> None:
    full, faint = label_planes(Predictor(tiny), fading, normalization=stack_normalization(fading))
    assert full.max() == 25
    assert faint[25, 25] > 0 < faint[25, 75]
    assert faint.max() < 8  # it was 14, held against its own surest alone


def test_label_planes_when_cancelled_then_stops_before_the_next_plane(
    tiny: LoadedModel, image: NDArray[np.uint16]
) -> None:
    seen: list[int] = []
    with pytest.raises(Cancelled):
        label_planes(
            Predictor(tiny),
            image,
            progress=lambda done, _: seen.append(done),
            cancelled=lambda: len(seen) == 1,
        )
    assert seen == [1]


def test_stack_normalization_when_planes_fade_then_they_keep_their_order() -> None:
    ramp = np.arange(1, 5)[:, None, None] * np.random.default_rng(0).uniform(500, 1000, (4, 30, 30))
    record = stack_normalization(ramp)
    means = [float(normalized(plane, record).mean()) for plane in ramp]
    assert all(one < other for one, other in pairwise(means))
    whole = np.stack([normalized(plane, record) for plane in ramp])
    assert whole.shape == (4, 30, 30, 3)
    assert (whole.min(), whole.max()) == (0, 255)
