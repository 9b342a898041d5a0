from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import disk, line

from napari_sam.automatic import AutomaticSettings, WindowSettings, segment_windows
from napari_sam.automatic.windows.reading import LargeImage, shows_nothing
from napari_sam.automatic.windows.segmenting import label_windows
from napari_sam.automatic.windows.state import state_path
from napari_sam.automatic.windows.stitch import tiles_of
from napari_sam.errors import Cancelled, DataError, ImageError
from napari_sam.files.images import read_image
from napari_sam.training.measuring.scores import average_precision
from napari_sam.weights import LoadedModel, load_model

SMALL = WindowSettings(128, 32)


@pytest.fixture(scope="module")
def tiny() -> LoadedModel:
    return load_model("cell-tiny", device="cpu", precision="float32")


def bright_parts(pixels: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Find objects without any error, so that all errors are the stitching's."""
    labels, count = ndimage.label(pixels[..., 0] > 127, np.ones((3, 3)))
    return labels.astype(np.int32), np.full(count, 0.5)


def labelled(image: Any, output: Path, windows: WindowSettings = SMALL, **options: Any) -> NDArray[np.int32]:
    label_windows(LargeImage(image), output, bright_parts, {}, windows, **options)
    return np.asarray(zarr.open_array(output, mode="r")[...])


def same_objects(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Say whether two arrays of labels differ in nothing but the numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    return len(pairs.T) == len(np.unique(one)) == len(np.unique(other))


def discs(shape: tuple[int, int], radii: tuple[int, int], count: int, seed: int) -> NDArray[np.uint8]:
    """Draw bright discs that do not touch."""
    rng = np.random.default_rng(seed)
    image = np.zeros(shape, np.uint8)
    taken = np.zeros(shape, bool)
    for _ in range(count):
        radius = int(rng.integers(*radii))
        centre = rng.integers(0, shape)
        around = disk(centre, radius + 3, shape=shape)
        if not taken[around].any():
            taken[around] = True
            image[disk(centre, radius, shape=shape)] = 200
    return image


def mosaic(folder: Path, times: int) -> NDArray[np.uint8]:
    tile = np.asarray(read_image(folder / "dsb2018" / "images" / "4327d2759187.png"))
    tile = tile[..., 0] if tile.ndim == 3 else tile
    return np.tile(tile, (times, times))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("windows", [SMALL, WindowSettings(150, 20), WindowSettings(90, 45)])
def test_windows_when_discs_up_to_a_window_are_cut_then_each_is_whole_and_there_once(
    windows: WindowSettings, seed: int, tmp_path: Path
) -> None:
    image = np.maximum(discs((500, 430), (30, 43), 12, seed), 0)
    image = np.where(image, image, discs((500, 430), (2, 8), 150, seed + 9))
    truth, count = ndimage.label(image > 127, np.ones((3, 3)))
    labels = labelled(image, tmp_path / "labels.zarr", windows)
    assert same_objects(truth, labels)
    assert json.loads(state_path(tmp_path / "labels.zarr").read_text())["objects"] == count


def test_windows_when_two_arms_meet_only_in_a_later_window_then_they_are_one_object(tmp_path: Path) -> None:
    image = np.zeros((230, 120), np.uint8)
    image[5:200, 20:30] = image[5:200, 80:90] = image[190:200, 20:90] = 200
    image[5:60, 50:60] = 200
    truth, _ = ndimage.label(image > 127)
    assert same_objects(truth, labelled(image, tmp_path / "labels.zarr"))
    found = label_windows(LargeImage(image), tmp_path / "labels.zarr", bright_parts, {}, SMALL)
    assert (found.objects, found.score) == (2, 0.5)


def test_windows_when_the_upper_right_one_sees_an_end_of_an_object_then_it_is_of_that_object(
    tmp_path: Path,
) -> None:
    image = np.zeros((112, 182), np.uint8)
    image[34:73, 46:106] = 200
    image[41:66, 53:106] = 0
    assert same_objects(image > 127, labelled(image, tmp_path / "labels.zarr", WindowSettings(64, 20)))


def test_windows_when_a_line_crosses_every_window_then_it_is_one_object(tmp_path: Path) -> None:
    image = np.zeros((600, 600), np.uint8)
    for shift in range(8):
        image[line(10, 10 + shift, 580, 580 + shift)] = 200
    labels = labelled(image, tmp_path / "labels.zarr")
    assert same_objects(image > 127, labels)


def test_windows_when_long_objects_lie_along_their_borders_then_each_is_one_object(tmp_path: Path) -> None:
    image = np.zeros((330, 560), np.uint8)
    image[3:330:11, 20:530] = image[3:330:11, 540:550] = 200
    image[4:330:11, 20:530] = 200
    for name, seen in (("across", image), ("along", image.T)):
        truth, _ = ndimage.label(seen > 127)
        assert same_objects(truth, labelled(seen, tmp_path / f"{name}.zarr"))


def test_windows_when_an_object_fits_what_two_of_them_see_then_one_takes_it(tmp_path: Path) -> None:
    image = np.zeros((128, 224), np.uint8)  # two windows, with columns 96 to 127 in common
    image[20:30, 100:124] = 200
    assert same_objects(image > 127, labelled(image, tmp_path / "labels.zarr"))


@pytest.mark.parametrize("plane", [(5, 5), (128, 129), (1000, 130), (224, 224), (4097, 77)])
@pytest.mark.parametrize("windows", [SMALL, WindowSettings(64, 16)])
def test_tiles_when_laid_then_they_cover_the_plane_and_overlap_enough(
    plane: tuple[int, int], windows: WindowSettings
) -> None:
    seen = np.zeros(plane, int)
    for tile in tiles_of(plane, windows):
        assert np.all(np.array(tile.window.shape) == np.minimum(windows.side, plane))
        before = seen[tile.window.index] > 0
        expected = np.zeros_like(before)
        expected[: tile.seen[0]] = True
        expected[:, : tile.seen[1]] = True
        assert np.array_equal(before, expected)
        for start, seen_before in zip(tile.window.origin, tile.seen, strict=True):
            assert (start == 0) == (seen_before == 0)
            assert start == 0 or seen_before >= windows.overlap
        seen[tile.window.index] += 1
    assert seen.all()


def test_segment_windows_when_laid_differently_then_nearly_the_same_objects(
    tiny: LoadedModel, data_folder: Path, tmp_path: Path
) -> None:
    """At an IoU of 0.5 the average precision of one by the other is above 0.9 both ways."""
    image = mosaic(data_folder, 2)
    found = []
    for number, windows in enumerate([WindowSettings(), WindowSettings(256, 64)]):
        out = tmp_path / f"{number}.zarr"
        result = segment_windows(image, out, tiny, windows=windows)
        labels = np.asarray(zarr.open_array(out, mode="r")[...])
        assert result.objects == len(np.unique(labels)) - 1 > 20
        assert 0.3 < result.score < 1
        found.append(labels)
    one, other = found
    assert average_precision(one, other, [0.5])[0] > 0.9
    assert average_precision(other, one, [0.5])[0] > 0.9


def test_segment_windows_when_the_image_is_lazy_then_the_same(
    tiny: LoadedModel, data_folder: Path, tmp_path: Path
) -> None:
    image = mosaic(data_folder, 1)[:150, :170]
    tifffile.imwrite(tmp_path / "image.tif", image, tile=(64, 64))
    stored = zarr.create_array(tmp_path / "image.zarr", data=image, chunks=(64, 64))
    results = []
    with tifffile.imread(tmp_path / "image.tif", aszarr=True) as view:
        sources = [image, stored, dask.array.from_array(image, chunks=50), zarr.open(view, mode="r")]
        for number, source in enumerate(sources):
            out = tmp_path / f"{number}.labels.zarr"
            segment_windows(source, out, tiny, windows=WindowSettings(128, 32))
            results.append(np.asarray(zarr.open_array(out, mode="r")[...]))
    assert results[0].any()
    for other in results[1:]:
        assert np.array_equal(results[0], other)


def test_windows_when_cancelled_then_finished_ones_stay_and_the_rest_follows(tmp_path: Path) -> None:
    image = discs((400, 400), (5, 30), 80, 3)
    out = tmp_path / "labels.zarr"
    done: list[int] = []
    with pytest.raises(Cancelled):
        labelled(image, out, progress=lambda k, _: done.append(k), cancelled=lambda: len(done) >= 6)
    partial = np.asarray(zarr.open_array(out, mode="r")[...])
    assert done == [1, 2, 3, 4, 5, 6]
    assert partial[:100].any()
    assert not partial[-64:].any()
    done.clear()
    resumed = labelled(image, out, progress=lambda k, _: done.append(k))
    assert done[0] == 7
    assert np.array_equal(resumed, labelled(image, tmp_path / "other.zarr"))


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from napari_sam.automatic.windows.reading import LargeImage
from napari_sam.automatic.windows.stitch import WindowSettings
from napari_sam.automatic.windows.segmenting import label_windows
from napari_sam.automatic.windows.output import WindowedLabels
from scipy import ndimage

def find(pixels):
    labels, count = ndimage.label(pixels[..., 0] > 127, np.ones((3, 3)))
    return labels.astype(np.int32), np.full(count, 0.5)

def dying(self, state):
    if state.done == 8:
        os._exit(9)  # labels are written, the state is not
    save(self, state)

save, WindowedLabels.save = WindowedLabels.save, dying
image = np.load(sys.argv[1])
label_windows(LargeImage(image), Path(sys.argv[2]), find, {}, WindowSettings(128, 32))
"""


def test_windows_when_killed_between_labels_and_state_then_resuming_gives_the_same(tmp_path: Path) -> None:
    image = discs((400, 400), (5, 40), 80, 5)
    np.save(tmp_path / "image.npy", image)
    out = tmp_path / "labels.zarr"
    typed = [sys.executable, "-c", KILLED, str(tmp_path / "image.npy"), str(out)]
    assert subprocess.run(typed, check=False).returncode == 9
    assert json.loads(state_path(out).read_text())["done"] == 7
    assert np.array_equal(labelled(image, out), labelled(image, tmp_path / "other.zarr"))


def test_windows_when_begun_otherwise_then_refused_until_overwritten(
    discs_model: LoadedModel, tmp_path: Path
) -> None:
    image, out = np.zeros((60, 70), np.uint8), tmp_path / "labels.zarr"
    segment_windows(image, out, discs_model, settings=AutomaticSettings(agreement=np.float32(0.5)))
    segment_windows(image, out, discs_model)
    with pytest.raises(DataError, match="another set of thresholds"):
        segment_windows(image, out, discs_model, settings=AutomaticSettings(overlap=0.6))
    with pytest.raises(DataError, match="another image shape"):
        segment_windows(image[1:], out, discs_model)
    with pytest.raises(DataError, match="another size of windows"):
        segment_windows(image, out, discs_model, windows=SMALL)
    segment_windows(image[1:], out, discs_model, overwrite=True)
    assert zarr.open_array(out, mode="r").shape == (59, 70)
    state_path(out).unlink()
    with pytest.raises(DataError, match="nothing tells how it was made"):
        segment_windows(image, out, discs_model)


def test_windows_when_the_output_cannot_be_then_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "note.txt").write_text("keep")
    image = np.zeros((9, 9), np.uint8)
    with pytest.raises(DataError, match="no zarr array"):
        labelled(image, tmp_path / "mine.zarr", overwrite=True)
    assert (tmp_path / "mine.zarr" / "note.txt").read_text() == "keep"
    with pytest.raises(DataError, match=r"use \.zarr"):
        labelled(image, tmp_path / "labels.tif")
    with pytest.raises(DataError, match="make it first"):
        labelled(image, tmp_path / "nowhere" / "labels.zarr")
    with pytest.raises(ImageError, match="complex128 cannot be used"):
        labelled(np.zeros((9, 9), complex), tmp_path / "new.zarr")
    assert not list(tmp_path.glob("new*"))


def test_windows_when_a_part_is_even_then_nothing_is_asked_there(tmp_path: Path) -> None:
    image = np.full((1000, 1000), 1000, np.uint16)
    image += np.random.default_rng(0).integers(0, 9, image.shape, np.uint16)
    image[disk((500, 500), 12)] = 5000
    asked: list[tuple[int, ...]] = []

    def find(pixels: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        asked.append(pixels.shape)
        return bright_parts(pixels)

    found = label_windows(LargeImage(image), tmp_path / "labels.zarr", find, {}, WindowSettings(200, 50))
    assert found.objects == 1
    assert len(asked) <= 4
    assert shows_nothing(np.zeros((2, 2, 3), np.float32))


def test_survey_when_an_image_is_sparse_then_the_range_is_that_of_what_is_there() -> None:
    image = np.zeros((3000, 3000, 3), np.uint8)
    image[1200:1240, 1300:1340] = np.random.default_rng(1).integers(50, 200, (40, 40, 3))
    for kind in (image, image + np.random.default_rng(2).integers(0, 5, image.shape, np.uint8)):
        record = LargeImage(kind).survey()
        assert max(record.low) < 10
        assert 190 <= min(record.high) <= 205
    assert LargeImage(image[:10, :10]).survey().low == (0.0, 0.0, 0.0)
    with pytest.raises(ImageError, match="shape"):
        LargeImage(np.zeros((2, 3, 4, 5)))
    with pytest.raises(ImageError, match="no axis of channels"):
        LargeImage(np.zeros((4, 5)), channel_axis=0)
    with pytest.raises(ImageError, match="dtype"):
        LargeImage(np.zeros((4, 5), complex)).survey()
    with pytest.raises(ImageError, match=r"\(20, 60, 50\) is no plane with its channels last"):
        LargeImage(np.zeros((20, 60, 50)))  # before a stack of any size is read


@pytest.mark.parametrize("dead", [np.nan, np.inf])
def test_survey_when_there_is_a_dead_pixel_among_all_cells_then_the_cells_count_all_the_same(
    dead: float,
) -> None:
    image = np.random.default_rng(0).normal(100, 3, (400, 400)).astype(np.float32)
    image[40:80, 40:80] += 2000
    image[60, 60] = dead
    assert LargeImage(image).survey().high[0] > 2000
    alone = LargeImage(np.full((200, 200), dead)).survey()
    assert (alone.low, alone.high) == ((0.0,), (0.0,))


def test_window_settings_when_no_such_windows_can_be_then_refused() -> None:
    with pytest.raises(ImageError, match="does not suit"):
        WindowSettings(100, 60)
