from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_sam.errors import ImageError
from napari_sam.predict.window import PlaneWindow, whole_plane
from napari_sam.session.channels import Channel, Mix
from napari_sam.widgets.layers.mixed import Mixed
from napari_sam.widgets.layers.planes import (
    alignment,
    image_shape,
    layers_of,
    plane_under_sliders,
    read_window,
)

STACK = np.arange(2 * 3 * 4 * 6 * 7).reshape(2, 3, 4, 6, 7).astype(np.uint16)
WHOLE = whole_plane((6, 7))


def two(axis: int | None, *sources: Any) -> Mix:
    return Mix(tuple(Channel(each) for each in sources), axis)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("options", [{}, {"scale": (2, 3, 4, 0.5, 0.5), "translate": (1, 2, 3, 4, 5)}])
def test_labels_of_a_mixed_axis_then_are_seen_over_every_channel_and_move_with_the_others(
    axis: int, options: dict[str, Any]
) -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(STACK, **options)
    mixed = Mixed(layer, two(axis, 0, 1))
    shape = image_shape(mixed)
    data = np.random.default_rng(0).integers(1, 255, shape)
    labels = viewer.add_labels(data, **alignment(mixed, viewer.dims))
    assert viewer.dims.nsteps == STACK.shape
    for step in np.ndindex(STACK.shape[:3]):
        viewer.dims.set_current_step((0, 1, 2), step)
        plane = plane_under_sliders(mixed, viewer.dims)
        others = tuple(0 if i == axis else s for i, s in enumerate(step))
        assert plane == (others[1:] if axis == 0 else others)
        assert np.array_equal(labels._slice.image.raw, data[plane])  # what napari draws
        seen = [STACK[(*step[:axis], channel, *step[axis + 1 :])] for channel in (0, 1)]
        assert np.array_equal(read_window(mixed, plane, WHOLE), np.stack(seen, axis=-1))


@pytest.mark.parametrize("axis", [0, 1])
def test_points_over_a_mixed_image_that_is_turned_then_lie_where_clicks_were(axis: int) -> None:
    viewer = ViewerModel()
    affine = np.eye(5)
    affine[2:4, 2:4] = [[1.5, 0.2], [0.1, 2]]
    layer = viewer.add_image(
        STACK[0], scale=(3, 2, 0.5, 0.5), translate=(1, 2, 3, 4), shear=[0, 0, 0, 0, 0, 0.3],
        rotate=np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0.8, -0.6], [0, 0, 0.6, 0.8]]), affine=affine,
        units="um",
    )  # fmt: skip
    mixed = Mixed(layer, two(axis, 2, 0))
    points = viewer.add_points(ndim=mixed.ndim, **alignment(mixed, viewer.dims))
    spot = np.array((2.0, 1.0, 3.5, 4.25))
    world = layer.data_to_world(spot)
    found = points.world_to_data(world[-points.ndim :])
    assert np.allclose(np.delete(found, [] if axis == 0 else [axis]), np.delete(spot, axis))
    assert np.allclose(mixed.world_to_data(world[-points.ndim :])[-2:], spot[-2:])


def test_layers_that_lie_over_each_other_when_mixed_then_are_read_together() -> None:
    first, second = Image(STACK[0, 0]), Image(STACK[0, 1] / 7)
    mixed = Mixed(first, two(None, "a", "b"), (second,))
    window = PlaneWindow((2, 1), (3, 4), (6, 7))
    pixels = read_window(mixed, (1,), window)
    assert np.array_equal(pixels[..., 0], STACK[0, 0, 1, 2:5, 1:5])
    assert np.array_equal(pixels[..., 1], STACK[0, 1, 1, 2:5, 1:5] / 7)
    assert layers_of(mixed) == (first, second)
    assert image_shape(mixed) == (4, 6, 7)


@pytest.mark.parametrize(
    "other",
    [
        Image(STACK[0, 0], scale=(1, 2, 2)), Image(STACK[0, 0, :, :-1]), Image(STACK[0, 0], units="um"),
        Image(np.zeros((4, 6, 7, 3), np.uint8), rgb=True),
    ],
)  # fmt: skip
def test_layers_that_do_not_lie_over_each_other_when_mixed_then_one_sentence_says_so(other: Image) -> None:
    with pytest.raises(ImageError, match="lie over each other"):
        Mixed(Image(STACK[0, 0]), two(None, "a", "b"), (other,))


def test_channels_of_a_lazy_image_when_read_then_no_others_are_computed() -> None:
    computed = []

    def block(block_info: Any = None) -> np.ndarray:
        computed.append(block_info[None]["chunk-location"][:2])
        return np.zeros((1, 1, 6, 7), np.uint16)

    chunks = ((1,) * 9, (1,) * 4, (6,), (7,))
    lazy = da.map_blocks(block, chunks=chunks, dtype=np.uint16, meta=np.zeros((0, 0, 0, 0)))
    mixed = Mixed(Image(lazy, contrast_limits=(0, 5)), two(0, 7, 2))
    computed.clear()
    assert read_window(mixed, (3,), WHOLE).shape == (6, 7, 2)
    assert sorted(computed) == [(2, 3), (7, 3)]
