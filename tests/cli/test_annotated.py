from __future__ import annotations

import numpy as np
import pytest

from napari_sam.cli.annotated import Planes
from napari_sam.errors import DataError
from napari_sam.predict import Normalization, PlaneWindow

WINDOW = PlaneWindow((1, 2), (3, 4), (5, 6))


def seen(*channels: int | str, axis: int | None = None) -> Normalization:
    return Normalization(
        "percentile", (0.0,), (1.0,), ((1.0, 1.0, 1.0),), channels=channels, channel_axis=axis
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("array", "journal", "axis"),
    [
        ((5, 6), (5, 6), None),
        ((5, 6, 3), (5, 6), None),
        ((3, 5, 6), (5, 6), 0),
        ((4, 5, 6), (4, 5, 6), None),
        ((4, 5, 6), (1, 4, 5, 6), None),
        ((4, 2, 5, 6), (4, 5, 6), 1),
        ((4, 3, 5, 6, 2), (4, 3, 5, 6), None),
    ],
)
def test_a_part_when_read_then_is_the_plane_with_its_channels_last(
    array: tuple[int, ...], journal: tuple[int, ...], axis: int | None
) -> None:
    values = np.arange(np.prod(array)).reshape(array)
    plane = tuple(side - 1 for side in journal[:-2])
    part = Planes([values], journal, axis)(plane, WINDOW, seen())
    channels_last = values if axis is None else np.moveaxis(values, axis, -1)
    expected = channels_last[tuple(index for index, side in zip(plane, journal, strict=False) if side > 1)]
    assert np.array_equal(part, expected[1:4, 2:6])


def test_chosen_channels_when_read_then_are_those_of_the_axis_in_their_order() -> None:
    values = np.arange(4 * 3 * 5 * 6).reshape(4, 3, 5, 6)
    first = Planes([values], (3, 5, 6), None)((2,), WINDOW, seen(3, 0, axis=0))
    assert np.array_equal(first, np.moveaxis(values[[3, 0], 2, 1:4, 2:6], 0, -1))
    kept = Planes([values], (4, 1, 5, 6), None)((3, 0), WINDOW, seen(1, axis=1))
    assert np.array_equal(kept[..., 0], values[3, 1, 1:4, 2:6])


def test_mixed_layers_when_read_then_are_stacked_as_their_files_come() -> None:
    one, other = np.arange(30).reshape(5, 6), -np.arange(30).reshape(5, 6)
    expected = np.stack([other, one], axis=-1)[1:4, 2:6]
    names = seen("gfp", "dapi")
    assert np.array_equal(Planes([other, one], (5, 6), None)((), WINDOW, names), expected)
    assert np.array_equal(Planes([np.stack([other, one])], (5, 6), 0)((), WINDOW, names), expected)
    for arrays in ([one], [one, one, one]):
        with pytest.raises(DataError, match="layers 'gfp', 'dapi' were mixed"):
            Planes(arrays, (5, 6), None)((), WINDOW, names)


@pytest.mark.parametrize(("record", "axis"), [(seen(), None), (seen(0, axis=0), None), (seen(), 7)])
def test_a_part_when_the_shape_or_axis_is_another_then_one_sentence(
    record: Normalization, axis: int | None
) -> None:
    with pytest.raises(DataError, match="give the image that was annotated"):
        Planes([np.zeros((6, 5) if axis is None else (5, 6))], (5, 6), axis)((), WINDOW, record)
