from __future__ import annotations

import csv
import errno
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from roifile import ImagejRoi, roiread
from shapely.geometry import shape as geometry_of
from skimage.measure import regionprops

from napari_sam.errors import DataError
from napari_sam.export import (
    Region,
    labels_from_regions,
    read_regions,
    regions_from_labels,
    write_regions,
)
from napari_sam.export.rings import filled, outline
from napari_sam.export.space import measured, plain_space
from napari_sam.files.pixel_size import PixelSize

NOTE = 'two "halves": C:\\new\nand \N{GREEK SMALL LETTER MU}, \N{MICROSCOPE}'
BITS = st.lists(st.integers(0, 2**12 - 1), min_size=1, max_size=12)


def odd_mask(rows: list[int]) -> np.ndarray:
    """Return a mask whose rows are the bits of numbers: holes, diagonals, single pixels, borders."""
    return ((np.array(rows)[:, None] >> np.arange(12)) & 1).astype(bool)


def cells() -> np.ndarray:
    """Return a ring, two pieces that touch at a corner, a pixel in the corner, and a large number."""
    labels = np.zeros((40, 50), np.int64)
    labels[5:20, 5:20] = 1
    labels[9:14, 8:15] = 0
    labels[30, 30] = labels[31, 31] = 2
    labels[0, 49] = 3
    labels[39, :20] = 3_000_000_000
    return labels


def annotated() -> list[Region]:
    first, second, *others = regions_from_labels(cells())
    named = Region(first.id, (), first.origin, first.mask, "nucleus", 0.87, "cell-tiny", NOTE)
    third = replace(others[0], category="object")
    return [named, Region(second.id, (), second.origin, second.mask, "nucleus"), third, *others[1:]]


def test_a_region_when_made_of_numbers_of_numpys_then_is_drawn_and_written_as_any_other(
    tmp_path: Path,
) -> None:
    drawn = np.eye(3, dtype=np.uint8)
    whole = np.pad(drawn, 1)  # a mask of the whole image, say
    region = Region(np.int64(4), (), (np.int64(1), 2), whole, iou_prediction=np.float32(0.5))  # type: ignore[arg-type]
    assert (region.origin, region.mask.shape) == ((2, 3), (3, 3))
    np.testing.assert_array_equal(labels_from_regions([region], (8, 9))[2:5, 3:6], 4 * drawn)
    for ending in (".json", ".geojson"):
        write_regions(tmp_path / f"one{ending}", [region], np.array([8, 9]))  # type: ignore[arg-type]
        assert read_regions(tmp_path / f"one{ending}")[0][0].iou_prediction == 0.5
    with pytest.raises(DataError, match="Object 2 has no pixels; leave it out"):
        Region(2, (), (0, 0), np.zeros((8, 9), bool))


def test_coco_when_its_objects_are_polygons_then_covers_the_pixels_that_pycocotools_says(
    tmp_path: Path,
) -> None:
    pieces = [
        [[2.0, 1.0, 12.0, 1.0, 12.0, 9.0, 2.0, 9.0]],
        [[20, 3, 30.5, 8, 22, 17], [33, 1, 39, 1, 36, 20], [4, 14, 9, 14], [6, 18]],  # a line and a point
    ]
    annotations = [
        {"id": number, "image_id": 5, "category_id": 1, "segmentation": each, "area": 1, "iscrowd": 0}
        for number, each in enumerate(pieces, 1)
    ]
    content = {
        "images": [{"id": 5, "height": 24, "width": 44}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": annotations,
    }
    path = tmp_path / "polygons.json"
    path.write_text(json.dumps(content))
    regions, shape = read_regions(path)
    coco = COCO(str(path))
    assert (shape, regions[0].area) == ((24, 44), 80)
    for region, each in zip(regions, annotations, strict=True):
        assert np.array_equal(labels_from_regions([region], shape) > 0, coco.annToMask(each) > 0)
    for wrong in ([[1, 1, 5, 5, 3, 3, 2]], [[1, 1, 5, 5, 1e9, 3]], [[1, 1, 5, float("nan"), 3, 3]], [4, 4]):
        annotations[0]["segmentation"] = wrong
        path.write_text(json.dumps(content))
        with pytest.raises(DataError, match="no COCO file with masks"):
            read_regions(path)


@settings(max_examples=150, deadline=None)
@given(BITS, st.integers(0, 30), st.integers(0, 30))
def test_outline_when_filled_again_then_the_same_pixels(rows: list[int], top: int, left: int) -> None:
    mask = odd_mask(rows)
    if not mask.any():
        return
    (region,) = regions_from_labels(np.pad(mask.astype(int), ((top, 1), (left, 1))))
    polygons = outline(region)
    area = sum(shapely.Polygon(rings[0], rings[1:]).area for rings in polygons)
    assert area == region.area
    found = filled([ring for rings in polygons for ring in rings])
    assert found is not None
    assert found[0] == region.origin
    assert np.array_equal(found[1], region.mask)


@pytest.mark.parametrize("ending", ["tif", "json", "geojson", "zip"])
def test_objects_when_written_and_read_then_the_same_pixels_and_numbers(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"cells.{ending}"
    labels = cells() % 2**31
    write_regions(path, regions_from_labels(labels), labels.shape)
    regions, shape = read_regions(path)
    assert np.array_equal(labels_from_regions(regions, labels.shape), labels)
    assert shape == labels.shape


@pytest.mark.parametrize("ending", ["tif", "json", "geojson", "zip"])
def test_stacks_when_written_and_read_then_planes_are_kept(tmp_path: Path, ending: str) -> None:
    labels = np.zeros((3, 20, 30), np.uint16)
    labels[1, 4:9, 5:12], labels[2, 10:, 20:] = 4, 5
    path = str(tmp_path / f"stack.{ending}")
    found = regions_from_labels(zarr.array(labels))
    numpys = (
        replace(each, id=np.uint16(each.id), plane=tuple(np.array(each.plane)), origin=np.array(each.origin))
        for each in found
    )
    write_regions(path, numpys, labels.shape)
    regions, shape = read_regions(path)
    assert shape == (3, 20, 30)
    assert np.array_equal(labels_from_regions(regions, shape), labels)


@pytest.mark.parametrize("ending", ["json", "geojson"])
def test_classes_and_scores_when_written_and_read_then_kept(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"cells.{ending}"
    write_regions(path, annotated(), (40, 50))
    first, second, third, last = read_regions(path)[0]
    assert (third.category, last.category) == ("object", "")
    assert first.note == NOTE
    assert (first.category, first.iou_prediction, first.model) == ("nucleus", 0.87, "cell-tiny")
    assert (second.category, second.iou_prediction, second.model) == ("nucleus", None, "")


@pytest.mark.parametrize("ending", ["json", "geojson", "zip"])
def test_overlapping_objects_when_written_and_read_then_both_stay_whole(tmp_path: Path, ending: str) -> None:
    regions = [Region(1, (), (2, 2), np.ones((8, 8), bool)), Region(2, (), (5, 5), np.ones((8, 8), bool))]
    path = tmp_path / f"overlap.{ending}"
    write_regions(path, regions, (20, 20))
    assert [region.area for region in read_regions(path)[0]] == [64, 64]
    drawn = labels_from_regions(regions, (20, 20))
    assert drawn[6, 6] == 2
    assert (drawn == 1).sum() == 64 - 25


def test_coco_when_opened_by_pycocotools_then_masks_agree(tmp_path: Path) -> None:
    path = tmp_path / "cells.json"
    write_regions(path, annotated(), (40, 50))
    coco = COCO(path)
    for annotation in coco.loadAnns(coco.getAnnIds()):
        mask = coco.annToMask(annotation)
        assert np.array_equal(mask, cells() == annotation["label"])
        assert mask.sum() == annotation["area"]
    assert [each["name"] for each in coco.loadCats(coco.getCatIds())] == ["nucleus", "object"]


def test_geojson_when_opened_by_shapely_then_valid_with_the_areas_of_the_objects(tmp_path: Path) -> None:
    path = tmp_path / "cells.geojson"
    write_regions(path, annotated(), (40, 50))
    features = json.loads(path.read_text())["features"]
    for feature, region in zip(features, annotated(), strict=True):
        polygon = geometry_of(feature["geometry"])
        assert polygon.is_valid
        assert polygon.area == region.area
    assert features[0]["properties"]["classification"]["name"] == "nucleus"
    assert len(features[0]["geometry"]["coordinates"]) == 2  # a hole
    assert features[1]["geometry"]["type"] == "MultiPolygon"


def test_geojson_when_read_by_qupaths_rules_then_has_all_that_it_takes(tmp_path: Path) -> None:
    path = tmp_path / "cells.geojson"
    labels = np.zeros((2, 12, 16), np.uint8)
    labels[1, 2:6, 9:14], labels[1, 9:11, 0:3] = 5, 5
    (region,) = regions_from_labels(labels)
    told = replace(region, category="glia", iou_prediction=0.5, model="cell-tiny", note="at the rim")
    write_regions(path, [told], labels.shape)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["type"] == "FeatureCollection"
    (feature,) = content["features"]
    properties, geometry = feature["properties"], feature["geometry"]
    assert properties["objectType"] == "detection"
    assert properties["name"] == "5"
    assert properties["classification"] == {"name": "glia"}
    assert properties["measurements"] == {"area px^2": region.area, "predicted IoU": 0.5}
    assert properties["metadata"] == {"model": "cell-tiny", "note": "at the rim"}
    assert geometry["plane"] == {"c": -1, "z": 1, "t": 0}
    assert geometry["type"] == "MultiPolygon"
    rings = [ring for polygon in geometry["coordinates"] for ring in polygon]
    assert all(ring[0] == ring[-1] and len(ring) >= 4 for ring in rings)
    # x before y, from the corner of the first pixel
    corners = sorted((np.min(ring, axis=0).tolist(), np.max(ring, axis=0).tolist()) for ring in rings)
    assert corners == [([0, 9], [3, 11]), ([9, 2], [14, 6])]


def test_geojson_that_was_written_before_then_its_model_and_note_are_read(tmp_path: Path) -> None:
    path = tmp_path / "cells.geojson"
    write_regions(path, [replace(annotated()[0], note="old")], (40, 50))
    content = json.loads(path.read_text(encoding="utf-8"))
    properties = content["features"][0]["properties"]
    properties |= properties.pop("metadata")
    path.write_text(json.dumps(content), encoding="utf-8")
    (region,) = read_regions(path)[0]
    assert (region.model, region.note) == ("cell-tiny", "old")


def test_rois_when_opened_by_roifile_then_bounds_are_those_of_the_objects(tmp_path: Path) -> None:
    path = tmp_path / "cells.zip"
    write_regions(path, annotated(), (40, 50))
    for roi, region in zip(roiread(path), annotated(), strict=True):
        (row, col), (height, width) = region.origin, region.mask.shape
        assert (roi.top, roi.left, roi.bottom, roi.right) == (row, col, row + height, col + width)
    assert [roi.name for roi in roiread(path)][:2] == ["nucleus 1", "nucleus 2"]
    assert [region.note for region in read_regions(path)[0]] == [NOTE, "", "", ""]
    with zipfile.ZipFile(path) as file:  # by whose names ImageJ lists them
        assert file.namelist()[:2] == ["00001 nucleus 1.roi", "00002 nucleus 2.roi"]
        roi = ImagejRoi.frombytes(file.read("00001 nucleus 1.roi"))
    roi.props = 'group: 3\nnote: two "halves"\n'  # as ImageJ writes them
    roi.tofile(tmp_path / "one.roi")
    assert [region.note for region in read_regions(tmp_path / "one.roi")[0]] == ['two "halves"']


@pytest.mark.parametrize(
    ("axes", "sides", "plane", "place"),
    [
        ("zcyx", (4, 1), (3, 0), {"t": 0, "z": 3, "c": -1}),
        ("tzcyx", (2, 4, 1), (1, 3, 0), {"t": 1, "z": 3, "c": -1}),
        ("zcyx", (4, 2), (3, 1), {"t": 0, "z": 3, "c": 1}),
    ],
)
def test_objects_when_there_are_channels_then_programs_get_frame_slice_and_channel_or_all_of_mixed_ones(
    tmp_path: Path, axes: str, sides: tuple[int, ...], plane: tuple[int, ...], place: dict[str, int]
) -> None:
    region = Region(1, plane, (2, 3), np.ones((4, 5), bool))
    for ending in ("zip", "geojson"):
        path = tmp_path / f"cells.{ending}"
        write_regions(path, [region], (*sides, 20, 20), space=replace(plain_space(len(axes)), axes=axes))
        assert read_regions(path, len(axes) - 3)[0][0].plane == plane[:-1]
    roi, told = roiread(tmp_path / "cells.zip")[0], json.loads(path.read_text(encoding="utf-8"))
    roi_place = {"t": roi.t_position, "z": roi.z_position, "c": roi.c_position}
    assert roi_place == {"t": place["t"] + ("t" in axes), "z": place["z"] + 1, "c": place["c"] + 1}
    assert told["features"][0]["geometry"]["plane"] == place


def test_tiff_when_opened_by_tifffile_then_axes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    labels = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    write_regions(path, regions_from_labels(labels), labels.shape)
    with tifffile.TiffFile(path) as file:
        assert file.series[0].shape == (2, 3, 4, 5)
        assert file.asarray().dtype == np.uint16
        assert file.series[0].axes == "TZYX"
        assert np.array_equal(file.asarray(), labels)


def test_table_when_read_then_agrees_with_another_measurement(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    labels = (cells() % 10_007).astype(np.int32)
    space = measured(plain_space(2), PixelSize(0.5, 0.25))
    write_regions(path, regions_from_labels(labels), labels.shape, space=space)
    with path.open(newline="") as file:
        rows = {int(row["label"]): row for row in csv.DictReader(file)}
    others = regionprops(labels, spacing=(0.5, 0.25))
    assert set(rows) == {other.label for other in others}
    for other in others:
        row = rows[other.label]
        assert int(row["area"]) == other.num_pixels
        assert float(row["area_um2"]) == pytest.approx(other.area, rel=1e-5)
        centre = (float(row["centroid_row"]) * 0.5, float(row["centroid_col"]) * 0.25)
        assert centre == pytest.approx(other.centroid, abs=1e-3)
        assert (int(row["row_max"]) + 1, int(row["col_max"]) + 1) == other.bbox[2:]


def test_read_labels_when_they_are_kept_as_floats_then_whole_numbers_count(tmp_path: Path) -> None:
    labels = np.zeros((8, 9), np.float32)
    labels[2:4, 3:7] = 70_000  # ImageJ has no other type for so many
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    np.save(tmp_path / "labels.npy", labels)
    for name in ("labels.tif", "labels.npy"):
        regions, shape = read_regions(tmp_path / name)
        assert [(region.id, region.area) for region in regions] == [(70_000, 8)]
        assert shape == (8, 9)
    np.save(tmp_path / "labels.npy", labels / 3)
    with pytest.raises(DataError, match=r"^labels\.npy holds fractions; give labels"):
        read_regions(tmp_path / "labels.npy")


def test_regions_when_labels_are_wrong_then_says_so() -> None:
    with pytest.raises(DataError, match="negative"):
        regions_from_labels(np.array([[0, -1]]))
    with pytest.raises(DataError, match="whole numbers"):
        regions_from_labels(np.zeros((3, 3)))
    with pytest.raises(DataError, match="outside"):
        labels_from_regions([Region(1, (), (8, 8), np.ones((5, 5), bool))], (10, 10))


def test_regions_when_pieces_are_asked_for_then_each_gets_a_number() -> None:
    labels = np.zeros((9, 9), int)
    labels[:2, :2] = labels[5:, 5:] = 7
    assert [region.id for region in regions_from_labels(labels)] == [7]
    assert [(region.id, region.area) for region in regions_from_labels(labels, pieces=True)] == [
        (1, 4),
        (2, 16),
    ]


@pytest.mark.parametrize("ending", ["json", "geojson", "zip", "tif", "npy"])
def test_a_file_of_something_else_when_read_then_one_sentence_says_so(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"wrong.{ending}"
    path.write_bytes(b"{}")
    with pytest.raises(DataError, match=r"wrong\."):
        read_regions(path)


def test_a_file_that_is_there_when_written_then_kept_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "cells.json"
    path.write_text("mine")
    with pytest.raises(DataError, match="there already"):
        write_regions(path, annotated(), (40, 50))
    six = [Region(1, (0, 0, 0, 0), (0, 0), np.ones((2, 2), bool))]
    with pytest.raises(DataError, match="no place"):
        write_regions(tmp_path / "six.geojson", six, (1, 1, 1, 1, 4, 4))
    assert path.read_text() == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cells.json"]
    write_regions(path, annotated(), (40, 50), overwrite=True)
    assert len(read_regions(path)[0]) == 4
    with pytest.raises(DataError, match="ending"):
        write_regions(tmp_path / "cells.xyz", annotated(), (40, 50))
    with pytest.raises(DataError, match="not ndarray; give what regions_from_labels makes of labels"):
        write_regions(tmp_path / "cells.tif", np.ones((2, 2), int), (2, 2))  # type: ignore[arg-type]


def test_a_tiff_when_the_disk_is_full_then_the_file_that_was_asked_for_is_named_and_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path, labels = tmp_path / "cells.tif", np.ones((4, 5), int)
    path.write_bytes(b"old")
    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(DataError) as told:
        write_regions(path, regions_from_labels(labels), labels.shape, overwrite=True)
    assert str(told.value).startswith(f"{path} could not be written (")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]
