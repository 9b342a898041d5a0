from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_sam.cli.outputs import PICTURE
from napari_sam.errors import DataError, DiskFullError
from napari_sam.files.writing import at_once, disk_errors, write_picture, write_text


def test_a_full_disk_when_met_then_one_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match="make room"), disk_errors(tmp_path):
        raise OSError(28, "No space left on device")
    with pytest.raises(DataError, match="may not be written"), disk_errors(tmp_path):
        raise PermissionError(13, "denied")
    with pytest.raises(DataError, match="may not be written"), disk_errors(tmp_path):
        raise OSError(errno.EROFS, "Read-only file system")
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "nothing").read_text()


def test_at_once_when_writing_fails_then_the_old_file_stays_and_nothing_is_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "labels.npy"
    path.write_bytes(b"old")

    def stop_halfway() -> None:
        with at_once(path) as part:
            part.write_bytes(b"half")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        stop_halfway()
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]
    with at_once(path) as part:
        part.write_bytes(b"new")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"new"]


def test_at_once_when_a_folder_is_there_then_it_is_replaced_whole_whatever_a_killed_process_left(
    tmp_path: Path,
) -> None:
    path = tmp_path / "labels.zarr"
    for name in ("labels.zarr", ".labels.zarr.new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").write_bytes(b"old")

    def stop_halfway() -> None:
        with at_once(path) as part:
            part.mkdir()
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        stop_halfway()
    with pytest.raises(OSError, match=r"labels\.zarr"):
        write_text(path, "no folder")
    assert [each.name for each in tmp_path.rglob("*")] == ["labels.zarr", "old"]
    with at_once(path) as part:
        assert part.name == path.name
        part.mkdir()
        (part / "new").write_bytes(b"new")
    assert [each.name for each in tmp_path.rglob("*")] == ["labels.zarr", "new"]


def test_a_shared_file_when_two_write_it_at_once_then_the_last_one_is_there_whole(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    with at_once(path, shared=True) as one, at_once(path, shared=True) as other:
        one.write_text("one", encoding="utf-8")
        other.write_text("other", encoding="utf-8")
    assert [each.read_text(encoding="utf-8") for each in tmp_path.iterdir()] == ["one"]


def test_a_file_when_another_writes_it_then_is_refused_and_the_first_one_is_there_whole(
    tmp_path: Path,
) -> None:
    path = tmp_path / "labels.tif"
    with at_once(path) as one:
        one.write_bytes(b"one")
        with (
            pytest.raises(DataError, match=r"labels\.tif is being written by another"),
            at_once(path) as other,
        ):
            other.write_bytes(b"other")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"labels.tif": b"one"}


@pytest.mark.parametrize("ending", PICTURE.endings)
def test_a_picture_when_written_then_is_there_whole_in_the_format_of_its_ending(
    ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"seen{ending}"
    path.write_bytes(b"old")
    Image.effect_noise((40, 30), 90).save(short := tmp_path / "short.png")
    os.truncate(short, 500)
    with Image.open(short) as half, pytest.raises(OSError, match="truncated"):
        write_picture(path, half)
    short.unlink()
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]
    write_picture(path, Image.new("RGB", (40, 30), "red"))
    with Image.open(path) as seen:
        assert ending in (each for each, form in Image.registered_extensions().items() if form == seen.format)
        assert np.abs(np.asarray(seen).astype(int) - (255, 0, 0)).max() < 4
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(DataError, match="cannot hold a picture"):
        write_picture(tmp_path / "seen.xyz", Image.new("RGB", (4, 4)))


@pytest.mark.skipif(sys.platform == "win32", reason="makes links and pipes")
def test_what_is_no_file_when_written_then_stays_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old", encoding="utf-8")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text(encoding="utf-8") == "new"
    os.mkfifo(tmp_path / "pipe")
    ready = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_text(tmp_path / "pipe", "through")
    assert os.read(ready, 100) == b"through"
    (tmp_path / "pipe.png").symlink_to("pipe")
    write_picture(tmp_path / "pipe.png", Image.new("L", (4, 4)))
    assert os.read(ready, 1000).startswith(b"\x89PNG")
    os.close(ready)
    assert (tmp_path / "pipe").is_fifo()
    assert not (tmp_path / ".pipe.new").exists()
