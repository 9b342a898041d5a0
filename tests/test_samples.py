from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer

from napari_sam import samples


@pytest.mark.parametrize(("name", "shape"), [("fluorescence", (360, 360)), ("tissue", (256, 320, 3))])
def test_a_sample_when_loaded_then_is_a_picture_with_prompts_inside(
    name: samples.SampleName, shape: tuple[int, ...]
) -> None:
    sample = samples.load_sample(name)
    assert sample.image.shape == shape
    assert sample.image.dtype == np.uint8
    assert sample.image.std() > 5
    limits = np.array(shape[:2])
    for point in (*sample.points, sample.open_point):
        assert ((np.array(point) >= 0) & (np.array(point) < limits)).all()
    for top, left, bottom, right in sample.boxes:
        assert 0 <= top < bottom < shape[0]
        assert 0 <= left < right < shape[1]


@pytest.mark.parametrize("contribution", [samples.fluorescence, samples.tissue])
def test_sample_data_when_opened_then_napari_makes_an_image_layer(contribution: object) -> None:
    assert callable(contribution)
    ((data, settings, kind),) = contribution()
    layer = Layer.create(data, settings, kind)
    assert layer.data.shape[:2] == data.shape[:2]
    assert bool(layer.rgb) == (data.ndim == 3)
