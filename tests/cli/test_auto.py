from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from pycocotools import mask as rle

from napari_sam.automatic.batch.files import images_of
from napari_sam.automatic.thresholds import THRESHOLDS
from napari_sam.cli import main
from napari_sam.cli.thresholds import OPTIONS
from napari_sam.export import read_regions
from napari_sam.files.images import read_image
from napari_sam.training.samples import image_label_pairs

STEM = "4327d2759187"


@pytest.fixture
def image(data_folder: Path) -> Path:
    return data_folder / "dsb2018" / "images" / f"{STEM}.png"


@pytest.mark.parametrize("option", ["--masks", "--picture"])
def test_auto_when_something_written_is_there_then_nothing_is_done(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    kept = tmp_path / "kept.png"
    kept.write_text("by hand")
    out = tmp_path / "labels.tif"
    assert main(["auto", str(image), "-o", str(out), option, str(kept)]) == 1
    assert (
        capsys.readouterr()
        .err.strip()
        .endswith(f"{kept} exists; choose another output, or give --overwrite.")
    )
    assert kept.read_text() == "by hand"
    assert not out.exists()


def test_auto_when_given_an_image_then_labels_masks_and_a_picture_are_written(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, masks, picture = (tmp_path / name for name in ("labels.tif", "masks.json", "seen.png"))
    typed = ["auto", str(image), "-o", str(out), "--masks", str(masks), "--picture", str(picture)]
    assert main(typed) == 0
    labels = tifffile.imread(out)
    content = json.loads(masks.read_text())
    assert labels.dtype == np.uint16
    assert labels.max() > 3
    assert capsys.readouterr().out.strip() == f"{out}: {labels.max()} labels"
    assert (content["image"]["height"], content["image"]["width"]) == labels.shape
    assert len(content["annotations"]) >= labels.max()
    for each in content["annotations"]:
        assert rle.decode(each["segmentation"]).shape == labels.shape
        assert rle.area(each["segmentation"]) == each["area"]
    with Image.open(picture) as drawn:
        assert max(drawn.size) >= 1080
    regions, shape = read_regions(masks)
    assert shape == labels.shape
    assert [each.area for each in regions] == [each["area"] for each in content["annotations"]]


def test_auto_when_nothing_is_there_then_empty_labels_and_a_line_that_says_what_to_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "dark.npy", np.zeros((50, 60), np.uint8))
    out = tmp_path / "labels.npy"
    assert main(["auto", str(tmp_path / "dark.npy"), "-o", str(out)]) == 0
    assert not np.load(out).any()
    said = capsys.readouterr()
    assert "lower the threshold or pick another channel" in said.err
    assert said.out.strip() == f"{out}: 0 labels"


def test_auto_when_thresholds_are_given_then_labels_are_within_them(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, masks = tmp_path / "labels.tif", tmp_path / "masks.json"
    typed = ["auto", str(image), "-o", str(out), "--overwrite", "--masks", str(masks)]
    assert main(typed) == 0
    areas = sorted(each["area"] for each in json.loads(masks.read_text())["annotations"])
    low, high = (round(float(np.sqrt(area * 4 / np.pi)), 1) for area in (areas[1], areas[-2]))
    assert low < high
    assert main([*typed, "--smallest", str(low + 0.1), "--largest", str(high - 0.1)]) == 0
    fewer = [each["area"] for each in json.loads(masks.read_text())["annotations"]]
    assert 0 < len(fewer) < len(areas) - 2
    assert np.pi / 4 * low**2 < min(fewer) <= max(fewer) < np.pi / 4 * high**2
    assert main([*typed, "--foreground", "0.4", "--largest", "2"]) == 0
    assert "no object above a foreground of 0.4 and up to 2 pixels across" in capsys.readouterr().err
    assert main([*typed, "--smallest", "9", "--largest", "4"]) == 1
    assert "No object is from 9 to 4 pixels across; give other sizes." in capsys.readouterr().err
    titles = {each.name: each.title for offered in THRESHOLDS.values() for each in offered}
    options = {name: option for name, (option, *_) in OPTIONS.items()}
    assert options == {name: f"--{title.lower().replace(' ', '-')}" for name, title in titles.items()}


def test_auto_when_channels_are_chosen_then_these_alone_are_seen(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of seven, which are more than can be seen at once, in every way that an image is read."""
    seen = np.asarray(read_image(image))[:100, :120]
    grey = seen if seen.ndim == 2 else seen[..., 0]
    channels = np.stack([255 - grey, grey, *[0 * grey] * 5])
    alone, named, other, stack = (tmp_path / n for n in ("alone.npy", "named.tif", "other.npy", "stack.npy"))
    np.save(alone, grey)
    np.save(other, channels)
    np.save(stack, np.stack([channels] * 2))
    tifffile.imwrite(named, channels, metadata={"axes": "CYX"}, ome=True)
    zarr.create_array(tmp_path / "lazy.zarr", data=channels)

    def labelled(*typed: object) -> np.ndarray:
        out = tmp_path / "labels.npy"
        assert main(["auto", *map(str, typed), "-o", str(out), "--overwrite"]) == 0
        return np.load(out)

    expected = labelled(alone)
    assert expected.max() > 1
    assert np.array_equal(labelled(named, "--channels", "1"), expected)
    for path in (other, tmp_path / "lazy.zarr"):
        assert np.array_equal(labelled(path, "--channel-axis", "0", "--channels", "1"), expected)
    assert not np.array_equal(labelled(named, "--channels", "1,0"), expected)
    large = ["auto", str(named), "-o", str(tmp_path / "labels.zarr"), "--channels"]
    assert main([*large, "1"]) == 0
    assert main([*large, "0"]) == 1
    assert "begun with another choice of channels" in capsys.readouterr().err
    second = Path(shutil.copy(named, tmp_path / "second.tif"))
    batch = ["auto", str(named), str(second), "-o", str(tmp_path / "out"), "--channels", "1"]
    assert main(batch) == 0
    assert json.loads((tmp_path / "out" / "settings.json").read_text())["channels"] == [1]
    point = ["--point", "10,10", "-o", str(tmp_path / "one.npy"), "--channels", "1"]
    assert main(["segment", str(named), *point]) == 0
    planes = ["stack", str(stack), "-o", str(tmp_path / "planes.npy"), "--axis", "z", "--channel-axis", "1"]
    assert main([*planes, "--channels", "1"]) == 0
    assert np.array_equal(np.load(tmp_path / "planes.npy")[1] > 0, expected > 0)
    capsys.readouterr()
    for path, number, told in (
        (named, "7", "named.tif has the channels 0 to 6; there is no channel 7 in it."),
        (alone, "1", "alone.npy has one channel, 0; there is no channel 1 in it."),
    ):
        assert main(["auto", str(path), "-o", str(tmp_path / "no.npy"), "--channels", number]) == 1
        assert told in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["auto", str(named), "-o", str(tmp_path / "no.npy"), "--channels", "dapi"])
    assert "'dapi' names no channels" in capsys.readouterr().err


def test_auto_when_the_output_cannot_hold_labels_then_fails_before_any_work(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["auto", str(image), "-o", str(tmp_path / "labels.jpg")]) == 1
    assert "cannot hold labels" in capsys.readouterr().err


def test_auto_when_the_labels_are_there_or_the_output_is_the_image_then_nothing_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, labels = tmp_path / "dark.npy", tmp_path / "labels.npy"
    np.save(image, np.zeros((50, 60), np.uint8))
    np.save(labels, np.ones((50, 60), np.uint16))
    assert main(["auto", str(image), "-o", str(labels)]) == 1
    assert "labels.npy exists; choose another output, or give --overwrite." in capsys.readouterr().err
    assert np.load(labels).all()
    for command in (["auto", "--overwrite"], ["segment", "--point", "20,30"], ["stack", "--axis", "z"]):
        assert main([*command, str(image), "-o", str(tmp_path / "." / image.name)]) == 1
        assert "is the image itself" in capsys.readouterr().err
    assert np.load(image).shape == (50, 60)
    assert main(["auto", str(image), "-o", str(labels), "--overwrite"]) == 0
    assert not np.load(labels).any()


def test_auto_when_a_folder_has_a_bad_file_then_the_others_are_written_and_it_fails(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, out = tmp_path / "images", tmp_path / "labels"
    images.mkdir()
    shutil.copy(image, images / "a.png")
    (images / "b.tif").write_bytes(b"II*")
    assert main(["auto", str(images), "-o", str(out)]) == 1
    said = capsys.readouterr()
    assert f"{images / 'b.tif'}: images/b.tif cannot be read" in said.err
    assert "1 of 2 images failed" in said.err
    count = tifffile.imread(out / "a.tif").max()
    assert said.out.strip() == f"{out}: 1 image, {count} labels"
    assert (out / "sheet.png").is_file()
    (images / "b.tif").unlink()
    shutil.copy(image, images / "sheet.png")
    assert main(["auto", str(images / "*.png"), "-o", str(out)]) == 0
    assert [path.name for path, _ in image_label_pairs(images, out)] == ["a.png", "sheet.png"]
    found = images_of([str(tmp_path / "**" / "*.*g"), str(out / "sheet.png")])  # not by the pattern
    assert found == [images / "a.png", images / "sheet.png", out / "sheet.png"]
    assert main(["auto", str(out), "-o", str(tmp_path / "again")]) == 1
    assert f"{out} holds labels of a batch, and no image; give the folder" in capsys.readouterr().err
    assert main(["auto", str(images), "-o", str(out), "--method", "grid"]) == 1
    assert "made with another method" in capsys.readouterr().err


def test_auto_when_images_of_a_batch_show_nothing_then_says_how_many(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, np.zeros((50, 60), np.uint8))
    typed = ["auto", str(tmp_path / "**" / "*.[nt][pi][yf]"), "-o", str(tmp_path / "labels")]
    for _ in range(2):  # the second time the pattern finds the labels, too
        assert main(typed) == 0
        said = capsys.readouterr()
        assert "2 images without any object" in said.err
        assert said.out.strip() == f"{tmp_path / 'labels'}: 2 images, 0 labels"


def test_auto_when_the_folder_is_empty_or_the_options_clash_then_says_so(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["auto", str(tmp_path / "empty"), "-o", str(tmp_path / "out")]) == 1
    assert "holds no image" in capsys.readouterr().err
    two = ["auto", str(image), str(image.with_name("29dd28df98ee.png"))]
    for wrong in (
        [*two, "-o", "labels.tif"],
        [*two, "-o", "labels.TIF"],
        [*two, "-o", "out", "--picture", "seen.png"],
        ["auto", str(image), "-o", "labels.tif", "--scheduler", "tcp://nowhere:1"],
        ["auto", str(image), "-o", "labels.zarr", "--masks", "masks.json"],
    ):
        with pytest.raises(SystemExit) as left:
            main(wrong)
        assert left.value.code == 2


def test_auto_when_the_output_is_zarr_then_the_image_is_segmented_in_windows(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.zarr"
    assert main(["auto", str(image), "-o", str(out)]) == 0
    labels = np.asarray(zarr.open_array(out, mode="r")[...])
    assert capsys.readouterr().out.strip() == f"{out}: {labels.max()} labels"
    assert main(["auto", str(image), "-o", str(out), "--method", "grid"]) == 1
    assert "begun with another method" in capsys.readouterr().err
    np.save(tmp_path / "long.npy", np.zeros((2, 5000), np.uint8))
    assert main(["auto", str(tmp_path / "long.npy"), "-o", str(tmp_path / "labels.tif")]) == 1
    assert "give an output in .zarr" in capsys.readouterr().err


def test_auto_when_a_large_tiff_is_damaged_inside_then_says_where_and_a_batch_goes_on(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "plate", tmp_path / "labels"
    folder.mkdir()
    slide = folder / "slide.tif"
    noise = np.random.default_rng(0).integers(0, 255, (4112, 64), np.uint8)
    tifffile.imwrite(slide, noise, tile=(64, 64), compression="zlib")
    held = bytearray(slide.read_bytes())
    held[len(held) // 2 : len(held) // 2 + 8000] = bytes(8000)
    slide.write_bytes(held)
    said = "The pixels [2048:3072, 0:64] of the image cannot be read"
    assert main(["auto", str(slide), "-o", str(tmp_path / "slide.zarr")]) == 1
    message = capsys.readouterr().err
    assert said in message
    assert "replace or repair its file" in message
    shutil.copy(image, folder)
    assert main(["auto", str(folder), "-o", str(out)]) == 1
    assert said in capsys.readouterr().err
    assert tifffile.imread(out / f"{STEM}.tif").any()
