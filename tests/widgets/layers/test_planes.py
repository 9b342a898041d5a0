from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_sam.errors import ImageError
from napari_sam.predict.window import PlaneWindow, whole_plane
from napari_sam.widgets.layers.planes import (
    alignment,
    askew,
    camera_of,
    image_shape,
    plane_under_sliders,
    read_window,
    seen,
)

STACK = np.arange(2 * 5 * 6 * 7).reshape(2, 5, 6, 7).astype(np.uint16)
WHOLE = whole_plane((6, 7))

units_are_the_viewers = pytest.mark.skipif(
    not hasattr(ViewerModel().dims, "units"), reason="a younger napari brings units together"
)


@pytest.mark.parametrize("scale", [(1, 1, 1, 1), (3, 0.5, 0.1, 0.1)])
def test_the_plane_when_sliders_move_then_is_the_one_that_napari_shows(scale: tuple[float, ...]) -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(STACK, scale=scale, translate=(10, 20, 0, 0))
    for step in ((0, 0), (1, 4), (0, 2)):
        viewer.dims.set_current_step((0, 1), step)
        plane = plane_under_sliders(layer, viewer.dims)
        assert plane == step
        assert np.array_equal(read_window(layer, plane, WHOLE), STACK[step])


def test_the_plane_of_a_2d_image_over_a_stack_then_is_the_image() -> None:
    viewer = ViewerModel()
    viewer.add_image(STACK)
    layer = viewer.add_image(STACK[0, 0])
    assert plane_under_sliders(layer, viewer.dims) == ()


def test_the_plane_of_a_short_stack_beside_a_long_one_then_is_none_where_only_the_long_one_is_seen() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((20, 6, 7)))
    layer = viewer.add_image(STACK[0], translate=(0.5, 0, 0))  # as far between two planes as can be
    for step in (0, 4):
        viewer.dims.set_current_step(0, step)
        assert plane_under_sliders(layer, viewer.dims) == (step,)
    viewer.dims.set_current_step(0, 6)
    with pytest.raises(ImageError, match="no plane where the sliders are; move them back"):
        plane_under_sliders(layer, viewer.dims)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
@pytest.mark.parametrize(
    ("options", "beside"),
    [
        ({"rotate": (0, 0, 30), "scale": (3, 1, 1)}, False),
        ({"shear": (0, 0, 0.4)}, False),
        ({"affine": [(1, 0, 0, 0), (0.2, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]}, False),
        ({"affine": [(1, 0, 0, 0), (0.4, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]}, True),
        ({"affine": [(1, 0.5, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]}, True),
    ],
)
def test_clicks_when_a_stack_is_sheared_out_of_its_planes_then_lie_beside_the_pointer(
    options: dict[str, Any], beside: bool
) -> None:
    assert askew(Image(STACK[0], **options), STACK[0].shape) == beside


@units_are_the_viewers
def test_the_plane_when_layers_have_other_units_then_is_still_the_one_that_napari_shows() -> None:
    viewer = ViewerModel()
    micro = viewer.add_image(STACK[0], scale=(2, 1, 1), units="um")
    nano = viewer.add_image(STACK[0], scale=(2000, 1000, 1000), units="nm", rotate=(0, 0, 20))
    viewer.dims.set_current_step(0, 3)
    assert plane_under_sliders(micro, viewer.dims) == plane_under_sliders(nano, viewer.dims) == (3,)


@pytest.mark.parametrize("change", [{"ndisplay": 3}, {"order": (1, 0, 2, 3)[::-1]}])
def test_the_plane_when_not_seen_along_its_last_axes_then_one_sentence_says_so(
    change: dict[str, Any],
) -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(STACK)
    viewer.dims.update(change)
    with pytest.raises(ImageError, match="2-D view of the last two axes"):
        plane_under_sliders(layer, viewer.dims)


def test_the_plane_of_a_lazy_image_when_read_then_computes_no_other() -> None:
    computed = []

    def block(block_info: Any = None) -> np.ndarray:
        computed.append(block_info[None]["chunk-location"][0])
        return np.full((1, 6, 7), computed[-1], np.uint16)

    lazy = da.map_blocks(block, chunks=((1,) * 5, (6,), (7,)), dtype=np.uint16, meta=np.zeros((0, 0, 0)))
    layer = Image(lazy, contrast_limits=(0, 5))
    computed.clear()
    pixels = read_window(layer, (3,), WHOLE)
    assert isinstance(pixels, np.ndarray)
    assert (pixels == 3).all()
    assert computed == [3]


def test_a_multiscale_image_when_read_then_gives_its_finest_level() -> None:
    layer = Image([STACK[0], STACK[0, :, ::2, ::2]], multiscale=True, contrast_limits=(0, 9))
    assert image_shape(layer) == (5, 6, 7)
    assert np.array_equal(read_window(layer, (2,), WHOLE), STACK[0, 2])


def test_a_window_when_read_then_is_cut_from_the_plane_with_its_channels() -> None:
    layer = Image(np.moveaxis(STACK, 1, -1)[..., :3], rgb=True, contrast_limits=(0, 9))
    window = PlaneWindow((2, 1), (3, 4), (6, 7))
    pixels = read_window(layer, (1,), window)
    assert np.array_equal(pixels, np.moveaxis(STACK[1, :3, 2:5, 1:5], 0, -1))


def test_what_is_seen_of_a_pyramid_then_is_what_the_view_shows_of_its_finest_pixels() -> None:
    viewer = ViewerModel()
    levels = [np.zeros((3, 800, 600)), np.zeros((3, 200, 150))]
    options: dict[str, Any] = {"scale": (4, 0.5, 2), "translate": (0, 7, -100), "contrast_limits": (0, 9)}
    layer = viewer.add_image(levels, multiscale=True, **options)
    size = np.array(viewer.canvas.size if hasattr(viewer, "canvas") else viewer._canvas_size)
    camera = camera_of(viewer)
    camera.zoom, camera.center = 10, (0, 107, 300)
    reach = size / 20 / (0.5, 2)  # from the middle, where row and column are 200
    assert np.allclose(seen(layer, viewer), [200 - reach, 200 + reach])
    camera.center = (0, -500, 300)  # beside the image
    assert (seen(layer, viewer)[:, 0] < 0).all()


def test_an_rgb_stack_when_read_then_keeps_its_channels() -> None:
    pixels = np.zeros((4, 6, 7, 3), np.uint8)
    layer = Image(pixels, rgb=True)
    assert image_shape(layer) == (4, 6, 7)
    assert read_window(layer, (2,), WHOLE).shape == (6, 7, 3)


def test_a_layer_with_an_images_alignment_then_lies_over_it() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(
        STACK[0], scale=(2, 0.5, 0.5), translate=(1, 2, 3), rotate=30, affine=np.diag([1, 2, 2, 1]),
        shear=[0, 0, 0.3], units="um", axis_labels=("z", "y", "x"),
    )  # fmt: skip
    points = viewer.add_points(ndim=3, **alignment(image, viewer.dims))
    spot = (3.0, 4.5, 1.0)
    assert np.allclose(points.data_to_world(spot), image.data_to_world(spot))
    assert points.units == image.units
    assert points.axis_labels == image.axis_labels


@units_are_the_viewers
def test_a_layer_over_an_image_of_other_units_then_takes_clicks_in_the_viewers() -> None:
    viewer = ViewerModel()
    image = viewer.add_image(
        STACK[0, 0], scale=(0.5, 0.5), translate=(2, 3), rotate=30, affine=np.diag([3, 3, 1]), units="um"
    )
    viewer.add_image(STACK[0, 0], scale=(100, 100), units="nm")
    points = viewer.add_points(ndim=2, **alignment(image, viewer.dims))
    spot = (3.0, 4.5)
    nanometres = np.array(image.data_to_world(spot)) * 1000  # napari's own answer is in um
    assert np.allclose(points.world_to_data(nanometres), spot)
    assert points.units == viewer.dims.units


def test_read_window_when_a_plane_of_a_lazy_image_is_damaged_then_says_which() -> None:
    def block(block_info: Any = None) -> np.ndarray:
        if block_info[None]["chunk-location"][0]:
            raise RuntimeError("checksum differs")
        return np.zeros((1, 8, 4), np.uint8)

    chunks = ((1, 1), (8,), (4,))
    image = da.map_blocks(block, chunks=chunks, dtype=np.uint8, meta=np.zeros((0, 0, 0), np.uint8))
    layer, window = Image(image, contrast_limits=(0, 9)), PlaneWindow((4, 0), (4, 4), (8, 4))
    assert not read_window(layer, (0,), window).any()
    with pytest.raises(ImageError, match=r"\[1, 4:8, 0:4\].*checksum differs"):
        read_window(layer, (1,), window)
