"""Images and labels of a batch in a viewer without a window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from PIL import Image

from napari_sam.widgets.batch.opening import read, show
from napari_sam.widgets.layers.image_file import beside


@pytest.mark.parametrize("count", [2, 3])
def test_an_image_whose_file_names_its_channels_then_is_shown_in_a_layer_each(
    count: int, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 4000, (count, 40, 50)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "image.ome.tif", pixels, metadata={"axes": "CYX"})
    tifffile.imwrite(tmp_path / "labels.tif", np.ones((40, 50), np.uint16))
    viewer = ViewerModel()
    show(viewer, read(tmp_path / "image.ome.tif", tmp_path / "labels.tif", None))
    *images, labels = viewer.layers
    assert [layer.data.shape for layer in images] == [(40, 50)] * count
    assert np.array_equal(np.asarray(images[1].data), pixels[1])
    assert labels.data.shape == (40, 50)


def test_a_colour_picture_then_is_one_layer(tmp_path: Path) -> None:
    np.save(tmp_path / "image.npy", np.zeros((40, 50, 3), np.uint8))
    tifffile.imwrite(tmp_path / "labels.tif", np.ones((40, 50), np.uint16))
    viewer = ViewerModel()
    show(viewer, read(tmp_path / "image.npy", tmp_path / "labels.tif", None))
    assert [layer.rgb for layer in viewer.layers[:1]] == [True]
    assert len(viewer.layers) == 2


def test_a_film_of_a_batch_when_its_first_image_is_shown_then_the_others_are_told_of(tmp_path: Path) -> None:
    frames = [Image.new("L", (50, 40), grey) for grey in (0, 90, 200)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    tifffile.imwrite(tmp_path / "labels.tif", np.zeros((40, 50), np.uint16))
    viewer = ViewerModel()
    show(viewer, read(tmp_path / "film.gif", tmp_path / "labels.tif", None))
    assert viewer.layers[0].data.shape[:2] == (40, 50)
    assert beside(viewer.layers[0]).startswith("film.gif has 3 images, and only the first is taken;")
