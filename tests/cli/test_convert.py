from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from roifile import roiread, roiwrite

from napari_sam.cli import main
from napari_sam.export import labels_from_regions, read_objects, read_regions
from napari_sam.export.layers import read_labels_layer
from napari_sam.files.pixel_size import PixelSize, pixel_size_of
from napari_sam.session import Edit, Object
from napari_sam.session.journal.journal import Journal


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    image = np.zeros((40, 60), np.uint16)
    image[3:9, 4:20] = 1
    image[20:30, 10:15] = image[20:30, 40:45] = 2
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, image)
    return path


def test_convert_when_sent_through_three_formats_then_the_labels_come_back(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for source, target in (("labels.tif", "a.geojson"), ("a.geojson", "a.zip"), ("a.zip", "a.json")):
        assert main(["convert", str(tmp_path / source), "-o", str(tmp_path / target)]) == 0
    back = tmp_path / "back.tif"
    assert main(["convert", str(tmp_path / "a.json"), "-o", str(back), "--like", str(labels)]) == 0
    assert np.array_equal(tifffile.imread(back), tifffile.imread(labels))
    assert "back.tif: 2 objects" in capsys.readouterr().out


def test_convert_when_an_ome_zarr_image_has_no_labels_then_gets_some(labels: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.ome.zarr"
    zarr.create_group(image, zarr_format=2).create_array("0", data=np.zeros((40, 60), np.uint8))
    assert main(["convert", str(labels), "-o", str(image / "labels" / "cells")]) == 0
    assert main(["convert", str(image), "-o", str(tmp_path / "back.tif")]) == 0
    assert np.array_equal(tifffile.imread(tmp_path / "back.tif"), tifffile.imread(labels))


def test_convert_when_given_a_journal_then_what_stands_is_kept_with_labels_that_were_there_and_what_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "cells.tif"
    size = PixelSize(0.5, 0.25).to_tiff()
    tifffile.imwrite(image, np.zeros((1, 20, 24), np.uint8), metadata={"axes": "ZYX"}, **size)
    journal = Journal(tmp_path / "cells.napari-sam" / "cells labels.journal", (20, 24), image)
    there, gone = Object(3, (), (0, 0), np.ones((9, 9), bool)), Object(4, (), (12, 0), np.ones((3, 3), bool))
    made = Object(5, (), (5, 5), np.ones((9, 9), bool), model="cell-tiny", category="nucleus")
    for what, edit in (
        ("adopt", Edit("adopt", (), (there, gone))),
        ("do", Edit("commit", (), (made,))),
        ("do", Edit("delete", (gone,), ())),
    ):
        journal.write(what, edit)
    journal.close()
    drawn = np.zeros((20, 24), int)
    drawn[5:14, 5:14], drawn[:9, :9] = 5, 3  # the older one on top, as in napari
    for name in ("a.tif", "a.json"):
        assert main(["convert", str(journal.path), "-o", str(tmp_path / name)]) == 0
        regions, shape = read_regions(tmp_path / name)
        assert np.array_equal(labels_from_regions(regions, shape), drawn)
    assert [(each.id, each.area, each.category) for each in regions] == [(5, 81, "nucleus"), (3, 81, "")]
    assert pixel_size_of(tmp_path / "a.tif") == PixelSize(0.5, 0.25)
    pixels, named = np.zeros((2, 3, 20, 24), np.uint8), {"axes": "ZCYX"}
    tifffile.imwrite(image, pixels, photometric="minisblack", metadata=named, **size)
    mixed = Journal(tmp_path / "cells.napari-sam" / "mixed.journal", (2, 1, 20, 24), image)
    mixed.write("do", Edit("commit", (), (replace(made, plane=(1, 0)),)))
    mixed.close()
    space = read_objects(mixed.path).space
    assert space is not None
    assert space.axes == "zcyx"
    image.write_text("no image any more")
    assert main(["convert", str(journal.path), "-o", str(tmp_path / "a.tif"), "--overwrite"]) == 0
    assert pixel_size_of(tmp_path / "a.tif") is None
    assert main(["convert", str(tmp_path / "a.json"), "-o", str(tmp_path / "b.json"), "--pieces"]) == 0
    regions, _ = read_regions(tmp_path / "b.json")
    assert [(each.id, each.area, each.category) for each in regions] == [(1, 81, "nucleus"), (2, 81, "")]
    damaged = journal.path.read_bytes().replace(b'"do":"commit"', b'"do":"commot"')
    journal.path.write_bytes(damaged)
    capsys.readouterr()
    for command in (["convert", "-o", str(tmp_path / "c.json")], ["methods"], ["replay"]):
        main([command[0], str(journal.path), *command[1:]])
        assert "is damaged: 1 line of it could not be read" in capsys.readouterr().err
    assert journal.path.read_bytes() == damaged


def test_convert_when_pieces_are_asked_for_then_three_objects(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(labels), "-o", str(tmp_path / "a.csv"), "--pieces"]) == 0
    assert "3 objects" in capsys.readouterr().out
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 4


def test_convert_when_the_file_is_there_or_missing_then_one_sentence(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(labels), "-o", str(labels)]) == 1
    assert "there already" in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "no.tif"), "-o", str(tmp_path / "a.csv")]) == 1
    assert "There is no file" in capsys.readouterr().err
    assert main(["convert", str(labels), "-o", str(labels), "--like", str(tmp_path / "no.tif")]) == 1
    assert f"There is no image {tmp_path / 'no.tif'}; check the name." in capsys.readouterr().err
    assert main(["convert", str(labels), "-o", str(tmp_path / "none" / "a.csv")]) == 1
    assert "a.csv does not exist; make it first" in capsys.readouterr().err


def test_convert_when_there_are_no_objects_then_the_image_gives_the_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.tif"
    tifffile.imwrite(empty, np.zeros((40, 60), np.uint16))
    for source, target in (("empty.tif", "a.geojson"), ("a.geojson", "a.zip"), ("a.zip", "a.json")):
        line = ["convert", str(tmp_path / source), "-o", str(tmp_path / target), "--like", str(empty)]
        assert main(line) == 0
    assert main(["convert", str(tmp_path / "a.json"), "-o", str(tmp_path / "back.tif")]) == 0
    assert np.array_equal(tifffile.imread(tmp_path / "back.tif"), tifffile.imread(empty))
    assert "back.tif: 0 objects" in capsys.readouterr().out


def test_convert_when_objects_are_of_a_movie_then_each_is_in_its_frame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    movie, geojson, rois = (tmp_path / name for name in ("movie.tif", "a.geojson", "a.zip"))
    labels = np.zeros((3, 20, 30), np.uint16)
    labels[:, 2:6, 3:9], labels[1:, 9:14, 20:25] = 1, 2
    tifffile.imwrite(movie, labels, photometric="minisblack", metadata={"axes": "TYX"})
    assert main(["convert", str(movie), "-o", str(geojson)]) == 0
    assert capsys.readouterr().out == f"{geojson}: 2 objects (5 masks)\n"
    planes = [{"c": -1, "z": 0, "t": time} for time in (0, 1, 1, 2, 2)]
    again, tiff = tmp_path / "again.geojson", tmp_path / "again.tif"
    for source, target in ((geojson, rois), (rois, again), (rois, tiff)):  # which know their axis themselves
        assert main(["convert", str(source), "-o", str(target)]) == 0
    for path in (geojson, again):
        assert [each["geometry"]["plane"] for each in json.loads(path.read_text())["features"]] == planes
    assert read_objects(tiff).space == read_objects(rois).space
    assert read_labels_layer(str(rois))[0][1]["axis_labels"] == ("t", "y", "x")
    plain, other, one = (tmp_path / name for name in ("plain.tif", "b.geojson", "one.ome.zarr"))
    tifffile.imwrite(plain, labels, photometric="minisblack")  # as most programs save masks
    assert main(["convert", str(plain), "-o", str(other), "--like", str(movie)]) == 0
    assert other.read_text() == geojson.read_text()
    tifffile.imwrite(plain, labels[0])
    assert main(["convert", str(plain), "-o", str(one), "--like", str(movie)]) == 0
    assert zarr.open_group(one)["0"].shape == labels.shape
    assert main(["convert", str(geojson), "-o", str(rois), "--like", str(movie), "--overwrite"]) == 0
    assert main(["convert", str(rois), "-o", str(tmp_path / "back.tif"), "--like", str(movie)]) == 0
    with tifffile.TiffFile(tmp_path / "back.tif") as back:
        assert np.array_equal(back.asarray(), labels)
        assert back.series[0].axes == "TYX"


@pytest.mark.parametrize(("at", "axes"), [((slice(None), 0), "t"), ((0, slice(None)), "z"), ((0, 0), "")])
def test_convert_when_another_program_left_an_axis_out_then_the_image_gives_it(
    tmp_path: Path, at: tuple[Any, ...], axes: str
) -> None:
    image, geojson, rois, back = (tmp_path / name for name in ("a.tif", "a.geojson", "a.zip", "back.tif"))
    labels = np.zeros((3, 2, 20, 30), np.uint8)
    labels[(*at, slice(2, 6), slice(3, 9))] = 1
    tifffile.imwrite(image, labels, photometric="minisblack", metadata={"axes": "TZYX"})
    for path in (geojson, rois):
        assert main(["convert", str(image), "-o", str(path)]) == 0
    content = json.loads(geojson.read_text())
    for feature in content["features"]:
        del feature["properties"]["dimensions"]  # which QuPath does not keep
    geojson.write_text(json.dumps(content))
    kept = roiread(rois)
    for index, roi in enumerate(kept):
        roi.name = f"{index} 1"
        roi.t_position, roi.z_position = roi.t_position * ("t" in axes), roi.z_position * ("z" in axes)
    roiwrite(rois, kept, mode="w")
    for path in (geojson, rois):
        typed = ["convert", str(path), "-o", str(back), "--like", str(image), "--overwrite"]
        assert main(typed) == 0
        assert np.array_equal(tifffile.imread(back), labels)


@pytest.mark.parametrize("ending", [".geojson", ".zip"])
def test_convert_when_an_image_has_its_planes_before_its_frames_then_objects_lie_where_they_did(
    tmp_path: Path, ending: str
) -> None:
    image, objects, back = tmp_path / "a.ome.tif", tmp_path / f"a{ending}", tmp_path / "back.tif"
    labels = np.zeros((2, 2, 20, 30), np.uint8)
    labels[1, 0, 2:6, 3:9], labels[1, 1, 9:14, 3:9] = 1, 2
    tifffile.imwrite(image, labels, photometric="minisblack", metadata={"axes": "ZTYX"})
    assert main(["convert", str(image), "-o", str(objects)]) == 0
    assert main(["convert", str(objects), "-o", str(back), "--like", str(image)]) == 0
    assert np.array_equal(tifffile.imread(back), labels)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((2, 40, 60), {"metadata": {"axes": "CYX"}}),
        ((2, 3, 40, 60), {"metadata": {"axes": "TCYX"}}),
        ((40, 60, 3), {"photometric": "rgb"}),
    ],
)
def test_convert_when_the_image_has_channels_or_frames_then_its_labels_have_frames_alone(
    labels: Path, tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    image, back = tmp_path / "image.tif", tmp_path / "back.tif"
    tifffile.imwrite(image, np.zeros(shape, np.uint8), **({"photometric": "minisblack"} | options))
    assert main(["convert", str(labels), "-o", str(tmp_path / "a.geojson")]) == 0
    assert main(["convert", str(tmp_path / "a.geojson"), "-o", str(back), "--like", str(image)]) == 0
    drawn = tifffile.imread(back)
    if drawn.ndim == 3:
        assert not drawn[1:].any()
        drawn = drawn[0]
    assert np.array_equal(drawn, tifffile.imread(labels))


def test_convert_when_the_image_has_other_axes_or_is_the_output_then_one_sentence(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, image = tmp_path / "stack.tif", str(labels)
    tifffile.imwrite(stack, np.ones((2, 40, 60), np.uint8), photometric="minisblack")
    assert main(["convert", str(stack), "-o", str(tmp_path / "a.json"), "--like", image]) == 1
    assert f"{image} has 2 axes without channels" in capsys.readouterr().err
    other, out = tmp_path / "other.tif", tmp_path / "b.tif"
    tifffile.imwrite(other, np.ones((2, 50, 60), np.uint8), photometric="minisblack")
    for each in (stack, image):  # which is told, as it may be what another program cut to its objects
        assert main(["convert", str(each), "-o", str(out), "--like", str(other), "--overwrite"]) == 0
        told = f"{other} is of 50 x 60 pixels, and the objects lie in 40 x 60, laid into its first rows"
        assert told in capsys.readouterr().err
        assert tifffile.imread(out).shape == (2, 50, 60)
    assert main(["convert", str(stack), "-o", image, "--like", image, "--overwrite"]) == 1
    assert "is the image itself" in capsys.readouterr().err


def test_convert_when_a_tiff_tells_how_large_its_pixels_are_then_ome_zarr_does_and_back(
    labels: Path, tmp_path: Path
) -> None:
    tifffile.imwrite(labels, tifffile.imread(labels), **PixelSize(0.5, 0.25).to_tiff())
    again, back = tmp_path / "a.ome.zarr", tmp_path / "back.tif"
    assert main(["convert", str(labels), "-o", str(again)]) == 0
    space = read_objects(again).space
    assert space is not None
    assert (space.scale, space.units) == ((0.5, 0.25), ("micrometer", "micrometer"))
    assert main(["convert", str(again), "-o", str(back)]) == 0
    assert pixel_size_of(back) == PixelSize(0.5, 0.25)
    plain, sized = tmp_path / "plain.tif", tmp_path / "sized.tif"
    tifffile.imwrite(plain, tifffile.imread(labels))
    assert main(["convert", str(plain), "-o", str(sized), "--like", str(labels)]) == 0
    assert pixel_size_of(sized) == PixelSize(0.5, 0.25)
