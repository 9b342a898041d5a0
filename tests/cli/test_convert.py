from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam.cli import main


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
