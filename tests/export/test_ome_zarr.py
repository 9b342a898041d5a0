from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr.writer import write_image

from napari_sam.cli import main
from napari_sam.errors import DataError
from napari_sam.export import (
    Region,
    labels_from_regions,
    read_objects,
    read_regions,
    regions_from_labels,
    write_regions,
)
from napari_sam.export.space import Space, known_axes, plain_space, space_of_layer

SPACE = Space("zyx", (2.0, 0.5, 0.5), (0.0, 10.0, 20.0), ("micrometer",) * 3)


def stack() -> np.ndarray:
    labels = np.zeros((3, 30, 40), np.uint16)
    labels[1, 4:9, 5:12], labels[2, 10:, 20:] = 4, 70_000 % 2**16
    return labels


def opened(path: Path) -> Any:
    """Return the node of labels that another package finds."""
    location = parse_url(path)
    assert location is not None
    return list(Reader(location)())


def test_labels_when_opened_by_ome_zarr_then_pixels_scale_and_properties_are_there(tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.zarr"
    first, second = regions_from_labels(stack())
    named = Region(first.id, first.plane, first.origin, first.mask, "nucleus", 0.87, "cell-tiny", "odd")
    write_regions(path, [named, second], (3, 30, 40), space=SPACE)
    (node,) = opened(path)
    assert [type(spec).__name__ for spec in node.specs] == ["Label", "Multiscales"]
    assert np.array_equal(node.data[0].compute(), stack())
    assert [(axis["name"], axis["unit"]) for axis in node.metadata["axes"]] == [
        (a, "micrometer") for a in "zyx"
    ]
    scale, translation = node.metadata["coordinateTransformations"][0]
    assert (scale["scale"], translation["translation"]) == ([2.0, 0.5, 0.5], [0.0, 10.0, 20.0])
    assert node.metadata["properties"][4] == {
        "class": "nucleus", "predicted_iou": 0.87, "model": "cell-tiny", "note": "odd",
    }  # fmt: skip


def test_labels_when_read_again_then_all_that_was_known_is_back(tmp_path: Path) -> None:
    path = tmp_path / "cells.zarr"
    first, second = regions_from_labels(stack())
    named = Region(first.id, first.plane, first.origin, first.mask, "nucleus", 0.87, "cell-tiny", "odd")
    write_regions(path, [named, second], (3, 30, 40), space=SPACE)
    regions, shape = read_regions(path)
    assert np.array_equal(labels_from_regions(regions, shape), stack())
    (back, _) = regions
    assert (back.category, back.iou_prediction, back.model, back.note) == (
        "nucleus",
        0.87,
        "cell-tiny",
        "odd",
    )
    assert read_objects(path).space == SPACE


def test_large_labels_when_written_then_every_level_shows_the_same_place(tmp_path: Path) -> None:
    labels = np.zeros((2100, 1500), np.int32)
    labels[400:1200, 200:1400] = 3
    path = tmp_path / "large.ome.zarr"
    write_regions(path, regions_from_labels(labels), labels.shape)
    (node,) = opened(path)
    assert [level.shape for level in node.data] == [(2100, 1500), (1050, 750), (525, 375)]
    steps = [each[0]["scale"] for each in node.metadata["coordinateTransformations"]]
    assert steps == [[1, 1], [2, 2], [4, 4]]
    assert np.array_equal(node.data[2].compute(), labels[::4, ::4])


@pytest.mark.parametrize("form", [2, 3])
def test_labels_of_an_image_when_written_into_its_file_then_opened_with_it(tmp_path: Path, form: int) -> None:
    image = tmp_path / "image.ome.zarr"
    group = zarr.open_group(image, mode="w", zarr_format=form)
    write_image(np.zeros((3, 30, 40), np.uint16), group, axes="zyx")
    with warnings.catch_warnings(
        action="ignore"
    ):  # zarr's, that only older images have such a list of contents
        zarr.consolidate_metadata(image)
    with pytest.raises(DataError, match="no labels"):
        read_regions(image)
    (image / "labels").mkdir(exist_ok=True)
    listed = image / (".zmetadata" if form == 2 else "zarr.json")
    older = listed.read_bytes()
    write_regions(image / "labels" / "cells", regions_from_labels(stack()), (3, 30, 40), space=SPACE)
    labels = zarr.open_group(image / "labels" / "cells")
    about, above = (dict(each.attrs.get("ome", each.attrs)) for each in (labels, group))
    assert ("version" in about["multiscales"][0]) == (form == 2)
    finest = labels["0"]
    assert isinstance(finest, zarr.Array)
    assert getattr(finest.metadata, "dimension_names", None) == (None if form == 2 else ("z", "y", "x"))
    assert len(about["multiscales"][0]["datasets"]) == len(above["multiscales"][0]["datasets"]) > 1
    known = zarr.open_group(image, mode="r", use_consolidated=True)
    assert "labels/cells" in known
    listed.write_bytes(older)  # as other programs leave the list
    nodes = {Path(node.zarr.basename()).name: node for node in opened(image)}
    assert np.array_equal(nodes["cells"].data[0].compute(), stack())
    for path in (image, image / "labels" / "cells"):
        assert np.array_equal(labels_from_regions(*read_regions(path)), stack())
    del about["image-label"]  # which the format does not insist on
    about["multiscales"][0]["axes"][0]["unit"] = None
    labels.attrs.put({"ome": about} if form == 3 else about)
    for path in (image, image / "labels" / "cells"):
        assert np.array_equal(labels_from_regions(*read_regions(path)), stack())
        assert read_objects(path).space == replace(SPACE, units=("pixel", *SPACE.units[1:]))
    write_regions(image / "labels" / "nuclei", regions_from_labels(stack()), (3, 30, 40))
    with pytest.raises(DataError, match="cells, nuclei; choose one"):
        read_regions(image)
    with pytest.raises(DataError, match="something else than labels"):
        write_regions(image, regions_from_labels(stack()), (3, 30, 40), overwrite=True)
    assert (zarr.open_group(image, mode="r")["labels/cells/0"][...] == stack()).all()


def test_labels_when_written_over_older_ones_then_only_the_new_ones_are_there(tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.zarr"
    write_regions(path, regions_from_labels(stack()), (3, 30, 40))
    with pytest.raises(DataError, match="there already"):
        write_regions(path, regions_from_labels(stack()), (3, 30, 40))
    write_regions(path, [], (9, 9), overwrite=True)
    assert "properties" not in dict(zarr.open_group(path).attrs)["image-label"]  # it has to hold some
    flat = np.eye(9, dtype=int)
    write_regions(path, regions_from_labels(flat), flat.shape, overwrite=True)
    assert np.array_equal(labels_from_regions(*read_regions(path)), flat)
    assert [each.name for each in tmp_path.iterdir()] == ["cells.ome.zarr"]


def test_what_is_no_label_image_when_read_then_one_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(DataError, match=r"empty\.zarr"):
        read_regions(tmp_path / "empty.zarr")
    zarr.create_array(tmp_path / "bare.zarr", data=stack())
    assert np.array_equal(labels_from_regions(*read_regions(tmp_path / "bare.zarr")), stack())
    six = [Region(1, (0,) * 4, (0, 0), np.ones((2, 2), bool))]
    with pytest.raises(DataError, match="no place"):
        write_regions(tmp_path / "six.zarr", six, (1, 1, 1, 1, 4, 4))


def test_labels_of_older_versions_or_with_numbers_as_floats_then_are_read(tmp_path: Path) -> None:
    labels = stack().reshape(1, 1, 3, 30, 40)
    about = {"multiscales": [{"version": "0.1", "datasets": [{"path": "0"}]}], "image-label": {}}
    group = zarr.create_group(tmp_path / "a.zarr", zarr_format=2, attributes=about)
    group.create_array("0", data=labels.astype(np.float32))
    assert np.array_equal(labels_from_regions(*read_regions(tmp_path / "a.zarr")), labels)
    assert read_objects(tmp_path / "a.zarr").space == plain_space(5)


def test_convert_when_sent_through_ome_zarr_then_labels_and_scale_come_back(tmp_path: Path) -> None:
    write_regions(tmp_path / "a.ome.zarr", regions_from_labels(stack()), (3, 30, 40), space=SPACE)
    for source, target in (("a.ome.zarr", "b.ome.zarr"), ("b.ome.zarr", "c.tif"), ("c.tif", "d.zarr")):
        assert main(["convert", str(tmp_path / source), "-o", str(tmp_path / target)]) == 0
    assert read_objects(tmp_path / "b.ome.zarr").space == SPACE
    across = read_objects(tmp_path / "d.zarr").space
    assert across is not None
    assert (across.scale, across.units) == ((2, 0.5, 0.5), ("micrometer",) * 3)
    assert np.array_equal(labels_from_regions(*read_regions(tmp_path / "d.zarr")), stack())


@pytest.mark.parametrize(
    ("names", "axes"),
    [
        (("time", "Channel", "z", "y", "x"), "tczyx"), (("t", "y", "x"), "tyx"),
        (("z", "t", "y", "x"), "ztyx"), (("z", "x", "y"), ""),
        (("-3", "-2", "-1"), ""), (("y", "y", "x"), ""),
    ],
)  # fmt: skip
def test_names_of_axes_then_are_taken_where_a_file_can_say_them(names: tuple[str, ...], axes: str) -> None:
    assert known_axes(names) == axes


def test_labels_whose_axes_the_format_has_in_another_order_then_are_turned_and_read_as_they_were(
    tmp_path: Path,
) -> None:
    space = space_of_layer({"scale": (1, 3, 1, 0.5, 0.25), "axis_labels": ("t", "z", "c", "y", "x")}, 5)
    labels = stack().reshape(1, 3, 1, 30, 40)
    regions = regions_from_labels(labels)
    write_regions(tmp_path / "a.ome.zarr", regions, labels.shape, space=space)
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    about: Any = group.attrs["multiscales"]
    assert [axis["name"] for axis in about[0]["axes"]] == [*"tczyx"]
    assert about[0]["datasets"][0]["coordinateTransformations"][0]["scale"] == [1, 1, 3, 0.5, 0.25]
    assert np.array_equal(group["0"][...], labels.swapaxes(1, 2))  # type: ignore[index]
    assert np.array_equal(labels_from_regions(*read_regions(tmp_path / "a.ome.zarr")), labels)
    assert read_objects(tmp_path / "a.ome.zarr").space == space
    write_regions(tmp_path / "a.ome.tif", regions, labels.shape, space=space)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        sizes = dict(zip(file.series[0].axes, file.series[0].shape, strict=True))
    assert sizes["Z"] == 3


def test_the_space_of_a_layer_without_names_then_has_the_usual_axes() -> None:
    space = space_of_layer({"scale": (3, 1, 1), "axis_labels": ("a", "b", "c")}, 3)
    assert space == Space("zyx", (3.0, 1.0, 1.0), (0.0,) * 3, ("pixel",) * 3)
