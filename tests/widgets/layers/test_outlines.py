from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from napari_sam.widgets.layers.outlines import DASHES, PIECES, VERTICES, dashes, outlines, runs, thinned


def disc(side: int, radius: float) -> np.ndarray:
    rows, cols = np.ogrid[:side, :side]
    return (rows - side / 2) ** 2 + (cols - side / 2) ** 2 <= radius**2


def filled(paths: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Fill outlines, holes left free, at eight times the resolution; then sample pixel centres."""
    grown = np.zeros((shape[0] * 8, shape[1] * 8), bool)
    for path in paths:
        picture = Image.new("1", (shape[1] * 8, shape[0] * 8))
        ImageDraw.Draw(picture).polygon([(8 * c + 4, 8 * r + 4) for r, c in path], fill=1)
        grown ^= np.asarray(picture)
    return grown[4::8, 4::8]


@pytest.mark.parametrize("radius", [3, 20, 140, 300])
def test_outlines_of_a_disc_when_filled_again_then_are_the_mask_with_few_vertices(radius: int) -> None:
    mask = disc(2 * radius + 8, radius)
    paths = outlines(mask, (0, 0))
    assert len(paths) == 1
    assert np.array_equal(paths[0][0], paths[0][-1])
    assert len(paths[0]) <= VERTICES + 1
    again = filled(paths, mask.shape)
    assert (again & mask).sum() / (again | mask).sum() > 0.97


def test_outlines_of_a_mask_at_an_origin_then_lie_there() -> None:
    (path,) = outlines(np.ones((4, 6), bool), (100, 200))
    assert path.min(axis=0).tolist() == [99.5, 199.5]
    assert path.max(axis=0).tolist() == [103.5, 205.5]


def test_outlines_of_a_ring_and_a_speck_then_are_three() -> None:
    mask = disc(60, 25) & ~disc(60, 12)
    mask[1:4, 1:4] = True
    paths = outlines(mask, (0, 0))
    assert len(paths) == 3
    again = filled(paths, mask.shape)
    assert (again & mask).sum() / (again | mask).sum() > 0.95


def test_outlines_of_a_ragged_mask_then_stay_few() -> None:
    ragged = np.random.default_rng(0).random((200, 200)) < 0.5
    assert sum(map(len, outlines(ragged, (0, 0)))) <= VERTICES + 2 * PIECES


@pytest.mark.parametrize("shape", [(0, 0), (3, 3)])
def test_outlines_of_an_empty_mask_then_are_none(shape: tuple[int, int]) -> None:
    assert outlines(np.zeros(shape, bool), (0, 0)) == []


def test_dashes_then_lie_on_the_outline_with_even_gaps() -> None:
    (path,) = outlines(disc(220, 100), (0, 0))
    (pieces,) = dashes([path], 10, 5)
    lengths = np.hypot(*(pieces[:, 1] - pieces[:, 0]).T)
    gaps = np.hypot(*(pieces[1:, 0] - pieces[:-1, 1]).T)
    assert np.allclose(lengths, 10, atol=0.5)
    assert np.allclose(gaps, 5, atol=0.5)
    assert np.allclose(np.hypot(*(pieces.reshape(-1, 2) - 110).T), 100, atol=1)
    assert len(dashes([path], 0.01, 0.01)[0]) == DASHES
    assert len(dashes([path], 1e4, 1e4)[0]) == 3


def test_without_gaps_then_the_outline_stays_whole() -> None:
    (path,) = outlines(disc(30, 10), (0, 0))
    (pieces,) = dashes([path], 1, 0)
    assert np.array_equal(pieces[:, 0], path[:-1])
    assert np.array_equal(pieces[:, 1], path[1:])


@pytest.mark.parametrize("off", [0, 3])
def test_dashes_of_several_outlines_then_are_those_of_each_and_none_between_them(off: int) -> None:
    paths = [path for at in (0, 1000) for path in outlines(disc(60, 25) & ~disc(60, 8), (at, at))]
    several = dashes(thinned(paths, 4.0), 5, off)
    for path, pieces in zip(paths, several, strict=True):
        (alone,) = dashes(thinned([path], 4.0), 5, off)
        assert np.allclose(pieces, alone)
    assert len(several) == 4
    assert dashes(thinned([], 4.0), 5, off) == []


@pytest.mark.parametrize("side", [40, 700])
def test_runs_of_a_mask_then_fill_it(side: int) -> None:
    mask = disc(side, side / 3) & ~disc(side, side / 9)
    lines, height = runs(mask, (5, 7))
    filled = np.zeros_like(mask)
    for (row, start), (_, end) in lines - (5, 7):
        top = round(row - (height - 1) / 2)
        filled[top : top + height, round(start + 0.5) : round(end + 0.5)] = True
    assert (filled & mask).sum() / (filled | mask).sum() > 0.98
    assert len(lines) <= 2 * 256
    assert (height == 1) == (side == 40)


def test_runs_of_an_empty_mask_then_are_none() -> None:
    assert runs(np.zeros((0, 0), bool), (0, 0))[0].shape == (0, 2, 2)


def test_an_outline_when_thinned_then_is_closed_and_its_corners_are_further_apart() -> None:
    (path,) = outlines(disc(81, 30), (0, 0))
    assert np.array_equal(thinned([path], 1e-6)[0], path)
    (fewer,) = thinned([path], 15.0)
    assert np.array_equal(fewer[0], fewer[-1])
    assert 8 <= len(fewer) <= len(path) / 3
    assert 5 <= len(thinned([path], 1e6)[0]) <= 6


def test_an_outline_when_tiny_then_keeps_its_corners() -> None:
    (path,) = outlines(np.ones((1, 1), bool), (0, 0))
    assert np.array_equal(thinned([path], 50.0)[0], path)
