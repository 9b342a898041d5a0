"""What other programs write beside objects, and in other words."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from pycocotools import mask as rle
from roifile import ROI_SUBTYPE, ROI_TYPE, ImagejRoi, roiread, roiwrite

from napari_sam.errors import DataError
from napari_sam.export import (
    Region,
    labels_from_regions,
    read_objects,
    read_regions,
    regions_from_labels,
    write_regions,
)

SQUARE = np.array([(0, 0), (4, 0), (4, 4), (0, 4)])
POLYGON = {"type": "Polygon", "coordinates": [[*SQUARE.tolist(), [0, 0]]]}
POINTS = {"type": "MultiPoint", "coordinates": [[2, 2], [9, 3], [5, 8]]}
LINE = {"type": "LineString", "coordinates": [[2, 2], [9, 3], [5, 8]]}


def geojson(path: Path, *geometries: dict[str, Any] | None, **properties: Any) -> Path:
    features = [{"type": "Feature", "geometry": each, "properties": properties} for each in geometries]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def test_geojson_with_points_and_lines_beside_polygons_then_the_polygons_are_read(tmp_path: Path) -> None:
    ((region,), shape) = read_regions(geojson(tmp_path / "a.geojson", POINTS, POLYGON, None, LINE))
    assert (region.area, shape) == (16, (4, 4))
    empty = [{"type": "Polygon", "coordinates": each} for each in ([], [[]])]  # as shapely writes them
    several = {"type": "GeometryCollection", "geometries": [LINE, *empty, POLYGON]}
    ((region,), shape) = read_regions(geojson(tmp_path / "c.geojson", *empty, several))
    assert (region.area, shape) == (16, (4, 4))
    with pytest.raises(DataError, match="points or lines alone"):
        read_regions(geojson(tmp_path / "b.geojson", POINTS))


@pytest.mark.parametrize(
    ("properties", "category"),
    [
        ({"label": "tumour"}, ""),
        ({"classification": "tumour", "metadata": {"note": None}}, "tumour"),
        ({"classification": {"name": None}}, ""),
        ({"classification": {"names": ["tumour", "positive"], "color": [200, 0, 0]}}, "tumour: positive"),
    ],
)
def test_geojson_in_other_words_then_is_read(
    tmp_path: Path, properties: dict[str, Any], category: str
) -> None:
    ((region,), _) = read_regions(geojson(tmp_path / "a.geojson", POLYGON, **properties))
    assert (region.id, region.category, region.note) == (1, category, "")


def test_geojson_by_the_name_of_coco_then_is_told_so(tmp_path: Path) -> None:
    feature = {"type": "Feature", "geometry": POLYGON}
    for content in ([feature], {"type": "FeatureCollection", "features": [feature]}):
        (tmp_path / "a.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match=r"^a\.json is GeoJSON; let its name end in \.geojson\.$"):
            read_regions(tmp_path / "a.json")


@pytest.mark.parametrize("wrap", [
    lambda each: {"type": "Feature", "geometry": each, "properties": None},
    lambda each: each,
    lambda each: {"type": "GeometryCollection", "geometries": [LINE, each]},
])  # fmt: skip
def test_geojson_of_one_object_alone_then_is_read(tmp_path: Path, wrap: Callable[[Any], Any]) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(wrap(POLYGON)), encoding="utf-8")
    ((region,), shape) = read_regions(path)
    assert (region.id, region.area, shape) == (1, 16, (4, 4))


def test_coco_of_results_alone_then_is_read_with_the_size_that_they_tell(tmp_path: Path) -> None:
    """As Meta's script for automatic masks writes them, and as detectors do."""
    mask = np.zeros((6, 9), bool)
    mask[2:4, 3:8] = True
    drawn = rle.encode(np.asfortranarray(mask, dtype=np.uint8))
    found = {"segmentation": {**drawn, "counts": drawn["counts"].decode()}, "predicted_iou": 0.9}
    path = tmp_path / "masks.json"
    path.write_text(json.dumps([found, {**found, "image_id": 0, "score": 0.5}]))
    regions, shape = read_regions(path)
    assert shape == (6, 9)
    assert [(each.id, each.origin, each.area, each.iou_prediction) for each in regions] == [
        (1, (2, 3), 10, 0.9),
        (2, (2, 3), 10, 0.9),
    ]
    assert read_objects(path).told == ""
    path.write_text("[]")
    with pytest.raises(DataError, match="it is an empty list"):
        read_regions(path)


def test_geojson_far_larger_than_any_image_then_one_sentence_says_so(tmp_path: Path) -> None:
    far = {"type": "Polygon", "coordinates": [[[0, 0], [1e9, 0], [1e9, 1e9], [0, 0]]]}
    with pytest.raises(DataError, match="no GeoJSON with polygons"):
        read_regions(geojson(tmp_path / "a.geojson", far))


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        (ROI_TYPE.POINT, ROI_SUBTYPE.UNDEFINED),
        (ROI_TYPE.POLYLINE, ROI_SUBTYPE.UNDEFINED),
        (ROI_TYPE.FREELINE, ROI_SUBTYPE.UNDEFINED),
        (ROI_TYPE.ANGLE, ROI_SUBTYPE.UNDEFINED),
        (ROI_TYPE.RECT, ROI_SUBTYPE.TEXT),
    ],
)
def test_rois_without_an_area_beside_others_then_are_no_objects(
    tmp_path: Path, kind: ROI_TYPE, subtype: ROI_SUBTYPE
) -> None:
    drawn = ImagejRoi.frompoints(SQUARE, name="cell 1")
    other = ImagejRoi.frompoints([(10, 10), (20, 12), (15, 25)], name="2")
    other.roitype, other.subtype, other.version = kind, subtype, 228
    empty = ImagejRoi(roitype=ROI_TYPE.POLYGON, integer_coordinates=np.zeros((0, 2), np.int32))
    roiwrite(tmp_path / "a.zip", [drawn, other, empty], mode="w")
    ((region,), shape) = read_regions(tmp_path / "a.zip")
    assert (region.id, region.category, region.area, shape) == (1, "cell", 16, (4, 4))
    roiwrite(tmp_path / "b.zip", [other], mode="w")
    with pytest.raises(DataError, match="points, lines or texts alone"):
        read_regions(tmp_path / "b.zip")


def test_rois_that_were_packed_again_then_are_read_without_what_the_system_put_beside_them(
    tmp_path: Path,
) -> None:
    packed = ImagejRoi.frompoints(SQUARE, name="cell 7").tobytes()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.mkdir("rois")
        for name, content in (
            ("rois/7.roi", packed),
            ("__MACOSX/rois/._7.roi", b"not a ROI"),
            ("notes.txt", b""),
        ):
            file.writestr(name, content)
    ((region,), _) = read_regions(tmp_path / "a.zip")
    assert (region.id, region.category, region.area) == (7, "cell", 16)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.writestr("notes.txt", b"")
    with pytest.raises(DataError, match=r"there is no \.roi in it"):
        read_regions(tmp_path / "b.zip")


def test_a_roi_whose_name_ends_in_no_number_then_has_no_class_of_half_a_name(tmp_path: Path) -> None:
    roiwrite(tmp_path / "a.roi", ImagejRoi.frompoints(SQUARE, name="T cell"))
    ((region,), _) = read_regions(tmp_path / "a.roi")
    assert (region.id, region.category) == (1, "")


def test_a_roi_with_curves_then_covers_what_lies_in_them(tmp_path: Path) -> None:
    """Two combined ovals, of the cubic curves that Java makes of them, and a ring of a quadratic one."""
    rows, cols = np.mgrid[:300, :300] + 0.5
    path: list[float] = []
    covered = np.zeros((300, 300), bool)
    for x, y, radius in ((120, 130, 100.0), (250, 240, 20.5)):
        k = 0.5522847498 * radius  # of Java's Ellipse2D
        path += [0, x + radius, y]
        for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1)):
            corner = np.array([(dx, dy), (dx, dy), (-dy, dx)]) * radius
            drawn = corner + np.array([(0, 0), (-dy, dx), (dx, dy)]) * k
            path += [3, *np.add(drawn[1:], (x, y)).ravel(), *np.add(corner[2], (x, y))]
        path.append(4)
        covered ^= (rows - y) ** 2 + (cols - x) ** 2 < radius**2
    roi = ImagejRoi(roitype=ROI_TYPE.RECT, left=20, top=30, right=271, bottom=261)
    roi.version, roi.shape_roi_size, roi.multi_coordinates = 228, len(path), np.array(path, np.float32)
    roiwrite(tmp_path / "a.roi", roi)
    regions, _ = read_regions(tmp_path / "a.roi")
    read = labels_from_regions(regions, (300, 300)) > 0
    assert np.count_nonzero(read != covered) <= 10  # of 690 at the outlines: the curves are no circles

    parabola = [0, 0, 0, 2, 10, 20, 20, 0, 4]
    roi.shape_roi_size, roi.multi_coordinates = len(parabola), np.array(parabola, np.float32)
    roiwrite(tmp_path / "b.roi", roi)
    assert read_regions(tmp_path / "b.roi")[0][0].area == pytest.approx(20 * 10 * 2 / 3, abs=2)

    for broken in ([0, 2, 3, 3, 5, 5, 8, 4], [0, 2, 3, 7, 5, 5, 4], [3, 2, 3, 5, 5, 8, 4, 4]):
        roi.shape_roi_size, roi.multi_coordinates = len(broken), np.array(broken, np.float32)
        roiwrite(tmp_path / "c.roi", roi)
        with pytest.raises(DataError, match=r"c\.roi holds no ImageJ ROIs"):
            read_regions(tmp_path / "c.roi")


def test_a_roi_that_is_an_oval_then_covers_the_pixels_with_their_centres_in_it(tmp_path: Path) -> None:
    down, across = (
        (np.arange(50, 250) - 149.5) / 100,
        (np.arange(296) - 146) / 149.5,
    )  # cut by the image's border
    covered = down[:, None] ** 2 + across**2 <= 1
    roiwrite(tmp_path / "a.roi", ImagejRoi(roitype=ROI_TYPE.OVAL, left=-3, top=50, right=296, bottom=250))
    ((region,), _) = read_regions(tmp_path / "a.roi")
    assert region.origin == (50, 0)
    assert np.array_equal(region.mask, covered)
    roiwrite(tmp_path / "b.roi", ImagejRoi(roitype=ROI_TYPE.OVAL, left=5, top=50, right=5, bottom=250))
    assert read_regions(tmp_path / "b.roi")[0] == []


def test_rois_when_a_class_has_letters_of_four_bytes_then_names_and_numbers_are_whole(tmp_path: Path) -> None:
    region = Region(70_000, (), (2, 3), np.ones((4, 5), bool), "🦠/🧬 dividing", note="twice: 🦠")
    write_regions(tmp_path / "a.zip", [region], (20, 20))
    read = roiread(tmp_path / "a.zip")
    (roi,) = read if isinstance(read, list) else [read]
    assert roi.name == "🦠/🧬 dividing 70000"
    properties = "note: twice: \\ud83e\\udda0\n"
    assert roi.props.startswith("note: ")  # of which roifile before 2026 reads a part
    assert properties.startswith(roi.props)
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        (name,) = packed.namelist()
        assert name == "00001 🦠_🧬 dividing 70000.roi"
        assert packed.read(name).endswith(properties.encode("utf-16-be"))
    ((again,), _) = read_regions(tmp_path / "a.zip")
    assert (again.id, again.category, again.note) == (70_000, "🦠/🧬 dividing", "twice: 🦠")


def test_coco_with_labels_and_classes_of_other_kinds_then_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_regions(path, regions_from_labels(np.eye(4, dtype=int)), (4, 4))
    content = json.loads(path.read_text())
    content["annotations"][0] |= {"label": "a cell", "note": None, "model": None}
    content["categories"][0]["name"] = 3
    path.write_text(json.dumps(content))
    ((region,), _) = read_regions(path)
    assert (region.id, region.category, region.area, region.note, region.model) == (1, "3", 4, "", "")


def test_ome_zarr_whose_classes_are_numbers_then_can_be_converted(tmp_path: Path) -> None:
    labels = np.diag([1, 2, 0])
    write_regions(tmp_path / "a.zarr", regions_from_labels(labels), labels.shape)
    group = zarr.open_group(tmp_path / "a.zarr", mode="a")
    about = dict(group.attrs)["image-label"]
    group.attrs["image-label"] = {**about, "properties": [{"label-value": 1, "class": 3, "note": None}]}
    regions, shape = read_regions(tmp_path / "a.zarr")
    assert [(each.category, each.note) for each in regions] == [("3", ""), ("", "")]
    write_regions(tmp_path / "a.json", regions, shape)
    assert [each.category for each in read_regions(tmp_path / "a.json")[0]] == ["3", ""]
