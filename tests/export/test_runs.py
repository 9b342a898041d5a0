"""COCO's run lengths, against pycocotools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as rle

from napari_sam.errors import DataError
from napari_sam.export import Region, read_regions, write_regions
from napari_sam.export.runs import decoded, encoded
from napari_sam.masks import cropped


def lengths(full: np.ndarray) -> list[int]:
    """Return the run lengths of a mask that nobody has compressed."""
    flat = np.concatenate([[False], full.T.ravel()])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff([0, *changes, full.size]).tolist()


@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([0.02, 0.5, 0.97, 1.0]), st.integers(0, 99))
def test_a_mask_when_encoded_then_as_pycocotools_does_and_back(
    height: int, width: int, share: float, seed: int
) -> None:
    full = np.random.default_rng(seed).random((height, width)) < share
    full[seed % height, seed % width] = True
    region = cropped((0, 0), full)
    wanted = rle.encode(np.asfortranarray(full, np.uint8))["counts"]
    assert encoded(*region, height, width).encode() == wanted
    for counts in (wanted, wanted.decode(), lengths(full)):
        found = decoded(counts, height, width)
        assert found is not None
        assert found[0] == region[0]
        assert np.array_equal(found[1], region[1])


def test_objects_of_a_slide_when_written_and_read_then_nothing_of_the_slide_is_made(tmp_path: Path) -> None:
    mask = np.ones((3, 4), bool)
    mask[1, 1] = False
    places = [(0, 0), (65_532, 65_531), (7, 40_000)]
    regions = [Region(number, (), place, mask) for number, place in enumerate(places, 1)]
    write_regions(tmp_path / "slide.json", regions, (65_535, 65_535))
    read, shape = read_regions(tmp_path / "slide.json")
    assert ([each.origin for each in read], shape) == (places, (65_535, 65_535))
    assert all(np.array_equal(each.mask, mask) for each in read)


@pytest.mark.parametrize("counts", ["zzz", "P", "\x1f", "o" * 20 + "0", [4, -1, 2], [50, 60], "l3", [[1, 2]]])
def test_run_lengths_that_are_none_when_decoded_then_refused(counts: str | list[int]) -> None:
    with pytest.raises(ValueError, match="run lengths"):
        decoded(counts, 10, 10)


@pytest.mark.parametrize("counts", ["", [], [100], [5, 0, 95]])
def test_run_lengths_without_a_pixel_when_decoded_then_nothing(counts: str | list[int]) -> None:
    assert decoded(counts, 10, 10) is None


def test_an_image_of_more_pixels_than_coco_counts_then_one_sentence_says_what_to_use(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="use GeoJSON or OME-Zarr"):
        write_regions(tmp_path / "a.json", [Region(1, (), (0, 0), np.ones((2, 2), bool))], (70_000, 70_000))
