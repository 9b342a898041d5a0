"""Which files `napari-sam segment` reads, and which it does not write over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image

from napari_sam.cli import main


@pytest.fixture
def plane() -> NDArray[np.uint16]:
    """Draw a bright disc of radius 14 at row 30, column 30, in noise."""
    y, x = np.ogrid[:120, :160]
    noise = np.random.default_rng(0).normal(200, 30, (120, 160))
    disc = 2000 * (np.hypot(y - 30, x - 30) <= 14)
    light: NDArray[np.uint16] = np.clip(noise + disc, 0, None).astype(np.uint16)
    return light


@pytest.fixture
def image(plane: NDArray[np.uint16], tmp_path: Path) -> Path:
    """Write it, and another image behind it."""
    path = tmp_path / "cells.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(plane)
        file.write(plane[:, :-1])
    return path


def segment(image: Path, out: Path, *options: object) -> int:
    return main(["segment", str(image), "--point", "30,30", "-o", str(out), *map(str, options)])


@pytest.mark.parametrize("there", ["labels.tif", "seen.png"])
def test_segment_when_something_written_is_there_then_it_is_kept_until_overwrite_is_given(
    there: str, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, picture = tmp_path / "labels.tif", tmp_path / "seen.png"
    (tmp_path / there).write_bytes(b"by hand")
    assert segment(image, out, "--picture", picture) == 1
    said = f"{tmp_path / there} exists; choose another output, or give --overwrite."
    assert said in capsys.readouterr().err
    assert {path.name: path.read_bytes() == b"by hand" for path in tmp_path.iterdir()} == {
        "cells.tif": False,
        there: True,
    }
    (tmp_path / "before").hardlink_to(tmp_path / there)  # which what is written into the file would change
    assert segment(image, out, "--picture", picture, "--overwrite") == 0
    assert (tmp_path / "before").read_bytes() == b"by hand"
    assert capsys.readouterr().err.startswith("cells.tif has 2 images, and only the first is taken;")
    assert tifffile.imread(out).max() == 1
    assert max(np.asarray(Image.open(picture)).shape) >= 1080


def test_segment_when_overwriting_then_the_image_itself_is_still_kept(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = image.read_bytes()
    assert segment(image, image, "--overwrite") == 1
    assert "is the image itself" in capsys.readouterr().err
    assert image.read_bytes() == before


def test_segment_when_the_folder_of_the_picture_is_missing_then_nothing_is_written(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "nope" / "seen.png"
    assert segment(image, tmp_path / "labels.tif", "--picture", picture) == 1
    assert f"The folder of {picture} does not exist; make it first." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["cells.tif"]


@pytest.mark.parametrize(
    ("out", "picture", "told"),
    [
        ("labels.tif", "seen.xyz", "seen.xyz has an ending that cannot hold a picture; use .png, "),
        ("same.png", "same.png", "same.png is named for two things that are written"),
        ("same.png", "none/../same.png", "same.png is named for two things that are written"),
    ],
)
def test_segment_when_a_picture_could_not_be_written_then_fails_before_any_work(
    out: str, picture: str, told: str, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert segment(image, tmp_path / out, "--picture", tmp_path / picture) == 1
    assert told in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["cells.tif"]


def test_segment_when_an_output_is_a_folder_then_one_sentence_says_so(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.tif"
    out.mkdir()
    assert segment(image, out, "--overwrite") == 1
    assert "labels.tif is a folder; choose another output." in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["ome.tif", "imagej.tif", "zarr"])
def test_segment_when_the_file_names_channels_first_then_they_are_read_as_such(
    kind: str, plane: NDArray[np.uint16], tmp_path: Path
) -> None:
    path, picture = tmp_path / f"multi.{kind}", tmp_path / "seen.png"
    channels = np.stack([plane, plane[::-1], plane // 2])
    if kind == "zarr":
        group = zarr.create_group(path)
        group.create_array("0", data=channels, chunks=channels.shape)
        axes = [{"name": name, "type": "channel" if name == "c" else "space"} for name in "cyx"]
        group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": [{"path": "0"}]}]}
    else:
        tifffile.imwrite(path, channels, imagej=kind == "imagej.tif", metadata={"axes": "CYX"})
    assert segment(path, tmp_path / "labels.npy", "--picture", picture) == 0
    labels = np.load(tmp_path / "labels.npy")
    assert labels.shape == plane.shape
    disc = plane > 1000
    assert (disc & (labels == 1)).sum() / (disc | (labels == 1)).sum() > 0.8
    assert np.asarray(Image.open(picture)).shape == (840, 1120, 3)


def test_segment_when_a_person_names_the_channel_axis_then_the_file_is_not_asked(
    plane: NDArray[np.uint16], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "z.ome.tif", np.stack([plane, plane]), metadata={"axes": "ZYX"})
    assert segment(tmp_path / "z.ome.tif", tmp_path / "labels.npy", "--channel-axis", 0) == 0
    assert np.load(tmp_path / "labels.npy").shape == plane.shape
    for axis in (3, -4):
        typed = "--channel-axis", axis, "--channels", 0, "--overwrite"
        assert segment(tmp_path / "z.ome.tif", tmp_path / "labels.npy", *typed) == 1
        told = f"The channel axis {axis} is none of z.ome.tif; give 0 to 2."
        assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        ("ZYX", "z.tif is a stack of 7 planes; use `napari-sam stack`"),
        (
            "",
            "has the shape (7, 120, 160); use `napari-sam stack` if it is a stack, or say by --channel-axis",
        ),
    ],
    ids=["named", "unnamed"],
)
def test_segment_when_given_a_stack_then_the_command_that_takes_it_is_named(
    axes: str, told: str, plane: NDArray[np.uint16], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "z.tif"
    tifffile.imwrite(
        path, np.stack([plane] * 7), imagej=bool(axes), metadata={"axes": axes} if axes else None
    )
    assert segment(path, tmp_path / "labels.tif") == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "labels.tif").exists()


def test_segment_when_there_are_many_channels_last_then_it_does_not_speak_of_a_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "many.npy"
    np.save(path, np.zeros((40, 50, 8), np.uint8))
    assert segment(path, tmp_path / "labels.tif") == 1
    said = capsys.readouterr().err
    assert "8 channels on axis -1, and at most 5 can be used" in said
    assert "stack" not in said
