from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from napari_sam.errors import ImageError
from napari_sam.predict.image import resize, to_rgb, to_rgb_as

DTYPES = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
]
IMAGES = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
            lambda shape: st.integers(0, 5).map(lambda c: (*shape, c) if c else shape)
        ),
    )
)


@settings(max_examples=150, deadline=None)
@given(IMAGES)
@example(np.array([[0, 1e-45]], np.float32))  # the smallest float, less than which is nothing
def test_to_rgb_on_any_image_gives_finite_pixels_in_range(image: NDArray[Any]) -> None:
    pixels, record = to_rgb(image)
    assert pixels.shape == (3, *image.shape[:2])
    assert pixels.dtype == np.float32
    assert np.isfinite(pixels).all()
    assert pixels.min() >= 0
    assert pixels.max() <= 255 * (1 + 1e-6)
    json.dumps(record.to_dict(), allow_nan=False)


def test_to_rgb_when_contrast_is_stretched_or_shifted_gives_the_same_pixels() -> None:
    image = np.random.default_rng(0).normal(size=(40, 50))
    expected, _ = to_rgb(image)
    np.testing.assert_allclose(to_rgb(image * 300 + 1000)[0], expected, atol=1e-2)


def test_to_rgb_with_one_hot_pixel_keeps_the_contrast_of_the_rest() -> None:
    image = np.random.default_rng(0).integers(100, 200, (100, 100)).astype(np.uint16)
    image[50, 50] = 65535
    pixels, record = to_rgb(image)
    assert record.high[0] < 250
    assert np.median(pixels) > 80


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_to_rgb_when_all_but_a_few_pixels_span_0_to_255_then_they_are_clipped(dtype: type) -> None:
    image = np.random.default_rng(0).choice([0, 100, 255], (100, 100)).astype(dtype)
    image[50, :2] = 4000, -30
    pixels, record = to_rgb(image)
    assert (record.low, record.high) == ((0,), (255,))
    np.testing.assert_array_equal(pixels[0], np.clip(image, 0, 255))


def test_to_rgb_when_few_pixels_differ_from_a_constant_falls_back_to_the_extremes() -> None:
    image = np.zeros((100, 100), np.float32)
    image[5, 5] = 3
    pixels, _ = to_rgb(image)
    assert pixels[0, 5, 5] == 255
    assert pixels.sum() == 3 * 255


def test_to_rgb_of_a_constant_image_is_black() -> None:
    assert not to_rgb(np.full((7, 8), 1234, np.uint16))[0].any()


def test_to_rgb_with_pixels_that_are_not_finite_ignores_them() -> None:
    image = np.linspace(0, 1, 10_000).reshape(100, 100)
    clean, _ = to_rgb(image)
    image[0, :3] = np.nan, np.inf, -np.inf
    pixels, _ = to_rgb(image)
    np.testing.assert_array_equal(pixels[0, 0, :3], [0, 255, 0])
    np.testing.assert_allclose(pixels[:, 1:], clean[:, 1:], atol=0.2)


def test_to_rgb_of_8_bit_rgb_keeps_colours_and_other_channels_are_stretched_apart() -> None:
    ramp = np.arange(200, dtype=np.uint8).reshape(10, 20)
    image = np.stack([ramp, ramp // 2, ramp // 4], axis=-1)
    pixels, record = to_rgb(image)
    assert len(set(record.high)) == 1
    np.testing.assert_allclose(pixels[1], pixels[0] / 2, atol=1.5)
    apart, record = to_rgb(image.astype(np.uint16))
    assert len(set(record.high)) == 3
    assert [plane.max() for plane in apart] == pytest.approx([255, 255, 255])


@pytest.mark.parametrize(("dtype", "opaque"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
@pytest.mark.parametrize("rows", [0, 7], ids=["opaque", "mostly transparent"])
def test_to_rgb_when_the_fourth_channel_is_alpha_drops_it(dtype: type, opaque: float, rows: int) -> None:
    image = (np.random.default_rng(0).random((9, 9, 4)) * opaque).astype(dtype)
    image[..., 3] = opaque
    image[:rows, :, 3] = 0
    image[rows, 0, 3] = opaque / 2  # a smooth edge
    np.testing.assert_array_equal(to_rgb(image)[0], to_rgb(image[..., :3])[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_to_rgb_when_the_fourth_channel_is_of_light_sees_it(dtype: type) -> None:
    image = np.zeros((9, 9, 4), dtype)
    image[:3, :, 3] = np.linspace(0, 1 if dtype is np.float32 else 255, 9).astype(dtype)
    assert to_rgb(image)[0].any()


@pytest.mark.parametrize(("count", "on"), [(1, [1, 1, 1]), (2, [0, 1, 0]), (3, [1, 0, 0]), (5, [1, 0, 0])])
def test_to_rgb_shows_the_first_channel_in_its_colour(count: int, on: list[int]) -> None:
    image = np.zeros((4, 4, count), np.uint16)
    image[:2, :, 0] = 100
    pixels, _ = to_rgb(image)
    np.testing.assert_array_equal(pixels[:, 0, 0], np.array(on) * 255)
    assert not pixels[:, 3].any()


@pytest.mark.parametrize("wrong", ["cells.tif", None, Path("cells.tif")])
def test_to_rgb_when_given_something_else_than_pixels_says_what_it_wants(wrong: Any) -> None:
    with pytest.raises(ImageError, match=r"An image is wanted and not .*; give its pixels"):
        to_rgb(wrong)


def test_to_rgb_with_a_channel_axis_equals_the_axis_moved_last() -> None:
    image = np.random.default_rng(0).integers(0, 4000, (2, 30, 20))
    expected, _ = to_rgb(np.moveaxis(image, 0, -1))
    np.testing.assert_array_equal(to_rgb(image, channel_axis=0)[0], expected)
    np.testing.assert_array_equal(to_rgb(image, channel_axis=-3)[0], expected)


def test_to_rgb_without_normalization_keeps_8_bit_values() -> None:
    image = np.random.default_rng(0).integers(20, 90, (9, 7, 3), np.uint8)
    pixels, record = to_rgb(image, normalization=None)
    np.testing.assert_array_equal(pixels, image.transpose(2, 0, 1))
    assert record.eight_bit
    again, told = to_rgb(image, normalization=None, colours=np.eye(3))
    np.testing.assert_array_equal(again, pixels)
    assert told == record
    assert json.loads(json.dumps(told.to_dict()))["colours"] == np.eye(3).tolist()


class Damaged:
    """A plane of a lazy stack, whose file is cut short."""

    shape = (9, 9)

    def __array__(self, *_: Any, **__: Any) -> NDArray[Any]:
        raise OSError("cut short")


@pytest.mark.parametrize(
    ("image", "arguments", "message"),
    [
        (Damaged(), {}, r"The image cannot be read \(cut short\)"),
        ([[1, 2], [3]], {}, "The image cannot be read"),
        (np.zeros((3, 3), complex), {}, "dtype complex128"),
        (np.array([["a"]]), {}, "dtype <U1"),
        (np.zeros((0, 3)), {}, "no pixels"),
        (np.zeros(5), {}, "one plane"),
        (np.zeros((2, 2, 2, 2)), {}, "one plane"),
        (np.zeros((3, 9, 9)), {}, "is no plane with its channels last; name the axis of its channels"),
        (np.zeros((9, 9, 8)), {}, "8 channels on axis -1"),
        (np.zeros((3, 9, 9)), {"channel_axis": 1}, "9 channels on axis 1"),
        (np.zeros((3, 9, 9)), {"channel_axis": 3}, "channel axis 3 does not exist"),
        (np.zeros((3, 9, 9)), {"channel_axis": "c"}, "channel axis 'c' does not exist .*; give 0, 1 or 2"),
        (np.zeros((3, 2, 9)), {"channel_axis": True}, "channel axis True does not exist"),
        (np.zeros((3, 9, 9)), {"channel_axis": 0.0}, "channel axis 0.0 does not exist"),
        (np.zeros((9, 9)), {"channel_axis": 0}, "no axis of channels"),
        (np.full((3, 3), 256.0), {"normalization": None}, "use normalization='percentile'"),
        (np.zeros((3, 3)), {"normalization": "minmax"}, "'minmax' is unknown"),
        (np.zeros((3, 3)), {"colours": [(1, 0)]}, "A colour is"),
        (np.zeros((3, 3, 2)), {"colours": [(1, 0, 0), (1, 0)]}, "A colour is"),
        (np.zeros((3, 3)), {"colours": [(0, 1.5, 0)]}, "from 0 to 1"),
        (np.zeros((3, 3)), {"colours": [(0, np.nan, 0)]}, "from 0 to 1"),
    ],
)
def test_to_rgb_on_an_unusable_image_says_why(
    image: NDArray[Any], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ImageError, match=message):
        to_rgb(image, **arguments)


def test_to_rgb_as_of_a_part_with_fewer_channels_than_the_image_says_so() -> None:
    record = to_rgb(np.zeros((4, 4, 3)))[1]
    with pytest.raises(ImageError, match="A part has 1 of the image's 3 channels"):
        to_rgb_as(np.zeros((2, 2)), record)


def test_resize_to_the_same_shape_changes_nothing() -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (3, 5, 6)).astype(np.float32)
    np.testing.assert_array_equal(resize(pixels, (5, 6)), pixels)


@pytest.mark.parametrize("shape", [(60, 30), (7, 90), (200, 301)])
def test_resize_of_8_bit_pixels_is_within_rounding_of_resizing_floats(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 40, 50)).astype(np.float32)
    rounded = resize(image, shape, eight_bit=True)
    assert (rounded == np.rint(rounded)).all()
    assert np.abs(rounded - resize(image, shape)).max() <= 1.01
