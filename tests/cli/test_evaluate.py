from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam.cli import main
from napari_sam.errors import DataError
from napari_sam.training.config import DataConfig
from napari_sam.training.measuring.sets import Folder
from napari_sam.training.measuring.sheet import CAPTION, COLUMNS, TILE
from napari_sam.training.planes import read_planes
from napari_sam.training.samples import read_folder, read_samples


def measuring(folder: Path, limit: int) -> list[str]:
    """Return what is typed to measure on at most so many objects of each image."""
    images, labels = str(folder / "images"), str(folder / "labels")
    return ["evaluate", "--images", images, "--labels", labels, "--limit", str(limit)]


def test_evaluate_when_run_on_labelled_images_then_prints_a_table_and_writes_json(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed, out = measuring(data_folder / "dsb2018", 3), tmp_path / "scores.json"
    failures = tmp_path / "failures.png"
    failures.write_bytes(b"old")
    (tmp_path / "before").hardlink_to(failures)  # which what is written into the file would change
    assert main([*typed, "--json", str(out), "--failures", str(failures)]) == 0
    assert (tmp_path / "before").read_bytes() == b"old"
    with Image.open(failures) as sheet:
        assert sheet.size == (COLUMNS * (TILE + 4), 2 * (TILE + CAPTION + 4))
    report = json.loads(out.read_text())
    assert report["model"] == "cell-tiny"
    assert report["objects"] == len(report["scores"]) == 9
    assert 0.4 < report["mean"]["point"] <= report["mean"]["best_of_three"] <= 1
    assert 0.4 < report["mean"]["box"] <= 1
    table = capsys.readouterr().out
    assert f"{report['mean']['box']:.3f}" in table


def test_evaluate_when_automatic_on_one_image_then_three_methods_are_compared(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        (whole,) = (data_folder / "dsb2018" / kind).glob("29dd28df98ee.*")
        Image.open(whole).crop((0, 0, 128, 128)).save(tmp_path / kind / whole.name)
    typed, out = measuring(tmp_path, 1), tmp_path / "scores.json"
    assert main([*typed, "--automatic", "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    methods = report["automatic"]["all"]
    assert list(methods) == ["auto", "watershed", "grid"]
    assert all(0 <= m["precision"] <= m["f1"] <= 1 for m in methods.values())
    assert methods["watershed"]["precision"] == pytest.approx(report["dense_precision"]["all"])
    assert methods["auto"]["f1"] > 0.3
    printed = capsys.readouterr()
    assert f"{methods['auto']['precision']:.3f}" in printed.out
    assert "--pieces" not in printed.err
    with pytest.raises(SystemExit, match="2"):
        main([*typed, "--limit-images", "0"])
    assert "--limit-images" in capsys.readouterr().err


def test_evaluate_when_a_method_is_named_then_it_alone_is_measured_and_nothing_is_prompted(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed, out = [*measuring(data_folder / "dsb2018", 0), "--limit-images", "1"], tmp_path / "scores.json"
    assert main([*typed, "--methods", "watershed", "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert list(report["automatic"]["all"]) == ["watershed"]
    assert report["objects"] == 0
    assert f"{report['dense_precision']['all']:.3f}" in capsys.readouterr().out
    for wrong in (["--methods", "watersheds"], ["--limit", "-1"], ["--failures", str(tmp_path / "a.png")]):
        with pytest.raises(SystemExit, match="2"):
            main([*typed, *wrong])
        assert wrong[0].replace("failures", "limit") in capsys.readouterr().err
    assert main(["evaluate", "--scenes", "1", "--json", str(tmp_path / "none" / "a.json")]) == 1
    assert "a.json does not exist; make it first" in capsys.readouterr().err


def test_evaluate_when_what_it_writes_would_replace_what_it_reads_then_says_so_and_leaves_it(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(data_folder / "dsb2018", tmp_path / "own")
    truth, image = (min((folder / each).iterdir()) for each in ("labels", "images"))
    for written in (["--json", str(truth)], ["--failures", str(image)]):
        assert main([*measuring(folder, 1), "--limit-images", "1", *written]) == 1
        assert f"{written[1]} is of the images and labels that are read" in capsys.readouterr().err
    assert truth.read_bytes() == (data_folder / "dsb2018" / "labels" / truth.name).read_bytes()
    (tmp_path / "link.png").symlink_to(tmp_path / "both.png")
    both = ["--json", str(tmp_path / "both.png"), "--failures", str(tmp_path / "link.png")]
    assert main([*measuring(folder, 1), "--limit-images", "1", *both]) == 1
    assert "link.png is named for two things that are written" in capsys.readouterr().err


def test_evaluate_when_channels_are_chosen_then_these_alone_are_measured_and_learnt_from(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one of seven that shows nuclei, in a plane and in a stack of two."""
    images, labels, stacks = (tmp_path / name for name in ("images", "labels", "stacks"))
    for each in (images, labels, stacks):
        each.mkdir()
    seen = np.asarray(Image.open(data_folder / "dsb2018" / "images" / "29dd28df98ee.png").convert("L"))
    truth = tifffile.imread(data_folder / "dsb2018" / "labels" / "29dd28df98ee.tif")
    channels = np.stack([0 * seen, seen, *[255 - seen] * 5])
    tifffile.imwrite(images / "a.tif", channels, metadata={"axes": "CYX"}, ome=True)
    tifffile.imwrite(labels / "a.tif", truth)
    (alone,) = read_samples(data_folder / "dsb2018" / "images" / "29dd28df98ee.png", labels / "a.tif")
    data = DataConfig(images, (labels,), channels=(1,))
    (chosen,) = read_folder(data)
    assert np.array_equal(chosen.image, alone.image)
    folder = Folder(images, (labels,), channels=(1,))
    assert np.array_equal(folder[0][0][..., 0], seen)
    tifffile.imwrite(stacks / "a.tif", np.stack([channels] * 2), metadata={"axes": "ZCYX"}, ome=True)
    planes = read_planes(stacks / "a.tif", [twice(labels / "a.tif", tmp_path)], channels=(1,))
    assert [np.array_equal(each.pixels[..., 0], seen) for each in planes] == [True, True]
    with pytest.raises(DataError, match="there is no channel 7 in it"):
        read_folder(replace(data, channels=(7,)))

    typed = ["evaluate", "--images", str(images), "--labels", str(labels), "--limit", "0"]
    assert main([*typed, "--methods", "watershed"]) == 1
    assert "has 7 channels" in capsys.readouterr().err
    out = tmp_path / "scores.json"
    assert main([*typed, "--methods", "watershed", "--channels", "1", "--json", str(out)]) == 0
    assert json.loads(out.read_text())["dense_precision"]["all"] > 0.2
    for more in (["--channels", "1"], ["--zoom", "2"], ["--labels", str(labels)]):
        with pytest.raises(SystemExit, match="2"):
            main(["evaluate", "--scenes", "1", *more])


def test_evaluate_when_files_are_damaged_or_do_not_fit_then_says_which_and_measures_the_others(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        (whole,) = (data_folder / "dsb2018" / kind).glob("29dd28df98ee.*")
        with Image.open(whole) as opened:
            for name in ("broken image", "broken labels", "good"):
                opened.crop((0, 0, 96, 96)).save(tmp_path / kind / f"{name}.png")
            other = "good.tif.tif" if kind == "labels" else "good.tif"
            opened.crop((100, 100, 196, 196)).save(tmp_path / kind / other)
            side = 60 if kind == "labels" else 96
            opened.crop((0, 0, side, side)).save(tmp_path / kind / "other size.png")
    for kind in ("image", "labels"):
        file = tmp_path / f"{kind.removesuffix('s')}s" / f"broken {kind}.png"
        file.write_bytes(file.read_bytes()[:200])
    typed, out = measuring(tmp_path, 1), tmp_path / "scores.json"
    assert main([*typed, "--json", str(out), "--failures", str(tmp_path / "worst.png")]) == 1
    told, report = capsys.readouterr(), json.loads(out.read_text())
    names = ["broken image", "broken labels", "other size"]
    assert list(report["failed"]) == names
    assert [score["image"] for score in report["scores"]] == ["good (png)", "good (tif)"]
    *lines, last = told.err.splitlines()[-4:]
    assert [line.partition(":")[0] for line in lines] == names
    assert [line.partition(": ")[2].split()[:2] for line in lines] == [
        ["images/broken", "image.png"], ["labels/broken", "labels.png"], ["labels/other", "size.png"]
    ]  # fmt: skip
    assert "give labels of the image's size" in lines[2]
    assert "3 images could not be measured" in last
    assert told.out.splitlines()[-1].split() == ["failed", "3"]
    assert (tmp_path / "worst.png").exists()


def twice(labels: Path, folder: Path) -> Path:
    """Return labels of two planes that are the same."""
    tifffile.imwrite(folder / "twice.tif", np.stack([tifffile.imread(labels)] * 2))
    return folder / "twice.tif"


def test_evaluate_when_labels_are_masks_of_all_cells_or_of_kinds_then_says_how_they_are_numbered(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    for kinds, path in enumerate((data_folder / "dsb2018" / "labels").iterdir(), 1):
        labels = tifffile.imread(path)
        kind = np.where(labels > 0, labels % kinds + 1, 0).astype(np.uint8)
        Image.fromarray(kind * 100).save(folder / f"{path.stem}.png")
    typed = measuring(data_folder / "dsb2018", 0)
    typed[4] = str(folder)
    assert main([*typed, "--limit-images", "1"]) == 0
    assert "--pieces` numbers them" in capsys.readouterr().err


def test_evaluate_when_labels_show_no_object_then_says_which_and_of_none_that_nothing_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    labels = np.zeros((64, 64), np.uint8)
    Image.fromarray(labels).save(tmp_path / "images" / "a.png")
    Image.fromarray(labels).save(tmp_path / "labels" / "a.png")
    out = tmp_path / "scores.json"
    assert main([*measuring(tmp_path, 1), "--json", str(out)]) == 1
    said = capsys.readouterr()
    assert "without an object in their labels: 1 image (a) in" in said.err
    assert "nothing to measure" in said.err
    assert not said.out
    assert not out.exists()


def test_evaluate_when_images_are_enlarged_then_the_same_objects_are_larger(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed, diameters = [*measuring(data_folder / "dsb2018", 2), "--limit-images", "1"], []
    for zoom in ("1", "2"):
        out = tmp_path / f"{zoom}.json"
        assert main([*typed, "--zoom", zoom, "--json", str(out)]) == 0
        diameters.append([score["diameter"] for score in json.loads(out.read_text())["scores"]])
    assert diameters[1] == pytest.approx([2 * diameter for diameter in diameters[0]])
    with pytest.raises(SystemExit, match="2"):
        main([*typed, "--zoom", "0"])
    assert "--zoom" in capsys.readouterr().err
