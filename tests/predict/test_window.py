"""Windows of planes that are too large, or too lazy, to be read whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_sam.errors import ImageError, PromptError
from napari_sam.predict import Candidate, Candidates, Frame, PlaneWindow, Predictor, Prompts, window_around
from napari_sam.predict.window import read_part
from napari_sam.weights import LoadedModel, load_model

SIDE, CHUNK = 8192, 512


def cells(rows: slice, cols: slice) -> np.ndarray:
    """Return part of an endless plane: a bright disc every 48 pixels, each of its own size, on noise."""
    row, col = np.mgrid[rows, cols]
    size = 9 + 5 * np.sin(row // 48 * 1.7 + col // 48 * 2.3)
    far = np.hypot(row % 48 - 24, col % 48 - 24)
    return (np.clip(size - far, 0, 3) * 50 + (row * 7 + col * 13) % 11).astype(np.uint8)


@pytest.fixture
def read() -> list[tuple[int, int]]:
    return []


@pytest.fixture
def lazy(read: list[tuple[int, int]]) -> da.Array:
    """Return a plane of 8192 x 8192 pixels that notes which of its chunks were made."""

    def block(block_info: Any = None) -> np.ndarray:
        place = block_info[None]["chunk-location"]
        read.append(place)
        return cells(*(slice(start * CHUNK, (start + 1) * CHUNK) for start in place))

    chunks = ((CHUNK,) * (SIDE // CHUNK),) * 2
    return da.map_blocks(block, chunks=chunks, dtype=np.uint8, meta=np.zeros((0, 0), np.uint8))


@pytest.fixture(scope="module")
def tiny() -> Predictor:
    return Predictor(load_model("cell-tiny", device="cpu", precision="float32"))


def iou(one: np.ndarray, other: np.ndarray) -> float:
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def in_crop(candidates: Candidates, index: int, window: PlaneWindow) -> np.ndarray:
    """Return a mask as an image of the window."""
    item = candidates.items[index]
    out = np.zeros(window.shape, bool)
    row, col = np.subtract(item.origin, window.origin)
    out[row : row + item.mask.shape[0], col : col + item.mask.shape[1]] = item.mask
    return out


def test_a_click_in_a_lazy_plane_then_reads_its_window_only_and_gives_the_mask_of_the_crop(
    lazy: da.Array, read: list[tuple[int, int]], tiny: Predictor
) -> None:
    click = np.array([[5064.0, 3096.0]])  # the middle of a disc
    window = window_around((SIDE, SIDE), click, 512)
    answer = tiny.predict(tiny.embed(lazy, window=window), Prompts(click, [1]))
    rows, cols = window.index
    touched = {(row, col) for row in range(rows.start // CHUNK, -(-rows.stop // CHUNK))
               for col in range(cols.start // CHUNK, -(-cols.stop // CHUNK))}  # fmt: skip
    assert sorted(read) == sorted(touched)
    assert len(touched) <= 4
    assert answer.shape == (SIDE, SIDE)
    crop = tiny.predict(tiny.embed(cells(*window.index)), Prompts(click - window.origin, [1]))
    assert answer.best == crop.best
    for index in range(len(crop)):
        assert iou(in_crop(answer, index, window), crop.items[index].full_mask(window.shape)) >= 0.98
    found = answer.items[answer.best]
    middle = np.array(ndimage.center_of_mass(found.mask)) + found.origin
    np.testing.assert_allclose(middle, click[0], atol=3)


def test_points_after_a_mask_then_refine_it_as_in_the_crop(tiny: Predictor) -> None:
    plane = (SIDE, SIDE)
    prompts = Prompts([(5064, 3096), (5066, 3098), (5100, 3140), (9, 9)], [1, 1, 0, 0])
    window = window_around(plane, prompts.inside, 512)
    crop = cells(*window.index)
    lazy = np.broadcast_to(np.zeros(1, np.uint8), plane).copy()
    lazy[window.index] = crop
    answer = tiny.predict_sequence(tiny.embed(lazy, window=window), prompts)
    near = Prompts(prompts.positions[:3] - window.origin, [1, 1, 0])
    expected = tiny.predict_sequence(tiny.embed(crop), near)
    # one of some 50 pixels may differ: how many points there are has a say in the comparison
    assert iou(in_crop(answer, 0, window), expected.items[0].full_mask(window.shape)) >= 0.95


def test_channels_first_then_the_window_is_cut_from_rows_and_columns(discs: LoadedModel) -> None:
    image = np.random.default_rng(0).integers(0, 255, (3, 90, 80), np.uint8)
    window = PlaneWindow((20, 10), (50, 60), (90, 80))
    predictor = Predictor(discs)
    part = predictor.embed(image, channel_axis=0, window=window)
    crop = predictor.embed(image[:, 20:70, 10:70], channel_axis=0)
    assert part.shape == crop.shape == (50, 60)
    assert part.normalization == replace(crop.normalization, window=(20, 10, 50, 60))
    assert np.array_equal(part.levels[0].features.embedding, crop.levels[0].features.embedding)


@pytest.mark.parametrize(
    "window", [PlaneWindow((60, 10), (50, 60), (90, 80)), PlaneWindow((-9, 0), (50, 60), (90, 80))]
)
def test_a_window_that_does_not_lie_in_the_image_then_is_refused(window: PlaneWindow) -> None:
    with pytest.raises(ImageError, match=r"of \(50, 60\) from .* does not lie in the image of shape"):
        read_part(np.zeros((90, 80)), window)


@settings(max_examples=60, deadline=None)
@given(st.integers(300, 40_000), st.integers(300, 40_000), st.integers(0, 900), st.data())
def test_a_window_around_positions_then_holds_them_inside_the_plane(
    rows: int, cols: int, reach: int, data: st.DataObject
) -> None:
    plane = (rows, cols)
    first = np.array([data.draw(st.floats(-0.5, n - 0.5)) for n in plane])
    held = np.clip(np.stack([first, first + reach]), -0.5, np.array(plane) - 0.5)
    window = window_around(plane, held)
    assert window.holds(held)
    assert all(
        a >= 0 and a + n <= whole for a, n, whole in zip(window.origin, window.shape, plane, strict=True)
    )
    assert max(window.shape) <= 2048


def test_neighbouring_clicks_then_have_one_window_in_common() -> None:
    clicks = np.random.default_rng(0).uniform(20_100, 20_180, (40, 1, 2))
    assert len({window_around((50_000, 50_000), click) for click in clicks}) == 1


def test_neighbours_then_hold_all_that_lies_just_beyond_the_window() -> None:
    plane = (50_000, 3000)
    window = window_around(plane, np.array([[25_000.0, 1500.0]]))
    every = (window, *window.neighbours)
    assert len(set(every)) == 5
    (top, bottom), (left, right) = ((each.start, each.stop) for each in window.index)
    beyond = [(top - 20, 1500), (bottom + 20, 1500), (25_000, left - 20), (25_000, right + 20)]
    border = [(top + 20, 1500), (bottom - 20, 1500), (25_000, left + 20), (25_000, right - 20)]
    for position in beyond + border:
        assert any(each.holds(np.array([position])) for each in every)
    corner = window_around(plane, [(5, 5)])
    assert [each.origin for each in corner.neighbours] == [(0, 768), (768, 0)]
    assert window_around((900, 900), np.array([[5.0, 5.0]])).neighbours == ()


def test_a_mask_that_reaches_the_windows_border_then_is_cut_unless_the_plane_ends_there() -> None:
    window = PlaneWindow((0, 500), (100, 100), (400, 600))

    def item(row: int, col: int) -> Candidate:
        return Candidate((row, col), np.ones((10, 10), bool), 1.0, np.zeros((1, 1)), Frame(0, 0, 1, 1))

    places = [(0, 550), (90, 550), (40, 500), (40, 590), (40, 550)]
    assert [window.cuts(item(*place)) for place in places] == [False, True, True, False, False]


def test_prompts_too_far_apart_then_one_sentence_says_so() -> None:
    with pytest.raises(PromptError, match="reach over 3000 pixels"):
        window_around((50_000, 50_000), np.array([[0, 0], [3000, 10.0]]))


def test_a_window_around_no_positions_or_in_no_plane_then_one_sentence_says_so() -> None:
    for held in ([31_000.0, 20_500.0], np.zeros((0, 2)), [(np.nan, 3.0)], [(0, 1, 2)]):
        with pytest.raises(PromptError, match=r"around \(row, col\) pairs; give at least one"):
            window_around((50_000, 50_000), held)
    with pytest.raises(ImageError, match=r"\(Y, X\), and not in \(50000, 50000, 3\)"):  # a slide's shape
        window_around((50_000, 50_000, 3), [(5, 5)])  # type: ignore[arg-type]


def test_prompts_outside_the_window_then_are_told_from_those_outside_the_image(discs: LoadedModel) -> None:
    predictor = Predictor(discs)
    window = PlaneWindow((20, 10), (50, 60), (90, 80))
    embedded = predictor.embed(np.zeros((90, 80), np.uint8), window=window)
    with pytest.raises(PromptError, match="embed the window around it"):
        predictor.predict(embedded, Prompts([(5, 5)], [1]))
    with pytest.raises(PromptError, match="outside the image of 90 x 80 pixels"):
        predictor.predict(embedded, Prompts([(95, 5)], [1]))


def test_a_box_and_a_mask_in_a_window_then_come_back_to_their_place(discs: LoadedModel) -> None:
    predictor = Predictor(discs)
    window = PlaneWindow((256, 512), (512, 512), (2000, 2000))
    embedded = predictor.embed(np.zeros((2000, 2000), np.uint8), window=window)
    answer = predictor.predict(embedded, Prompts(box=(500, 700, 520, 720)))
    item = answer.items[answer.best]
    np.testing.assert_allclose(np.argwhere(item.mask).mean(axis=0) + item.origin, (510, 710), atol=1)
    mask = answer.mask_prompt(answer.best)
    again = predictor.predict(embedded, Prompts([(510, 710)], [1], mask=mask))
    np.testing.assert_array_equal(discs.sam.seen.masks[0, 0], mask.logits)
    assert again.items[0].frame == mask.frame
