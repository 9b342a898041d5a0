"""Labels of planes that are too large to be drawn at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_sam.widgets.annotating.fitting import check_labels
from napari_sam.widgets.layers import pyramid
from napari_sam.widgets.layers.pyramid import LabelPyramid, PyramidLabels, labels_layer, new_pixels

HUGE = (50_000, 50_000)


def disc(row: int, col: int, radius: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns of a disc."""
    rows, cols = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    inside = np.hypot(rows, cols) <= radius
    return rows[inside] + row, cols[inside] + col


def coarser(pixels: np.ndarray) -> np.ndarray:
    """Return the highest of every four pixels."""
    padded = np.pad(pixels, [(0, side % 2) for side in pixels.shape])
    return padded.reshape(len(padded) // 2, 2, -1, 2).max(axis=(1, 3))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_every_level_after_any_writes_then_shows_the_finest_one(data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(40, 90), st.integers(40, 90)))
    top, pyramid.TOP = pyramid.TOP, 16
    try:
        labels = LabelPyramid(size)
    finally:
        pyramid.TOP = top
    expected = np.zeros(size, np.int32)
    for _ in range(4):
        place = [data.draw(st.integers(0, side - 1)) for side in size]
        extent = [data.draw(st.integers(1, side - start)) for start, side in zip(place, size, strict=True)]
        box = tuple(slice(a, a + n) for a, n in zip(place, extent, strict=True))
        value = data.draw(st.integers(0, 3))
        labels[box if data.draw(st.booleans()) else tuple(np.mgrid[box].reshape(2, -1))] = value
        expected[box] = value
    assert len(labels) >= 3
    assert np.array_equal(np.asarray(labels), expected)
    assert np.max(labels) == expected.max()
    for index in range(len(labels)):
        assert np.array_equal(labels[index][...], expected)
        expected = coarser(expected)


def test_a_huge_layer_then_is_written_undone_and_redone_where_it_is_touched() -> None:
    viewer = ViewerModel()
    layer = viewer.add_layer(labels_layer(new_pixels(HUGE), name="cells"))
    assert isinstance(layer, PyramidLabels)
    assert layer.data.shape == HUGE
    first, second = disc(40_000, 9_000), disc(40_000, 9_010)
    layer.data_setitem(first, 7)
    layer.data_setitem(second, 8)
    assert layer.data[40_000, 9_015] == 8
    assert np.max(layer.data) == 8
    written = [each for level in layer.data for each in [level.nchunks_initialized]]
    assert max(written) <= 2
    layer.undo()
    assert (np.asarray(layer.data[first]) == 7).all()
    assert layer.data[40_000, 9_015] == 0
    assert np.max(layer.data) == 7
    layer.redo()
    assert (np.asarray(layer.data[second]) == 8).all()
    layer.data_setitem(second, 8)  # changes nothing, so that it is no step of its own
    layer.undo()
    assert layer.data[40_000, 9_015] == 0


def test_planes_of_a_huge_stack_then_are_written_apart() -> None:
    labels = LabelPyramid((3, 9000, 10))
    planes, rows, cols = np.array([0, 2, 2]), np.array([5, 8000, 8001]), np.array([1, 2, 3])
    labels[planes, rows, cols] = np.array([4, 5, 6])
    assert np.asarray(labels[planes, rows, cols]).tolist() == [4, 5, 6]
    assert np.asarray(labels[1, 7990:8010, :]).max() == 0
    assert np.asarray(labels[-1][0]).max() == 4
    assert np.asarray(labels[-1][2]).max() == 6


def test_a_huge_layer_then_is_of_the_kind_that_napari_and_the_annotator_take() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(
        [np.zeros((9000, 9)), np.zeros((90, 9))], multiscale=True, contrast_limits=(0, 1)
    )
    layer = viewer.add_layer(labels_layer(new_pixels((9000, 9))))
    assert isinstance(layer, Labels)
    assert layer.as_layer_data_tuple()[2] == "labels"
    check_labels(image, layer)


def test_labels_that_can_be_drawn_at_once_then_are_a_plain_array() -> None:
    layer = labels_layer(new_pixels((2, 300, 400)), name="cells")
    assert type(layer) is Labels
    assert isinstance(layer.data, np.ndarray)
    assert layer.data.dtype == np.int32
