from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_sam.session.fingerprint import fingerprint, same_pixels

IMAGE = np.random.default_rng(0).integers(0, 60_000, (300, 400), np.uint16)


def test_a_fingerprint_when_pixels_dtype_or_shape_differ_then_differs() -> None:
    others = (IMAGE, IMAGE[::-1], IMAGE.astype(np.int32), IMAGE.T, IMAGE[None], np.zeros_like(IMAGE))
    assert len({fingerprint(each) for each in others}) == len(others)
    assert fingerprint(IMAGE) == fingerprint(IMAGE.copy()) == fingerprint(np.asfortranarray(IMAGE))


@pytest.mark.parametrize("shape", [(2048, 2048), (1024, 1024, 3)])
def test_a_fingerprint_when_a_few_columns_of_a_large_image_differ_then_differs(
    shape: tuple[int, ...],
) -> None:
    image = np.zeros(shape, np.uint8)
    other = image.copy()
    other[:, 501:504] = 1
    assert fingerprint(image) != fingerprint(other)


def test_a_memory_mapped_image_then_is_read_as_a_lazy_one(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGE)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert fingerprint(mapped) == fingerprint(da.from_array(IMAGE))
    other = IMAGE.copy()
    other[0, 0] += 1  # where a lazy one is not looked at
    assert same_pixels(fingerprint(IMAGE), fingerprint(mapped))
    assert same_pixels(fingerprint(mapped), fingerprint(other))
    for each in (other, IMAGE.astype(np.int32), IMAGE[None]):
        assert not same_pixels(fingerprint(IMAGE), fingerprint(each))


@pytest.mark.parametrize("shape", [(300, 400), (300, 400, 3), (2, 50, 300, 400), (7, 9), (1, 1), (0, 5)])
def test_a_lazy_image_then_has_one_that_holds_for_equal_pixels(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 255, shape, np.uint8)
    lazy = fingerprint(da.from_array(image, chunks=50))
    assert lazy == fingerprint(da.from_array(image.copy(), chunks=64))
    if image.size:
        assert lazy != fingerprint(da.from_array(image + np.uint8(1), chunks=50))


class Counted:
    """An image that counts how much of it is read."""

    def __init__(self, image: Any) -> None:
        self.image, self.shape, self.dtype, self.read = image, image.shape, image.dtype, 0

    def __getitem__(self, part: Any) -> Any:
        found = self.image[part]
        self.read += found.size
        return found


def test_a_large_lazy_image_then_is_read_in_three_small_squares_of_single_planes(tmp_path: Path) -> None:
    image = zarr.create_array(
        tmp_path / "a.zarr", shape=(900, 50_000, 50_000), chunks=(1, 512, 512), dtype="u1"
    )
    counted = Counted(image)
    before = fingerprint(counted)
    assert counted.read == 3 * 64 * 64
    image[450, 25_000, 25_000] = 1
    assert fingerprint(image) != before


def test_a_pyramid_then_is_told_by_its_coarsest_level() -> None:
    coarse = IMAGE[::4, ::4]
    assert fingerprint([Counted(IMAGE), coarse]).startswith("(300, 400) uint16")
    assert fingerprint([IMAGE, coarse]) != fingerprint([IMAGE, coarse + np.uint16(1)])


def test_a_lazy_stack_when_a_plane_cannot_be_read_then_is_told_by_the_others() -> None:
    def block(pixels: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info[None]["chunk-location"][0] == 2:
            raise OSError("the server is gone")
        return pixels

    found = []
    for first in (0, 0, 1):
        stack = da.from_array(np.stack([IMAGE] * 4) + np.uint16(first), chunks=(1, *IMAGE.shape))
        found.append(fingerprint(da.map_blocks(block, stack, dtype=np.uint16, meta=np.zeros((0, 0, 0)))))
    assert found[0] == found[1] != found[2]
