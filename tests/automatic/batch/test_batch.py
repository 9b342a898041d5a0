from __future__ import annotations

import csv
import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image

from napari_sam.automatic import AutomaticSettings, segment_automatically
from napari_sam.automatic.batch import cluster as batch_cluster
from napari_sam.automatic.batch.cluster import on_cluster
from napari_sam.automatic.batch.files import LARGE, images_of, opened
from napari_sam.automatic.batch.image import BatchSettings, Job, one_by_one
from napari_sam.automatic.batch.names import label_names
from napari_sam.automatic.batch.run import run_batch
from napari_sam.automatic.batch.summary import Row
from napari_sam.errors import Cancelled, DataError, DiskFullError
from napari_sam.files.images import read_image
from napari_sam.training.samples import image_label_pairs
from napari_sam.weights import load_model, save_checkpoint

STEM = "4327d2759187"
CPU = BatchSettings(device="cpu")


@pytest.fixture
def nuclei(data_folder: Path) -> NDArray[np.uint8]:
    return np.asarray(read_image(data_folder / "dsb2018" / "images" / f"{STEM}.png"))[:160, :180]


@pytest.fixture
def folder(nuclei: NDArray[np.uint8], tmp_path: Path) -> Path:
    """Images of four dtypes, one with another behind it, and a TIFF file that was cut off."""
    images = tmp_path / "images"
    images.mkdir()
    grey = nuclei[..., 0] if nuclei.ndim == 3 else nuclei
    with tifffile.TiffWriter(images / "a.tif") as file:
        file.write(grey.astype(np.uint16) * 100)
        file.write(grey)
    tifffile.imwrite(images / "b.tif", grey, compression="zlib")
    content = (images / "b.tif").read_bytes()
    (images / "b.tif").write_bytes(content[: len(content) // 2])
    np.save(images / "c.npy", grey.astype(np.float32) / 3 - 7)
    Image.fromarray(np.stack([grey] * 3, -1)).save(images / "d.png")
    np.save(images / "e.npy", grey.astype(complex))
    (images / "notes.txt").write_text("no image")
    return images


def summary(out: Path) -> dict[str, dict[str, str]]:
    with (out / "summary.csv").open(newline="") as file:
        return {Path(row["file"]).name: row for row in csv.DictReader(file)}


def test_batch_when_two_files_are_bad_then_the_others_are_segmented_as_alone(
    folder: Path, tmp_path: Path
) -> None:
    out, calls = tmp_path / "labels", []
    rows = run_batch(images_of([str(folder)]), out, CPU, progress=lambda *done: calls.append(done))
    assert [Path(row.file).name for row in rows] == ["a.tif", "b.tif", "c.npy", "d.png", "e.npy"]
    assert [bool(row.error) for row in rows] == [False, True, False, False, True]
    assert "b.tif cannot be read" in rows[1].error
    assert "complex" in rows[4].error
    assert calls == [(done, 5) for done in range(1, 6)]
    alone = segment_automatically(tifffile.imread(folder / "a.tif"), load_model("cell-tiny", "cpu"))
    labels = tifffile.imread(out / "a.tif")
    assert labels.dtype == np.uint16
    assert np.array_equal(labels, alone)
    told = summary(out)
    assert int(told["a.tif"]["objects"]) == alone.max() > 2
    assert 0.2 < float(told["a.tif"]["mean_score"]) < 1
    assert told["b.tif"]["error"] == rows[1].error
    assert told["a.tif"]["note"] == rows[0].note
    assert [row.note[:18] for row in rows] == ["a.tif has 2 images", "", "", "", ""]
    assert not (out / "b.tif").exists()
    with Image.open(out / "sheet.png") as sheet:
        assert np.asarray(sheet).any()


def test_batch_when_started_again_then_only_what_is_missing_or_newer_is_done(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    images = images_of([str(folder / "[acd].*")])
    stops = iter([False, True])
    with pytest.raises(Cancelled):
        run_batch(images, out, CPU, cancelled=lambda: next(stops))
    assert set(summary(out)) == {"a.tif", "c.npy"}
    before = {name: (out / name).stat().st_mtime_ns for name in ("a.tif", "c.tif")}
    os.utime(folder / "c.npy", ns=(before["c.tif"] + 10**9,) * 2)
    rows = run_batch(images, out, CPU)
    assert not any(row.error for row in rows)
    assert (out / "a.tif").stat().st_mtime_ns == before["a.tif"]
    assert (out / "c.tif").stat().st_mtime_ns > before["c.tif"]
    assert (out / "d.tif").exists()
    run_batch(images, out, CPU, overwrite=True)
    assert (out / "a.tif").stat().st_mtime_ns > before["a.tif"]


def test_batch_when_the_folder_is_of_something_else_then_refused(folder: Path, tmp_path: Path) -> None:
    images, out = images_of([str(folder / "a.tif")]), tmp_path / "labels"
    run_batch(images, out, CPU)
    with pytest.raises(DataError, match="another method and set of thresholds"):
        run_batch(images, out, BatchSettings(method="grid", automatic=AutomaticSettings(overlap=0.5)))
    for same in (folder, tmp_path / "labels" / ".." / folder.name):
        with pytest.raises(DataError, match="holds the images"):
            run_batch(images, same, CPU, overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.tif").write_bytes(b"mine")
    with pytest.raises(DataError, match="not of a batch"):
        run_batch(images, tmp_path / "other", CPU)
    with pytest.raises(DataError, match="is a file"):
        run_batch(images, folder / "notes.txt", CPU)
    assert (tmp_path / "other" / "a.tif").read_bytes() == b"mine"


def test_batch_when_an_image_is_large_or_zarr_then_its_labels_are_zarr(
    nuclei: NDArray[np.uint8], tmp_path: Path
) -> None:
    grey = nuclei[..., 0] if nuclei.ndim == 3 else nuclei
    long = np.zeros((160, LARGE + 1), np.uint8)
    long[:, 3900:4080] = grey
    tifffile.imwrite(tmp_path / "long.tif", long)
    group = zarr.create_group(tmp_path / "ome.zarr")
    group.create_array("s0", data=grey[None, None, None], chunks=(1, 1, 1, 64, 64))
    group.attrs["ome"] = {"multiscales": [{"datasets": [{"path": "s0"}]}]}
    out = tmp_path / "labels"
    rows = run_batch([tmp_path / "long.tif", tmp_path / "ome.zarr"], out, CPU)
    assert [row.error for row in rows] == ["", ""]
    for name, shape, row in (("long", long.shape, rows[0]), ("ome", grey.shape, rows[1])):
        labels = np.asarray(zarr.open_array(out / f"{name}.zarr", mode="r")[...])
        assert labels.shape == shape
        assert len(np.unique(labels)) - 1 == row.objects > 0
    state = (out / "ome.zarr.state.json").stat().st_mtime_ns
    run_batch([tmp_path / "long.tif", tmp_path / "ome.zarr"], out, CPU)
    assert (out / "ome.zarr.state.json").stat().st_mtime_ns == state


def test_images_when_named_by_folder_pattern_and_file_then_each_comes_once(folder: Path) -> None:
    named = images_of([str(folder / "d.png"), str(folder), str(folder / "*.npy")])
    assert [path.name for path in named] == ["d.png", "a.tif", "b.tif", "c.npy", "e.npy"]
    (folder.parent / "empty").mkdir()
    for nothing in ("empty", "*.czi"):
        with pytest.raises(DataError, match="holds no image"):
            images_of([str(folder.parent / nothing)])
    with pytest.raises(DataError, match="There is no image"):
        images_of([str(folder / "z.tif")])


def test_images_when_a_pattern_meets_levels_of_an_image_and_a_link_upwards_then_each_comes_once(
    tmp_path: Path,
) -> None:
    plate = tmp_path / "plate [1]"
    levels = zarr.create_group(plate / "a" / "ome.zarr")
    for level in ("0", "1"):
        levels.create_array(level, shape=(8, 8), dtype="uint8")
    for name in ("a/Ü 1.TIF", "b.tif", "c.tif", "._c.tif"):
        (plate / name).touch()
    for number in range(3):  # two and more lead around in ever more ways
        (plate / "a" / f"up {number}").symlink_to(plate)
    everything = [plate / name for name in ("a/ome.zarr", "a/Ü 1.TIF", "b.tif", "c.tif")]
    assert images_of([str(plate / "**" / "*")]) == everything
    assert images_of([str(tmp_path / "**")]) == everything
    assert images_of([str(tmp_path / "**" / "a" / "**" / "Ü*")]) == everything[1:2]
    assert images_of([str(plate / "*.tif")]) == everything[2:]
    assert images_of([str(plate / "*" / "**")]) == everything
    levels_alone = images_of([str(plate / "a" / "*.zarr" / "*")])
    assert [path.name for path in levels_alone] == ["0", "1"]


def test_opened_when_axes_have_length_one_then_a_plane_is_left(tmp_path: Path) -> None:
    shapes = {(1, 1, 3, 1, 40, 50): (3, 40, 50), (1, 40, 50): (40, 50), (40, 50, 3): (40, 50, 3)}
    for number, (shape, expected) in enumerate(shapes.items()):
        path = tmp_path / f"{number}.zarr"
        zarr.create_array(path, data=np.zeros(shape, np.uint8))
        tifffile.imwrite(path.with_suffix(".tif"), np.zeros(shape, np.uint8), photometric="minisblack")
        for each in (path, path.with_suffix(".tif")):
            with opened(each) as array:
                assert array.shape == expected
    with opened(tmp_path / "1.zarr", channel_axis=0) as array:
        assert array.shape == (1, 40, 50)


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="this system does not tell which files are open"
)
def test_opened_when_the_array_is_in_memory_then_the_file_is_let_go(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((40, 50), np.uint8))
    with opened(path) as array:  # as long as its layer is shown
        held = [each.resolve() for each in Path("/proc/self/fd").iterdir()]
        assert path.resolve() not in held
    assert array.all()


def test_label_names_when_two_images_share_a_stem_then_they_are_told_apart(tmp_path: Path) -> None:
    same = [Path("in/x/a.tif"), Path("in/y/a.tif"), Path("in/y/a.png")]
    assert list(label_names(same).values()) == ["x_a.tif", "y_a.tif", "y_a.png"]
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    images = [tmp_path / "images" / name for name in ("a.png", "a.tif", "b.tif")]
    labels = [tmp_path / "labels" / f"{name}.tif" for name in label_names(images).values()]
    for file in (*images, *labels):
        file.touch()
    assert image_label_pairs(tmp_path / "images", tmp_path / "labels") == list(
        zip(images, labels, strict=True)
    )
    assert list(label_names([Path("x/a.tif"), Path("y/b.tif")]).values()) == ["a", "b"]


def test_opened_when_a_file_is_no_image_then_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(b"nothing")
    (tmp_path / "e.npy").write_bytes(b"\x93NUMPY\1\0\x10\0{'shape': (4,  \n")  # numpy reads it as Python
    (tmp_path / "b.zarr").mkdir()
    for name, levels in (("c.zarr", []), ("d.zarr", [{"path": "group"}])):
        image = zarr.create_group(tmp_path / name, attributes={"multiscales": [{"datasets": levels}]})
        image.create_group("group")
    for name in ("a.npy", "e.npy", "b.zarr", "c.zarr", "d.zarr"):
        with pytest.raises(DataError, match="holds no"), opened(tmp_path / name):
            pass
    for name in ("gone.tif", "gone.png", "gone.npy"):
        with pytest.raises(DataError, match=r"\(No such file or directory\); check"), opened(tmp_path / name):
            pass
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(DataError, match=r"^[^ ]*text\.png is damaged, or of"), opened(tmp_path / "text.png"):
        pass


def test_summary_when_it_was_changed_by_hand_then_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    images, out = [folder / "a.tif"], tmp_path / "labels"
    run_batch(images, out, CPU)
    (out / "summary.csv").write_text("file,objects,seconds,mean_score,error\na.tif,many,,,\n")
    with pytest.raises(DataError, match=r"no summary of a batch; remove it"):
        run_batch(images, out, CPU)
    assert run_batch(images, out, CPU, overwrite=True)[0].objects > 2


def test_batch_when_it_goes_on_then_told_of_what_was_finished_and_of_what_is_at_hand(
    folder: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    at: list[tuple[str, int, int]] = []

    def run(jobs: Sequence[Job], settings: BatchSettings) -> Iterator[Row]:
        return one_by_one(jobs, settings, at=lambda image, done, total: at.append((image.name, done, total)))

    run_batch([folder / "c.npy"], tmp_path / "labels", CPU)
    images = images_of([str(folder / "[abc].*")])
    rows = run_batch(images, tmp_path / "labels", CPU, run=run, told=lambda row: told.append(row.file))
    assert [Path(file).name for file in told] == ["c.npy", "a.tif", "b.tif"]
    assert [Path(row.file).name for row in rows] == ["a.tif", "b.tif", "c.npy"]
    assert at[0] == ("a.tif", 0, 0)
    assert at[-1] == ("b.tif", 0, 0)
    assert at[-2][0] == "a.tif"
    assert at[-2][1] == at[-2][2] > 0


def test_batch_when_the_disk_is_full_then_it_ends_and_what_was_finished_stays(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, out, write = images_of([str(folder / "[acd].*")]), tmp_path / "labels", tifffile.imwrite

    def full(path: Path, *given: Any, **options: Any) -> None:
        if "c.tif" in path.name:
            path.write_bytes(b"half of it")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, *given, **options)

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(DiskFullError, match="make room and start the same again"):
        run_batch(images, out, CPU)
    assert set(summary(out)) == {"a.tif"}
    assert sorted(path.name for path in out.iterdir()) == ["a.tif", "settings.json", "summary.csv"]
    monkeypatch.undo()
    assert not any(row.error for row in run_batch(images, out, CPU))


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two workers, forked from a process that has imported everything once: torch takes seconds."""
    distributed = pytest.importorskip("distributed")
    import dask

    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        context = distributed.utils.get_mp_context()
        context.set_forkserver_preload(["distributed", "napari_sam.automatic.batch.cluster"])
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as cluster:
            yield cluster


@pytest.mark.skipif(sys.platform == "win32", reason="Windows neither forks nor kills")
@pytest.mark.timeout(300)  # three processes begin, which a busy machine takes long for
def test_cluster_when_a_worker_is_killed_then_the_other_does_its_images(
    nuclei: NDArray[np.uint8], tmp_path: Path, cluster: Any
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for index in range(4):
        Image.fromarray(nuclei[index : index + 96, :110]).save(images / f"{index}.png")
    (images / "bad.png").write_bytes(b"nothing")
    finished: list[int] = []

    def kill(done: int, _: int) -> None:
        finished.append(done)
        if done == 1:
            os.kill(cluster.workers[0].pid, signal.SIGKILL)

    run = on_cluster(cluster.scheduler_address)
    rows = run_batch(images_of([str(images)]), tmp_path / "labels", CPU, run=run, progress=kill)
    assert finished == list(range(1, 6))
    assert [bool(row.error) for row in rows] == [False] * 4 + [True]
    here = run_batch(images_of([str(images)]), tmp_path / "here", CPU)
    for index in range(4):
        assert rows[index].objects == here[index].objects > 0
        one, other = (tifffile.imread(tmp_path / name / f"{index}.tif") for name in ("labels", "here"))
        assert np.array_equal(one, other)


def test_cluster_when_an_image_kills_all_workers_that_try_then_that_is_its_error() -> None:
    distributed = pytest.importorskip("distributed")
    killed: Future[Row] = Future()
    killed.set_exception(distributed.KilledWorker("a task", SimpleNamespace(address="gone"), 3))
    assert "workers died on this image" in batch_cluster._became(killed).error
    done: Future[Row] = Future()
    done.set_result(Row("a.tif", objects=3))
    assert batch_cluster._became(done) == Row("a.tif", objects=3)


def test_cluster_when_a_worker_lacks_the_package_or_has_a_folder_of_its_own_then_says_which(
    tmp_path: Path,
) -> None:
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()

    def seeing(ours: str, theirs: str) -> SimpleNamespace:
        """Return a client with a worker for which a name is another one."""
        return SimpleNamespace(
            run=lambda look, what: {"tcp://one": look(what), "tcp://other": look(what.replace(ours, theirs))}
        )

    for client, told in (
        (seeing("napari_sam", "nobodys"), "cannot import napari-sam"),
        (seeing("ours", "theirs"), "see another .*ours than the one here"),
    ):
        with pytest.raises(DataError, match=rf"1 of 2 workers \(such as tcp://other\) {told}"):
            batch_cluster._check_workers(client, tmp_path / "ours")
    assert not any((tmp_path / "ours").iterdir())


def test_worker_when_the_file_of_its_model_is_another_then_the_new_weights_are_used_or_refused(
    tmp_path: Path,
) -> None:
    path, held = tmp_path / "mine.safetensors", batch_cluster._Held()
    model = load_model("cell-tiny", "cpu")
    hashes = []
    for note in ("first", "second"):
        save_checkpoint(path, model.sam, {"note": note})
        weights = BatchSettings(model=str(path)).made_with()["model"]
        hashes.append(held.model(str(path), "cpu", weights).weights_hash)
        assert hashes[-1] == weights
    assert hashes[0] != hashes[1]
    with pytest.raises(DataError, match="not those of here"):
        held.model(str(path), "cpu", hashes[0])


def test_cluster_when_nobody_answers_then_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(batch_cluster, "WAIT", 0.2)
    told, threads = [], threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as other:  # which says nothing to those who come
        port = other.getsockname()[1]
        for address in ("nowhere", "http://127.0.0.1:9", "tcp://127.0.0.1:9", f"127.0.0.1:{port}"):
            with pytest.raises(DataError, match="No scheduler answers") as error:
                run_batch([folder / "a.tif"], tmp_path / "labels", CPU, run=on_cluster(address))
            # a client that is left half open lives as long as its error, and waits and complains at exit
            told.append(error)
            assert threading.active_count() == threads


def test_cluster_when_it_has_no_worker_or_goes_away_then_can_be_cancelled_and_says_how_to_go_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    distributed = pytest.importorskip("distributed")
    wait = distributed.as_completed
    monkeypatch.setattr(logging.getLogger("distributed"), "propagate", True)
    typed = [
        sys.executable,
        "-m",
        "dask",
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
    ]
    with subprocess.Popen(typed, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as scheduler:

        def gone(futures: Any, **options: Any) -> Any:
            """Kill the scheduler when it has the images and before anybody has done one."""
            scheduler.kill()
            return wait(futures, **options)

        try:
            assert scheduler.stderr is not None
            address = next(line for line in scheduler.stderr if "Scheduler at:" in line).split()[-1]
            with pytest.raises(Cancelled):
                run_batch([folder / "a.tif"], tmp_path / "labels", CPU, run=on_cluster(address, lambda: True))
            monkeypatch.setattr(distributed, "as_completed", gone)
            with pytest.raises(DataError, match="went away"):
                run_batch([folder / "a.tif"], tmp_path / "labels", CPU, run=on_cluster(address))
            assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
        finally:
            scheduler.kill()
