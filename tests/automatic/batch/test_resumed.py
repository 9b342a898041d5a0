"""What a batch makes of a folder in which another one was, or was killed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image

from napari_sam.automatic import AutomaticSettings
from napari_sam.automatic.batch import image as batch_image
from napari_sam.automatic.batch.image import BatchSettings, Job, one_by_one
from napari_sam.automatic.batch.names import full_path, label_names
from napari_sam.automatic.batch.run import Run, run_batch
from napari_sam.automatic.batch.summary import Row, line_of, read_summary, write_summary
from napari_sam.errors import DataError

ONE = BatchSettings(device="cpu")
OTHER = replace(ONE, automatic=AutomaticSettings(agreement=0.9), channels=(0,))


class Killed(BaseException):
    """What no code expects."""


def painting(value: int, *, killed_at: str = "", log: list[str] | None = None) -> Run:
    """Return what makes all pixels of an image's labels a number, until it is killed."""

    def run(jobs: Sequence[Job], _: BatchSettings) -> Iterator[Row]:
        for job in jobs:
            if job.image.name == killed_at:
                raise Killed
            if log is not None:
                log.append(job.image.name)
            path = job.labels.with_name(f"{job.labels.name}.tif")
            tifffile.imwrite(path, np.full((32, 32), value, np.uint16))
            yield Row(str(job.image), path.name, value, 0.1, 0.5)

    return run


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    return written([tmp_path / "images" / f"{name}.tif" for name in "abc"])


def written(paths: list[Path]) -> list[Path]:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (32, 32), np.uint8))
    return paths


def disc(row: int, col: int, width: int = 180) -> NDArray[np.uint8]:
    rows, cols = np.mgrid[:160, :width]
    noise = np.zeros((160, width))
    noise[:, :180] = np.random.default_rng(0).normal(20, 3, (160, 180)).clip(0, 255)
    return np.where((rows - row) ** 2 + (cols - col) ** 2 < 225, 200, noise).astype(np.uint8)


def labels_of(out: Path, images: list[Path]) -> list[int]:
    return [int(tifffile.imread(out / f"{image.stem}.tif").max()) for image in images]


def tiles_of(out: Path) -> list[NDArray[np.uint8]]:
    with Image.open(out / "sheet.png") as sheet:
        return [np.asarray(sheet)[:168, start : start + 168] for start in (0, 172, 344)]


@pytest.mark.parametrize("killed_at", ["a.tif", "b.tif"])
def test_batch_when_overwriting_with_other_settings_is_killed_then_no_old_labels_stay(
    killed_at: str, images: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run_batch(images, out, ONE, run=painting(1))
    with pytest.raises(Killed):
        run_batch(images, out, OTHER, overwrite=True, run=painting(2, killed_at=killed_at))
    rows = run_batch(images, out, OTHER, run=painting(2))
    assert [row.objects for row in rows] == labels_of(out, images) == [2, 2, 2]


def test_batch_when_another_writes_into_its_folder_then_refused_and_the_first_goes_on(
    images: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def run(jobs: Sequence[Job], settings: BatchSettings) -> Iterator[Row]:
        with pytest.raises(DataError, match="is being written by another napari-sam"):
            run_batch(written([tmp_path / "more" / "d.tif"]), out, ONE, run=painting(2))
        yield from painting(1)(jobs, settings)

    run_batch(images, out, ONE, run=run)
    assert {path.name for path in read_summary(out)} == {"a.tif", "b.tif", "c.tif"}
    assert not list(out.glob(".*"))
    (out / ".summary.csv.lock").touch()  # as a kill leaves it
    run_batch([tmp_path / "more" / "d.tif"], out, ONE, run=painting(2))
    assert len(read_summary(out)) == 4


def test_batch_when_overwriting_is_killed_then_zarr_labels_of_other_settings_are_made_anew(
    tmp_path: Path,
) -> None:
    images, out = [tmp_path / "a.zarr", tmp_path / "b.zarr"], tmp_path / "out"
    for image in images:
        zarr.create_array(image, data=disc(40, 40))
    run_batch(images, out, ONE)

    def run(jobs: Sequence[Job], settings: BatchSettings) -> Iterator[Row]:
        yield from one_by_one(jobs[:1], settings)
        raise Killed

    with pytest.raises(Killed):
        run_batch(images, out, OTHER, overwrite=True, run=run)
    rows = run_batch(images, out, OTHER)
    assert [(row.objects, row.error) for row in rows] == [(1, ""), (1, "")]
    states = [(out / f"{image.name}.state.json").read_text() for image in images]
    assert all('"agreement": 0.9' in state and '"channels": [0]' in state for state in states)


def test_batch_when_an_image_is_dated_ahead_then_it_is_done_once_and_again_when_it_changes(
    tmp_path: Path,
) -> None:
    image, out, log = tmp_path / "a.tif", tmp_path / "out", []

    def run(jobs: Sequence[Job], settings: BatchSettings) -> Iterator[Row]:
        log.extend(job.image.name for job in jobs)
        yield from one_by_one(jobs, settings)

    for row, ahead in ((40, 3600), (110, 7200)):
        tifffile.imwrite(image, disc(row, 40))
        os.utime(image, (image.stat().st_mtime + ahead,) * 2)
        for _ in range(2):
            run_batch([image], out, ONE, run=run)
        assert tifffile.imread(out / "a.tif")[row, 40] == 1
        with Image.open(out / "sheet.png") as sheet:
            assert np.asarray(sheet)[:100].any()
    assert log == ["a.tif"] * 2


@pytest.mark.parametrize("kind", ["store", "file"])
def test_batch_when_a_large_image_is_written_anew_then_its_labels_are_too(kind: str, tmp_path: Path) -> None:
    image = tmp_path / ("image.zarr" if kind == "store" else "image.tif")
    out, width = tmp_path / "out", 180 if kind == "store" else 4200

    def write(row: int, col: int) -> None:
        if kind == "store":
            zarr.create_array(image, data=disc(row, col), overwrite=True)
        else:
            tifffile.imwrite(image, disc(row, col, width))

    def at_places() -> list[bool]:
        labels = np.asarray(zarr.open_array(out / "image.zarr", mode="r")[...])
        return [bool(labels[40, 40]), bool(labels[110, 120])]

    write(40, 40)
    run_batch([image], out, ONE)
    assert at_places() == [True, False]
    write(110, 120)
    later = (out / "image.zarr").stat().st_mtime_ns + 10**9
    for path in (image, *image.rglob("*")):
        os.utime(path, ns=(later, later))
    (row,) = run_batch([image], out, ONE)
    assert (row.error, row.objects, at_places()) == ("", 1, [False, True])


def test_batch_when_only_some_images_are_given_then_the_others_stay_in_the_summary_and_on_the_sheet(
    images: list[Path], tmp_path: Path
) -> None:
    out, log = tmp_path / "out", list[str]()
    run_batch(images[:2], out, ONE, run=painting(1))
    run_batch(images[2:], out, ONE, run=painting(1))
    assert list(read_summary(out)) == images
    assert [tile.any() for tile in tiles_of(out)] == [True, True, True]
    run_batch(images, out, ONE, run=painting(2, log=log))
    assert log == []
    run_batch(images[:1], out, ONE, overwrite=True, run=painting(3))
    assert {file: row.objects for file, row in read_summary(out).items()} == dict(
        zip(images, (3, 1, 1), strict=True)
    )
    run_batch(images[:1], out, OTHER, overwrite=True, run=painting(4))
    assert list(read_summary(out)) == images[:1]


def test_batch_when_images_are_many_then_what_was_done_before_costs_nothing_again(
    images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, relative = list[Path](), os.path.relpath
    monkeypatch.setattr(os.path, "relpath", lambda path, start: (seen.append(path), relative(path, start))[1])
    run_batch(images, tmp_path / "out", ONE, run=painting(1))
    assert seen == images


def test_batch_when_images_of_one_name_come_one_after_another_then_each_keeps_its_labels(
    tmp_path: Path,
) -> None:
    first, second, third = written([tmp_path / folder / "a.tif" for folder in "xyz"])
    out, log = tmp_path / "out", list[str]()
    run_batch([first], out, ONE, run=painting(1))

    def run(jobs: Sequence[Job], settings: BatchSettings) -> Iterator[Row]:
        list(painting(2)(jobs, settings))
        raise Killed  # labels are there, the summary does not say so

    with pytest.raises(Killed):
        run_batch([second], out, ONE, run=run)
    run_batch([second], out, ONE, run=painting(2, log=log))
    run_batch([first, second, third], out, ONE, run=painting(3, log=log))
    assert log == ["a.tif", "a.tif"]
    rows = run_batch([second], out, ONE, overwrite=True, run=painting(4))
    assert [(row.file, row.labels, row.objects) for row in rows] == [(str(second), "y_a.tif.tif", 4)]
    held = {row.labels: (image, row.objects) for image, row in read_summary(out).items()}
    assert held == {"a.tif": (first, 1), "y_a.tif.tif": (second, 4), "z_a.tif.tif": (third, 3)}
    for name, (_, value) in held.items():
        assert tifffile.imread(out / name).max() == value


def test_batch_when_named_as_seen_from_here_then_it_goes_on_when_moved_and_is_another_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, log = Path("..") / "out", list[str]()
    for number, folder in enumerate("xy", 1):
        written([tmp_path / "all" / folder / "a.tif"])
        monkeypatch.chdir(tmp_path / "all" / folder)
        (row,) = run_batch([Path("a.tif")], out, ONE, run=painting(number))
        assert (row.file, row.objects) == ("a.tif", number)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all").rename(tmp_path / "moved")
    images = [Path("moved") / folder / "a.tif" for folder in "xy"]
    rows = run_batch(images, tmp_path / "moved" / "out", ONE, run=painting(3, log=log))
    assert [(row.file, row.objects) for row in rows] == [(str(images[0]), 1), (str(images[1]), 2)]
    assert log == []


def test_batch_when_an_image_is_replaced_by_an_older_one_then_its_labels_are_made_anew(
    images: list[Path], tmp_path: Path
) -> None:
    out, log = tmp_path / "labels", []
    run_batch(images, out, ONE)
    run_batch(images, out, ONE, run=painting(2, log=log))
    assert not log
    status = images[1].stat()
    tifffile.imwrite(images[1], np.zeros((32, 32), np.uint8))
    os.utime(images[1], ns=(status.st_atime_ns, status.st_mtime_ns - 10**12))  # as copying keeps it
    run_batch(images, out, ONE, run=painting(2, log=log))
    assert log == [images[1].name]


def test_label_names_when_names_are_long_or_no_text_then_are_cut_told_apart_and_known_again(
    tmp_path: Path,
) -> None:
    images = [Path("/") / folder / ("é" * 90) / ("x" * 100) / "a.tif" for folder in "12"]
    images += [Path("/1") / os.fsdecode(name) for name in (b"b\xe9.tif", b"b\xb5.tif")]  # as Latin-1 has é, µ
    names = label_names(images)
    assert len({*names.values()}) == 4
    assert all(len(name.encode()) <= 220 for name in names.values())
    images.append(Path("/1/c\r/d.tif"))  # of a script with the ends of lines of Windows
    write_summary(tmp_path, [line_of(Row(str(image)), tmp_path) for image in images])
    assert [*read_summary(tmp_path)] == [full_path(image) for image in images]
    (tmp_path / "summary.csv").read_text(encoding="utf-8")


def test_label_names_when_paths_are_written_alike_then_each_image_has_labels_of_its_own(
    tmp_path: Path,
) -> None:
    paths = [tmp_path / name for name in ("a/b_c.tif", "a_b/c.tif", "A/B_c.tif", "z/c.tif")]
    names = list(label_names(paths).values())
    assert len({name.casefold() for name in names}) == 4
    assert all(name.lower().startswith("a_b_c.tif-") for name in names[:3])
    assert names[3] == "z_c.tif"
    assert list(label_names(paths[::-1]).values()) == names[::-1]
    paths = written([paths[0], paths[1], paths[3]])
    run_batch(paths, tmp_path / "out", ONE, run=painting(1))
    assert len(list((tmp_path / "out").glob("*.tif"))) == 3


def test_batch_when_an_image_may_not_be_read_then_the_image_is_named_and_not_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "a.npy", np.zeros((32, 32), np.uint8))
    monkeypatch.setattr(np.lib.format, "open_memmap", denied)
    zarr.create_array(tmp_path / "b.zarr", data=disc(40, 40), chunks=(32, 32))
    monkeypatch.setattr(zarr.Array, "__getitem__", denied)  # a chunk, read late
    rows = run_batch([tmp_path / "a.npy", tmp_path / "b.zarr"], tmp_path / "out", ONE)
    for row in rows:
        assert row.error == f"{row.file} cannot be read (denied); check that it is there and may be read."


def test_batch_when_memory_ends_or_an_error_says_nothing_then_the_image_has_an_error(
    images: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = iter((MemoryError(), AssertionError(), MemoryError("0.2 GiB")))

    def failing(*_: object, **__: object) -> None:
        raise next(errors)

    monkeypatch.setattr(batch_image, "write_label_tiff", failing)
    told = [row.error for row in run_batch(images, tmp_path / "out", ONE)]
    assert told[1] == "AssertionError()"
    assert told[0].startswith("images/a.tif needs more memory")
    assert told[2].startswith("images/c.tif needs more memory")


def denied(*_: object, **__: object) -> None:
    raise PermissionError(13, "denied", "somewhere")


def test_batch_when_an_image_is_gone_in_the_end_then_the_sheet_shows_the_others(
    images: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def run(jobs: Sequence[Job], settings: BatchSettings) -> Iterator[Row]:
        yield from painting(1)(jobs, settings)
        images[0].unlink()
        images[1].write_bytes(b"nothing")
        os.utime(images[1], (0, 0))

    assert not any(row.error for row in run_batch(images, out, ONE, run=run))
    assert [tile.any() for tile in tiles_of(out)] == [False, False, True]
    (tmp_path / "first").hardlink_to(out / "sheet.png")  # which what is written into the file would change
    rows = run_batch(images, out, ONE, run=painting(2))
    assert [row.objects for row in rows] == [1, 1, 1]
    assert not (tmp_path / "first").samefile(out / "sheet.png")
