"""Pictures that are no TIFF."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from napari_sam.export import read_regions
from napari_sam.files.images import read_image, without_single_sides


def test_a_picture_when_it_has_more_pixels_than_pillow_trusts_then_it_is_read_and_others_still_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.fromarray(np.eye(30, dtype=np.uint8)).save(tmp_path / "slide.png")
    assert read_image(tmp_path / "slide.png").sum() == 30
    assert read_regions(tmp_path / "slide.png")[0][0].area == 30
    assert Image.MAX_IMAGE_PIXELS == 100


def test_without_single_sides_when_there_are_no_planes_then_there_still_are_none() -> None:
    assert without_single_sides(np.zeros((0, 1, 4, 5))).shape == (0, 4, 5)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_a_png_when_its_colours_have_16_bits_then_they_are_kept_and_alpha_is_left_out(
    channels: int, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, (20, 30, channels)).astype(np.uint16)
    (tmp_path / "cells.png").write_bytes(imagecodecs.png_encode(pixels))
    np.testing.assert_array_equal(
        read_image(tmp_path / "cells.png"), pixels[..., 0] if channels == 2 else pixels[..., :3]
    )
