from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam.cli import main
from napari_sam.errors import DataError
from napari_sam.files.pixel_size import PixelSize, pixel_size_of

BALLS = (((4, 34, 34), (4.5, 16)), ((5, 70, 74), (4.5, 16)))
"""Middles (z, y, x) and half axes (z, y and x)."""
PIXELS = PixelSize(0.5, 0.25, 1.5)


def seen(light: NDArray[np.float64]) -> NDArray[np.uint16]:
    noise = np.random.default_rng(0).normal(200, 30, light.shape)
    blurred = ndimage.gaussian_filter(light, (0, 1, 1))
    return np.clip(blurred * 1000 + noise, 0, None).astype(np.uint16)


def inside(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(distance <= 1, 1 - distance / 2, 0)


@pytest.fixture(scope="module")
def volume() -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    z, y, x = np.ogrid[:10, :104, :108]
    light, truth = np.zeros((10, 104, 108)), np.zeros((10, 104, 108), np.int32)
    for label, (middle, (high, wide)) in enumerate(BALLS, 1):
        distance = ((z - middle[0]) / high) ** 2 + ((y - middle[1]) / wide) ** 2
        distance = distance + ((x - middle[2]) / wide) ** 2
        truth[distance <= 1] = label
        light = np.maximum(light, inside(distance))
    return seen(light), truth


@pytest.fixture(scope="module")
def movie() -> NDArray[np.uint16]:
    """Draw five frames: one disc moves, one divides between the third and the fourth."""
    y, x = np.ogrid[:120, :120]
    light = np.zeros((5, 120, 120))
    for t in range(5):
        discs = [(30.0 + 4 * t, 30.0, 14.0)]
        discs += [(80, 84, 16)] if t < 3 else [(64 - 3 * (t - 3), 84, 11), (94 + 3 * (t - 3), 84, 11)]
        for row, col, radius in discs:
            light[t] = np.maximum(light[t], inside(((y - row) ** 2 + (x - col) ** 2) / radius**2))
    return seen(light)


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def save(folder: Path, image: NDArray[np.generic]) -> str:
    path = folder / "stack.tif"
    apart = {"spacing": PIXELS.planes}
    tifffile.imwrite(path, image, photometric="minisblack", metadata=apart, **PIXELS.to_tiff())
    return str(path)


def test_stack_when_nothing_is_prompted_then_every_ball_is_one_label(
    volume: tuple[NDArray[np.uint16], NDArray[np.int32]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, truth = volume
    out = tmp_path / "labels.tif"
    assert main(["stack", save(tmp_path, image), "-o", str(out), "--axis", "z"]) == 0
    with tifffile.TiffFile(out) as file:
        assert file.series[0].axes == "ZYX"
        labels = file.asarray()
    assert labels.dtype == np.uint16
    assert pixel_size_of(out) == PIXELS
    assert labels.max() == len(BALLS)
    assert sorted(labels[middle] for middle, _ in BALLS) == [1, 2]
    assert all(iou(truth == n, labels == labels[BALLS[n - 1][0]]) > 0.8 for n in (1, 2))
    assert capsys.readouterr().out.strip() == f"{out}: 2 objects in 10 planes"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.tif", "stack.tif"]


def test_stack_when_objects_are_prompted_then_they_are_followed_in_that_order(
    volume: tuple[NDArray[np.uint16], NDArray[np.int32]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, truth = volume
    out = tmp_path / "labels.npy"
    typed = ["--prompt", "5,70,74", "--prompt", "3,34,34/6,34,34/6,60,34,-"]
    assert main(["stack", save(tmp_path, image), "-o", str(out), "--axis", "z", *typed]) == 0
    labels = np.load(out)
    assert iou(labels == 1, truth == 2) > 0.8
    assert iou(labels == 2, truth == 1) > 0.8
    assert capsys.readouterr().out.strip() == f"{out}: 2 objects in 10 planes"


def test_stack_when_the_planes_are_times_then_labels_are_tracks_and_a_table_names_parents(
    movie: NDArray[np.uint16], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tracked.tif"
    assert main(["stack", save(tmp_path, movie), "-o", str(out), "--axis", "t"]) == 0
    labels = tifffile.imread(out)
    moving, mother = labels[0, 30, 30], labels[0, 80, 84]
    daughters = {labels[3, 64, 84], labels[3, 94, 84]}
    assert all(labels[t, 30 + 4 * t, 30] == moving for t in range(5))
    assert {moving, mother, *daughters} == {1, 2, 3, 4}
    with (tmp_path / "tracked.tracks.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    parents = {int(row["track"]): row["parent"] for row in rows}
    assert parents == {moving: "", mother: "", **dict.fromkeys(daughters, str(mother))}
    assert "4 tracks, 1 division; " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("axis", "options", "there"),
    [("z", [], "labels.tif"), ("t", [], "labels.tracks.csv"), ("t", ["--tracks", "own.csv"], "own.csv")],
)
def test_stack_when_something_written_is_there_then_it_is_kept_until_overwrite_is_given(
    axis: str,
    options: list[str],
    there: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    image = save(tmp_path, np.zeros((2, 40, 40), np.uint8))
    Path(there).write_bytes(b"by hand")
    typed = ["stack", image, "-o", "labels.tif", "--axis", axis, *options]
    assert main(typed) == 1
    assert f"{there} exists; choose another output, or give --overwrite." in capsys.readouterr().err
    assert Path(there).read_bytes() == b"by hand"
    assert {path.name for path in tmp_path.iterdir()} == {"stack.tif", there}
    assert main([*typed, "--overwrite"]) == 0
    assert Path(there).read_bytes() != b"by hand"


def test_stack_when_the_folder_of_the_tracks_is_missing_then_fails_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, table = save(tmp_path, np.zeros((2, 40, 40), np.uint8)), tmp_path / "nope" / "table.csv"
    typed = ["--axis", "t", "--prompt", "0,20,20", "--tracks", str(table)]
    assert main(["stack", image, "-o", str(tmp_path / "labels.tif"), *typed]) == 1
    assert f"The folder of {table} does not exist; make it first." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["stack.tif"]


def test_stack_when_one_is_prompted_in_a_movie_then_it_is_one_track(
    movie: NDArray[np.uint16], tmp_path: Path
) -> None:
    out, table = tmp_path / "one.tif", tmp_path / "table.csv"
    typed = ["--axis", "t", "--prompt", "0,30,30", "--tracks", str(table)]
    assert main(["stack", save(tmp_path, movie), "-o", str(out), *typed]) == 0
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["track"], row["t"], row["parent"]) for row in rows] == [("1", str(t), "") for t in range(5)]
    assert [float(row["y"]) for row in rows] == pytest.approx([30, 34, 38, 42, 46], abs=2)


def test_stack_when_nothing_is_there_then_empty_labels_and_what_to_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for axis in ("z", "t"):
        out = tmp_path / f"{axis}.tif"
        image = save(tmp_path, np.zeros((2, 40, 40), np.uint8))
        assert main(["stack", image, "-o", str(out), "--axis", axis]) == 0
        assert not tifffile.imread(out).any()
        assert "lower the threshold" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ((40, 40), [], "is one plane"),
        ((40, 40, 3), [], "is one plane"),
        ((5, 2, 40, 40), [], "--channel-axis"),
        ((5, 2, 40, 40), ["--channel-axis", "4"], "give 0, 1, 2 or 3"),
        ((2, 5, 2, 40, 40), ["--channel-axis", "2"], "no stack of planes"),
        ((5, 40, 0), ["--prompt", "2,20,20"], "has the shape (5, 40, 0), without a pixel"),
        ((5, 40, 40), ["--prompt", "5,20,20"], "There is no plane 5; the stack has 5, from 0 to 4"),
        ((5, 40, 40), ["--prompt=-1,20,20"], "There is no plane -1"),
        ((5, 40, 40), ["--prompt", "2,50,20"], "outside the image"),
    ],
)
def test_stack_when_the_input_is_wrong_then_one_sentence_says_what_to_do(
    shape: tuple[int, ...], options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stack.npy"
    np.save(path, np.zeros(shape, np.uint8))
    out = tmp_path / "labels.tif"
    assert main(["stack", str(path), "-o", str(out), "--axis", "z", *options]) == 1
    message = capsys.readouterr().err
    assert said in message
    assert len(message.strip().splitlines()) == 1
    assert not out.exists()


def test_stack_when_channels_are_named_then_they_are_moved_last(tmp_path: Path) -> None:
    from napari_sam.cli.files import read_stack

    path = tmp_path / "stack.npy"
    np.save(path, np.zeros((5, 2, 30, 40), np.uint8))
    assert read_stack(path, 1).shape == (1, 5, 30, 40, 2)
    assert read_stack(path, -4, in_time=True).shape == (2, 1, 30, 40, 5)
    np.save(path, np.zeros((5, 30, 40, 3), np.uint8))
    assert read_stack(path).shape == (1, 5, 30, 40, 3)
    for shape in ((1, 5, 30, 40), (5, 1, 30, 40)):
        tifffile.imwrite(tmp_path / "stack.ome.tif", np.zeros(shape, np.uint8), metadata={"axes": "TZYX"})
        assert read_stack(tmp_path / "stack.ome.tif").shape == (1, 5, 30, 40)
    path = tmp_path / "stack.ome.tif"
    tifffile.imwrite(path, np.zeros((5, 2, 30, 40), np.uint8), metadata={"axes": "TZYX"})
    assert read_stack(path).shape == (5, 2, 30, 40)
    assert read_stack(path, 1, in_time=True).shape == (5, 1, 30, 40, 2)
    for axes, shape in (("ZSYX", (5, 3, 30, 40)), ("TZYXS", (2, 5, 30, 40, 3))):
        colours = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
        kept = {"planarconfig": "separate"} if axes == "ZSYX" else {}
        tifffile.imwrite(tmp_path / "rgb.tif", colours, photometric="rgb", metadata={"axes": axes}, **kept)
        last = np.moveaxis(colours, axes.index("S"), -1)
        assert np.array_equal(read_stack(tmp_path / "rgb.tif"), last.reshape(-1, 5, 30, 40, 3))
    with pytest.raises(DataError, match="The channel axis 4 is none of"):
        read_stack(path, 4)
    tifffile.imwrite(path, np.zeros((5, 3, 2, 30, 40), np.uint8), metadata={"axes": "TZCYX"})
    assert read_stack(path, 2).shape == read_stack(path, -3).shape == (5, 3, 30, 40, 2)


@pytest.mark.parametrize(
    ("axes", "shape"),
    [
        ("ZCYX", (5, 2, 30, 40)),
        ("CZYX", (2, 5, 30, 40)),
        ("TZCYX", (1, 5, 2, 30, 40)),
        ("ZCYX", (5, 1, 30, 40)),
    ],
)
def test_stack_when_a_file_names_its_channels_then_nobody_has_to(
    axes: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    from napari_sam.cli.files import read_stack

    path = tmp_path / "stack.ome.tif"
    image = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    tifffile.imwrite(path, image, metadata={"axes": axes})
    found = read_stack(path)
    channels = np.moveaxis(image, axes.index("C"), -1).reshape(1, 5, 30, 40, -1)
    np.testing.assert_array_equal(found if found.ndim == 5 else found[..., None], channels)
    about = {"version": "0.5", "multiscales": [{"axes": [{"name": name.lower()} for name in axes]}]}
    about["multiscales"][0]["datasets"] = [{"path": "0"}]  # type: ignore[index]
    group = zarr.create_group(tmp_path / "stack.zarr", attributes={"ome": about})
    group.create_array("0", data=image)
    found = read_stack(tmp_path / "stack.zarr")
    np.testing.assert_array_equal(found if found.ndim == 5 else found[..., None], channels)


@pytest.mark.parametrize("axes", ["XYZ", "CXYZ", "ZXY", "XYZC"])
def test_stack_when_a_file_names_x_before_y_then_its_planes_are_upright(axes: str, tmp_path: Path) -> None:
    from napari_sam.cli.files import read_stack
    from napari_sam.files.pixel_size import PixelSize, pixel_size_of

    image = np.random.default_rng(0).integers(0, 255, (5, 30, 40, 2), np.uint8)
    image = image if "C" in axes else image[..., 0]
    stored = image.transpose(["ZYXC".index(name) for name in axes])
    sizes = {"C": 1.0, "Z": 2.0, "Y": 0.7, "X": 0.5}
    steps = [{"type": "scale", "scale": [sizes[name] for name in axes]}]
    about = {
        "axes": [{"name": name.lower(), **({} if name == "C" else {"unit": "micrometer"})} for name in axes],
        "datasets": [{"path": "0", "coordinateTransformations": steps}],
    }
    group = zarr.create_group(tmp_path / "a.zarr", attributes={"ome": {"multiscales": [about]}})
    group.create_array("0", data=stored)
    np.testing.assert_array_equal(read_stack(tmp_path / "a.zarr")[0], image)
    assert pixel_size_of(tmp_path / "a.zarr", upright=True) == PixelSize(0.7, 0.5, 2.0)


def test_stack_when_a_file_has_frames_of_planes_then_volumes_are_linked_and_tracked(
    movie: NDArray[np.uint16], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "stack.ome.tif", tmp_path / "labels.tif"
    dark = np.full_like(movie[0], 200)
    frames = np.stack([[movie[t], movie[t], dark] for t in (2, 3)])
    tifffile.imwrite(path, np.swapaxes(frames, 0, 1), metadata={"axes": "ZTYX"})
    typed = ["stack", str(path), "-o", str(out), "--overwrite", "--axis"]
    assert main([*typed, "t", "--prompt", "0,30,30"]) == 1
    assert "holds 2 frames of 3 planes, and --prompt follows" in capsys.readouterr().err
    assert main([*typed, "z"]) == 0
    assert capsys.readouterr().out.strip() == f"{out}: 5 objects in 2 frames of 3 planes"
    labels = tifffile.imread(out)
    assert labels.shape == frames.shape
    assert not labels[:, 2].any()
    assert np.array_equal(labels[:, 0], labels[:, 1])
    assert not np.intersect1d(labels[0][labels[0] > 0], labels[1]).size
    assert main([*typed, "t"]) == 0
    with tifffile.TiffFile(out) as file:
        assert file.series[0].axes == "TZYX"
        labels = file.asarray()
    assert labels[0, 1, 38, 30] == labels[1, 0, 42, 30] > 0
    rows = (tmp_path / "labels.tracks.csv").read_text().splitlines()
    assert rows[0] == "track,t,z,y,x,parent"
    assert len(rows) == 1 + 5
    assert "4 tracks, 1 division" in capsys.readouterr().out


def test_stack_when_a_file_has_one_plane_of_named_channels_then_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plane.ome.tif"
    tifffile.imwrite(path, np.zeros((2, 30, 40), np.uint8), metadata={"axes": "CYX"})
    assert main(["stack", str(path), "-o", str(tmp_path / "labels.tif"), "--axis", "z"]) == 1
    assert "is one plane" in capsys.readouterr().err


def test_stack_when_arguments_make_no_sense_then_fails_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = save(tmp_path, np.zeros((2, 40, 40), np.uint8))
    assert main(["stack", image, "-o", str(tmp_path / "labels.png"), "--axis", "z"]) == 1
    assert "cannot hold labels of planes" in capsys.readouterr().err
    out = str(tmp_path / "labels.tif")
    for typed in (["--axis", "z", "--tracks", "a.csv"], ["--axis", "z", "--prompt", "a,3,4"], []):
        with pytest.raises(SystemExit, match="2"):
            main(["stack", image, "-o", out, *typed])
    for wrong in ("²,3,4", "1,25"):  # one without a row
        capsys.readouterr()
        with pytest.raises(SystemExit, match="2"):
            main(["stack", image, "-o", out, "--axis", "z", "--prompt", wrong])
        assert f"{wrong!r} is not a prompt; write PLANE,ROW,COL" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "laptrack", None)
    assert main(["stack", image, "-o", out, "--axis", "t"]) == 1
    assert "[tracking]" in capsys.readouterr().err
