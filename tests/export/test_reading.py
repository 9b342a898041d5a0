"""Files that other programs wrote, or that people changed in them."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Labels
from PIL import Image
from roifile import ROI_TYPE, ImagejRoi, roiwrite

from napari_sam.cli import main
from napari_sam.errors import DataError
from napari_sam.export import Region, labels_from_regions, read_regions, regions_from_labels, write_regions
from napari_sam.export.layers import read_labels_layer, write_labels_layer
from napari_sam.export.reading import numbered
from napari_sam.export.regions import LARGEST
from napari_sam.export.space import plain_space

SQUARE = np.array([(0, 0), (4, 0), (4, 4), (0, 4)])
MASKED = {"size": [8, 8], "counts": [0, 16, 48]}


def feature(
    at: int, properties: dict[str, Any] | None, plane: dict[str, int] | None = None
) -> dict[str, Any]:
    """Return a square of 4 x 4 pixels as QuPath writes it."""
    ring = (np.vstack([SQUARE, SQUARE[:1]]) + at).tolist()
    geometry = {"type": "Polygon", "coordinates": [ring], **({} if plane is None else {"plane": plane})}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def geojson(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def coco(path: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> Path:
    content = {
        "images": [{"height": 8, "width": 8, **image} for image in images],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{"category_id": 1, "segmentation": MASKED, **each} for each in annotations],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def rois(path: Path, *names: str, **positions: int) -> Path:
    """Write a square each name, further and further from the corner."""
    squares = []
    for index, name in enumerate(names):
        roi = ImagejRoi.frompoints(SQUARE + 10 * index, name=name)
        roi.roitype = ROI_TYPE.POLYGON
        for axis, position in positions.items():
            setattr(roi, axis, position)
        squares.append(roi)
    roiwrite(path, squares, mode="w")
    return path


def numbers(path: Path) -> list[int]:
    return [region.id for region in read_regions(path)[0]]


def dot(number: int, plane: tuple[int, ...] = ()) -> Region:
    return Region(number, plane, (0, 0), np.ones((1, 1), bool))


def test_an_object_when_added_in_qupath_then_gets_a_number_of_its_own(tmp_path: Path) -> None:
    path = geojson(
        tmp_path / "cells.geojson", feature(0, {"label": 2}), feature(10, {"label": 3}), feature(20, {})
    )
    assert numbers(path) == [2, 3, 4]
    assert np.unique(labels_from_regions(*read_regions(path))).tolist() == [0, 2, 3, 4]
    kept = [feature(10 * at, {"name": name}) for at, name in enumerate(["3", "Cell 5", "2"])]
    assert numbers(geojson(path, *kept)) == [3, 4, 2]


def test_rois_when_their_names_share_a_number_then_each_object_has_its_own(tmp_path: Path) -> None:
    path = rois(tmp_path / "cells.zip", "nucleus 1", "cell 1", "cell 0", "cell 7", "area 5 ²")
    regions, shape = read_regions(path)
    assert [region.id for region in regions] == [1, 8, 9, 7, 10]
    assert [region.category for region in regions[:4]] == ["nucleus", "cell", "cell", "cell"]
    assert [(labels_from_regions(regions, shape) == each.id).sum() for each in regions] == [16] * 5


def test_coco_when_some_annotations_have_no_mask_then_the_others_are_read_and_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masked = {"image_id": 4, "label": 7}
    boxes = [{"image_id": 4, "bbox": [1, 1, 3, 3], "segmentation": none} for none in ([], None, [[]])]
    path = coco(tmp_path / "cells.json", [{"id": 4}], [boxes[0], masked, *boxes[1:]])
    path.write_bytes(BOM_UTF8 + path.read_bytes())  # as some editors save
    assert numbers(path) == [7]
    assert main(["convert", str(path), "-o", str(tmp_path / "cells.geojson")]) == 0
    told = "left out, without a mask: 3 of 4 annotations in cells.json, which may be boxes or points"
    assert capsys.readouterr().err == f"{told}\n"
    with pytest.warns(UserWarning, match=told):
        assert read_labels_layer(str(path))[0][0].any()
    coco(path, [{"id": 4}], boxes)
    with pytest.raises(DataError, match=r"no COCO file with masks \(3 annotations, all without a mask\)"):
        read_regions(path)
    assert numbers(coco(path, [{"id": 4}], [])) == []


def test_coco_when_annotations_share_a_label_then_each_object_has_its_own(tmp_path: Path) -> None:
    path = coco(tmp_path / "cells.json", [{"id": 4}], [{"image_id": 4, "label": n} for n in (3, 3, 0)])
    assert numbers(path) == [3, 4, 5]
    assert read_regions(path)[1] == (8, 8)


@pytest.mark.parametrize("ending", ["json", "geojson", "zip"])
def test_an_object_of_a_stack_when_read_then_keeps_its_number_in_all_planes(
    tmp_path: Path, ending: str
) -> None:
    labels = np.zeros((3, 8, 8), np.uint8)
    labels[:, 2:5, 2:5], labels[1:, 6, 6] = 4, 2
    path = tmp_path / f"stack.{ending}"
    write_regions(path, regions_from_labels(labels), labels.shape)
    assert numbers(path) == [4, 2, 4, 2, 4]
    assert np.array_equal(labels_from_regions(read_regions(path)[0], labels.shape), labels)


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1, 2, 5, LARGEST, LARGEST + 1]), st.integers(0, 2))))
def test_numbers_when_given_then_fit_labels_and_tell_objects_of_a_plane_apart(
    told: list[tuple[int, int]],
) -> None:
    found = [dot(number, (depth,)) for number, depth in told]
    given = [(region.id, region.plane) for region in numbered(found)]
    assert len(given) == len(set(given)) == len(found)
    assert all(1 <= number <= LARGEST for number, _ in given)
    first = dict.fromkeys((each.id, each.plane) for each in found if 1 <= each.id <= LARGEST)
    assert set(first) <= set(given)


def test_a_number_that_is_too_large_when_it_goes_through_planes_then_one_new_number_does() -> None:
    found = [dot(2**40, (0,)), dot(3, (0,)), dot(2**40, (1,)), None, dot(2**40, (1,))]
    assert [region.id for region in numbered(found)] == [4, 3, 4, 5]
    assert [region.id for region in numbered([dot(LARGEST), dot(1), dot(0)])] == [LARGEST, 1, 2]


def test_labels_of_64_bits_whose_numbers_are_too_large_then_get_others_that_can_be_saved(
    tmp_path: Path,
) -> None:
    labels = np.zeros((2, 8, 8), np.uint64)
    labels[:, 2:5, 2:5], labels[1, 6, 6], labels[0, 7] = 2**40, 3, 2**63
    np.save(tmp_path / "a.npy", labels)
    zarr.create_array(tmp_path / "a.zarr", data=labels)
    for name in ("a.npy", "a.zarr"):
        assert main(["convert", str(tmp_path / name), "-o", str(tmp_path / "b.tif"), "--overwrite"]) == 0
        held = tifffile.imread(tmp_path / "b.tif")
        assert {*zip(labels.flat, held.flat, strict=True)} == {(0, 0), (2**40, 4), (3, 3), (2**63, 5)}


@pytest.mark.parametrize("number", [-1, 0, 2**40, None])
def test_numbers_that_labels_cannot_hold_when_read_from_a_file_then_are_given_anew(
    tmp_path: Path, number: int | None
) -> None:
    assert numbers(geojson(tmp_path / "a.geojson", feature(0, {"label": number}))) == [1]
    assert numbers(coco(tmp_path / "a.json", [{"id": 1}], [{"image_id": 1, "label": number}])) == [1]


@pytest.mark.parametrize("number", [-1, 0, 2**32])
def test_numbers_that_labels_cannot_hold_when_drawn_then_one_sentence_says_so(number: int) -> None:
    with pytest.raises(DataError, match=f"Object {number} has a number .* from 1 to 4294967295"):
        labels_from_regions([dot(number)], (4, 4))


@pytest.mark.parametrize("ending", ["tif", "zarr"])
def test_numbers_that_labels_cannot_hold_when_written_as_labels_then_one_sentence_says_so(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"labels.{ending}"
    with pytest.raises(DataError, match="8589934593 has a number"):
        write_regions(path, [dot(2**33 + 1)], (4, 4))
    assert not path.exists()


def test_objects_when_on_a_plane_that_is_not_there_then_one_sentence_says_so(tmp_path: Path) -> None:
    for wrong in (
        dot(1, (3,)),
        dot(1, (-1,)),
        dot(1, (0, 0)),
        Region(1, (0,), (7, 0), np.ones((2, 1), bool)),
    ):
        with pytest.raises(DataError, match="outside"):
            labels_from_regions([wrong], (3, 8, 8))
        with pytest.raises(DataError, match="outside"):
            write_regions(tmp_path / "a.json", [wrong], (3, 8, 8))
    with pytest.raises(DataError, match="outside"):
        write_regions(tmp_path / "a.zip", [dot(1)], (3, 8, 8))
    with pytest.raises(DataError, match="the axes yx, and the image 3"):
        write_regions(tmp_path / "a.zarr", [dot(1, (0,))], (3, 8, 8), space=plain_space(2))


@pytest.mark.parametrize("ending", ["tif", "json", "geojson", "zip", "zarr"])
@pytest.mark.parametrize("shape", [(8, 9), (3, 8, 9), (2, 3, 8, 9)])
def test_labels_without_objects_when_written_and_read_then_there_are_none(
    tmp_path: Path, shape: tuple[int, ...], ending: str
) -> None:
    path = tmp_path / f"none.{ending}"
    write_regions(path, regions_from_labels(np.zeros(shape, np.int32)), shape)
    regions, read = read_regions(path)
    assert regions == []
    assert read == ((1, 1) if ending in ("geojson", "zip") else shape)
    assert not read_labels_layer(str(path))[0][0].any()


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 4, 4)])
def test_an_image_without_pixels_when_written_then_is_read_again_or_refused(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    nothing = np.zeros(shape, np.int32)
    for ending in ("json", "geojson", "zip", "zarr"):
        path = tmp_path / f"none.{ending}"
        write_labels_layer(str(path), nothing, {})
        assert read_regions(path) == ([], (1, 1) if ending in ("geojson", "zip") else shape)
    write_labels_layer(str(tmp_path / "none.csv"), nothing, {})
    assert len((tmp_path / "none.csv").read_text().splitlines()) == 1
    with pytest.raises(DataError, match="without pixels"):
        write_labels_layer(str(tmp_path / "none.tif"), nothing, {})


def test_coco_when_of_several_images_then_asks_for_a_file_each(tmp_path: Path) -> None:
    both = [{"image_id": 1}, {"image_id": 2}]
    path = coco(tmp_path / "two.json", [{"id": 1}, {"id": 2}], both)
    with pytest.raises(DataError, match=r"^two\.json holds objects of 2 images; export those of each"):
        read_regions(path)


def test_coco_when_its_images_are_planes_then_each_object_is_on_its_own(tmp_path: Path) -> None:
    planes = [{"id": 1, "plane": [0]}, {"id": 2, "plane": [2]}]
    path = coco(tmp_path / "stack.json", planes, [{"image_id": 1}, {"image_id": 2}])
    regions, shape = read_regions(path)
    assert [region.plane for region in regions] == [(0,), (2,)]
    assert shape == (3, 8, 8)


def test_geojson_of_a_stack_when_an_object_is_at_z_0_then_all_have_a_plane(tmp_path: Path) -> None:
    path = geojson(tmp_path / "z.geojson", feature(0, {}), feature(10, {}, {"c": -1, "z": 1, "t": 0}))
    regions, shape = read_regions(path)
    assert [region.plane for region in regions] == [(0,), (1,)]
    assert labels_from_regions(regions, shape).any(axis=(1, 2)).tolist() == [True, True]


def test_geojson_of_a_time_series_when_read_then_every_frame_has_its_object(tmp_path: Path) -> None:
    frames = [feature(0, {}, {"c": -1, "z": 0, "t": time}) for time in range(3)]
    regions, shape = read_regions(geojson(tmp_path / "t.geojson", *frames))
    assert [region.plane for region in regions] == [(0,), (1,), (2,)]
    assert shape == (3, 4, 4)
    assert (labels_from_regions(regions, shape) > 0).all()


def test_geojson_of_ours_when_an_object_is_added_then_it_has_as_many_axes(tmp_path: Path) -> None:
    ours = feature(0, {"label": 1, "dimensions": 2}, {"c": -1, "z": 0, "t": 0})
    regions, shape = read_regions(geojson(tmp_path / "a.geojson", ours, feature(4, {})))
    assert [region.plane for region in regions] == [(0, 0), (0, 0)]
    assert shape == (1, 1, 8, 8)
    path = geojson(tmp_path / "b.geojson", feature(0, {"dimensions": 2}, {"c": -1, "z": 0, "t": 1}))
    ((labels, options, _),) = read_labels_layer(str(path))
    assert labels.shape == (2, 1, 4, 4)
    Labels(labels, **options)


def test_geojson_when_properties_are_null_then_the_object_is_read(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", feature(0, None), feature(9, {"label": 1}))
    assert numbers(path) == [2, 1]
    path.write_bytes(BOM_UTF8 + path.read_bytes())  # as some editors save
    assert numbers(path) == [2, 1]


@pytest.mark.parametrize(
    ("positions", "plane"),
    [
        ({"t_position": 2}, (1,)),
        ({"t_position": 2, "z_position": 3}, (1, 2)),
        ({"position": 4}, (3,)),
        ({}, ()),
    ],
)
def test_a_roi_when_it_has_positions_then_0_means_the_first(
    tmp_path: Path, positions: dict[str, int], plane: tuple[int, ...]
) -> None:
    path = rois(tmp_path / "a.zip", "a", **positions)
    ((region,), shape) = read_regions(path)
    assert region.plane == plane
    assert shape == (*(at + 1 for at in plane), 4, 4)
    assert (labels_from_regions([region], shape)[plane] == 1).all()


def test_a_roi_when_cut_short_then_one_sentence_says_so(tmp_path: Path) -> None:
    path = tmp_path / "short.roi"
    path.write_bytes(ImagejRoi.frompoints(SQUARE).tobytes()[:70])
    with pytest.raises(DataError, match=r"short\.roi holds no ImageJ ROIs"):
        read_regions(path)


def test_a_file_when_damaged_anywhere_then_one_sentence_says_so(tmp_path: Path) -> None:
    deep, nowhere = "[" * 100_000, feature(0, {})
    nowhere["geometry"]["coordinates"][0][2] = [float("nan"), 4.0]
    for name in ("deep.json", "deep.geojson"):
        (tmp_path / name).write_text(deep)
    packed = tmp_path / "packed.zip"
    with ZipFile(packed, "w", ZIP_DEFLATED) as file:
        file.writestr("cell.roi", ImagejRoi.frompoints(SQUARE).tobytes())
    content = bytearray(packed.read_bytes())
    content[content.index(b"cell.roi") + 8] = 0xFF  # where the compressed bytes begin
    packed.write_bytes(content)
    write_regions(tmp_path / "chunk.zarr", [dot(1)], (8, 8))
    (tmp_path / "chunk.zarr" / "0" / "0" / "0").write_bytes(b"no chunk of a zarr array")
    geojson(tmp_path / "nowhere.geojson", nowhere)
    for name in ("deep.json", "deep.geojson", "nowhere.geojson", "packed.zip", "chunk.zarr"):
        with pytest.raises(DataError, match=rf"^{name} .*(export|save) (it|them) again\.$"):
            read_regions(tmp_path / name)


def test_a_file_when_it_may_not_be_read_then_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path, **_: object) -> None:  # the tests may run as root, who may all
        raise PermissionError(13, "not yours", str(path))

    monkeypatch.setattr(Path, "read_text", forbidden)
    for path in (coco(tmp_path / "a.json", [], []), geojson(tmp_path / "a.geojson")):
        with pytest.raises(DataError, match=rf"^{path} cannot be read \(not yours\); check that it is there"):
            read_regions(path)


@pytest.mark.parametrize("shape", [(-8, 8), (10**12, 10**12)])
def test_a_shape_when_no_image_can_have_it_then_one_sentence_says_so(shape: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=r"^There can be no image of \("):
        labels_from_regions([], shape)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
def test_a_png_when_in_colour_then_is_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "colour.png"
    Image.new(mode, (30, 20)).save(path)
    with pytest.raises(DataError, match=r"^colour\.png is a picture in colour"):
        read_regions(path)


def test_a_tiff_when_in_colour_then_is_refused_and_three_planes_are_not(tmp_path: Path) -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[3:6, 4:9] = 1
    tifffile.imwrite(tmp_path / "colour.tif", pixels, photometric="rgb")
    with pytest.raises(DataError, match=r"^colour\.tif is a picture in colour"):
        read_regions(tmp_path / "colour.tif")
    tifffile.imwrite(tmp_path / "planes.tif", np.moveaxis(pixels, -1, 0), photometric="minisblack")
    regions, shape = read_regions(tmp_path / "planes.tif")
    assert (len(regions), shape) == (3, (3, 20, 30))


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_a_png_when_of_numbers_then_is_read_as_labels(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "labels.png"
    picture = Image.new(mode, (30, 20))
    if mode == "P":
        picture.putpalette(np.random.default_rng(0).bytes(768))
    picture.putpixel((7, 5), 9)
    picture.save(path)
    ((region,), shape) = read_regions(path)
    assert (region.id, region.origin, shape) == (9, (5, 7), (20, 30))
