from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

import napari_sam
from napari_sam.cli import main
from napari_sam.cli.main import helps
from napari_sam.cli.progress import progress_bar
from napari_sam.errors import DataError


@pytest.mark.parametrize("command", ["demo", "segment", "evaluate", "train", "models"])
def test_a_command_when_asked_for_help_then_shows_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert "example" in text
    assert f"  napari-sam {command}" in text


def test_every_help_when_printed_then_is_no_wider_than_the_terminal_and_keeps_its_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "86")
    for name, text in helps().items():
        words, _, examples = text.partition("\nexample")
        assert max(map(len, words.splitlines())) < 86, name
        assert re.search(rf"^  (torchrun .*)?napari-sam {name} ", examples, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["paint"],
        ["segment", "a.png", "-o", "b.tif"],
        ["segment", "a.png", "--point", "1", "-o", "b.tif"],
        ["segment", "a.png", "--point", "1,2,x", "-o", "b.tif"],
        ["segment", "a.png", "--box", "1,2,3", "-o", "b.tif"],
        ["segment", "a.png", "--box", "1,2,3,four", "-o", "b.tif"],
        ["segment", "a.png", "--point", "1,2", "--box", "1,2,3,4", "--box", "5,6,7,8", "-o", "b.tif"],
        ["models", "burn"],
        ["models", "list", "vit_b"],
        ["evaluate", "--images", "a", "--labels", "b", "--seed", str(2**63)],
    ],
    ids=" ".join,
)
def test_wrong_arguments_when_given_then_exit_status_is_2_and_nothing_is_written(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["segment", "none.png", "--point", "1,2", "-o", "b.tif"], "no image none.png"),
        (["segment", "words.png", "--point", "1,2", "-o", "b.tif"], "words.png is damaged, or of a kind"),
        (["segment", "words.npy", "--point", "1,2", "-o", "b.tif"], "words.npy holds no array (the magic"),
        (["auto", "packed.npy", "-o", "b.tif"], "packed.npy holds no array (the magic string"),
        (["stack", "packed.npy", "--axis", "z", "-o", "b.tif"], "packed.npy holds no array (the magic"),
        (["convert", "words.npy", "-o", "b.tif"], "words.npy cannot be read as labels (the magic"),
        (["convert", "folder.tif", "-o", "b.tif"], "napari-sam: folder.tif cannot be read ("),
        (["segment", "words.png", "--point", "1,2", "-o", "b.jpg"], "b.jpg has an ending"),
        (["segment", "words.png", "--point", "1,2", "-o", "no/b.tif"], "does not exist"),
        (["segment", "none.png", "--point", "1,2", "-o", "words.npy"], "no image none.png; check the name"),
        (["stack", "none.tif", "--axis", "z", "-o", "words.npy"], "no image none.tif; check the name"),
        (["convert", "labels.png", "-o", "there.csv"], "choose another name, or overwrite it (--overwrite "),
        (["evaluate", "--images", "none", "--labels", "none"], "none does not exist"),
        (["evaluate", "--images", "words.png", "--labels", "none"], "words.png is no folder; give one that"),
        (["stack", "folder.tif", "--axis", "z", "-o", "b.tif"], "folder.tif is a folder and no zarr image"),
        (["train", "--config", "none.toml", "--out", "run"], "none.toml cannot be read"),
        (["models", "download", "no-such-model"], "no-such-model"),
        (["segment", "broken.zarr", "--point", "1,2", "-o", "b.tif"], "broken.zarr cannot be read ("),
        (["auto", "broken.zarr", "-o", "b.tif"], "broken.zarr cannot be read ("),
        (["stack", "broken.zarr", "--axis", "z", "-o", "b.tif"], "broken.zarr cannot be read ("),
        (["convert", "broken.zarr", "-o", "b.tif"], "broken.zarr cannot be read as labels ("),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_error_when_it_happens_then_is_one_line_and_exit_status_1(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("words.png", "words.npy", "there.csv"):
        (tmp_path / name).write_text("no picture")
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "labels.png")
    zarr.create_array(tmp_path / "broken.zarr", data=np.ones((4, 5), np.uint8), zarr_format=2)
    (tmp_path / "folder.tif").mkdir()
    np.savez(tmp_path / "packed.npz", np.zeros((4, 5)))
    (tmp_path / "packed.npz").rename(tmp_path / "packed.npy")
    (tmp_path / "broken.zarr" / "0.0").write_bytes(b"no chunk of a zarr array")
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("napari-sam: ")
    assert says in shown.err


@pytest.mark.skipif(sys.platform == "win32", reason="makes links")
@pytest.mark.parametrize(
    "arguments",
    [
        ["segment", "plate/dark.png", "--point", "1,2", "-o", "circle.tif"],
        ["auto", "plate/dark.png", "-o", "labels.tif", "--masks", "link.json"],
        ["auto", "plate/dark.png", "-o", "link.zarr"],
        ["auto", "plate", "-o", "link/labels"],
        ["convert", "plate/dark.png", "-o", "link.json"],
        ["convert", "plate/dark.png", "-o", "circle.zarr"],
        ["train", "--init", "none.pth", "--images", "plate", "--labels", "plate", "--out", "link"],
    ],
    ids=" ".join,
)
def test_an_output_when_it_is_a_link_to_nothing_then_one_line_says_so(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plate").mkdir()
    Image.fromarray(np.zeros((4, 5), np.uint8)).save("plate/dark.png")
    for ending in ("", ".tif", ".json", ".zarr"):
        Path(f"link{ending}").symlink_to(f"gone/labels{ending}")
        Path(f"circle{ending}").symlink_to(f"circle{ending}")
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.match(r"napari-sam: (link|circle)(.\w+)? is a link to .*, which is not there; make that", said)


@pytest.mark.parametrize(
    "arguments",
    [
        ["segment", "a.png", "-o", "b.tif"],
        ["stack", "a.tif", "-o", "b.tif", "--axis", "z", "--tracks", "c.csv"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_arguments_when_they_make_no_sense_together_then_the_usage_is_of_their_command(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    said = capsys.readouterr().err
    assert said.startswith(f"usage: napari-sam {arguments[0]} ")
    assert f"napari-sam {arguments[0]}: error: " in said


def test_the_version_when_asked_for_then_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"napari-sam {napari_sam.__version__}\n"


def test_a_damaged_tiff_when_read_then_the_library_that_reads_it_says_nothing_beside_our_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, np.zeros((40, 50), np.uint8))
    path.write_bytes(path.read_bytes()[:200])
    assert main(["auto", str(path), "-o", str(tmp_path / "labels.tif")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert caplog.messages == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_when_met_then_says_to_make_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "dark.npy", np.zeros((50, 60), np.uint8))
    typed = ["auto", str(tmp_path / "dark.npy"), "-o", str(tmp_path / "labels.npy")]
    assert main([*typed, "--masks", "/dev/full", "--overwrite"]) == 1
    assert capsys.readouterr().err.endswith("The disk is full; make room and start the same again.\n")


def test_main_when_memory_runs_out_then_says_so_and_not_that_it_is_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise MemoryError("Unable to allocate 4.0 GiB for an array")

    monkeypatch.setattr("napari_sam.weights.list_models", fail)
    assert main(["models", "list"]) == 1
    assert capsys.readouterr().err.startswith("napari-sam: There is too little memory; close other programs")


def test_an_error_when_debugging_then_is_raised(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        main(
            [
                "segment",
                str(tmp_path / "none.png"),
                "--point",
                "1,2",
                "-o",
                str(tmp_path / "b.tif"),
                "--debug",
            ]
        )


def test_a_name_when_the_terminal_has_no_letters_for_it_then_is_told_as_well_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "Ω.tif", np.eye(9, dtype=np.uint8))
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")  # as a file on Windows, of other letters
    monkeypatch.setattr("sys.stdout", terminal)
    assert main(["convert", str(tmp_path / "Ω.tif"), "-o", str(tmp_path / "Ω.geojson")]) == 0
    terminal.seek(0)
    assert "\\u03a9.geojson" in terminal.read()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break in another way")
@pytest.mark.parametrize(
    ("arguments", "buffered"),
    [(["models", "list"], True), (["models", "list"], False), (["--version"], False)],
)
def test_a_command_when_nobody_reads_on_what_it_prints_then_ends_without_a_word(
    arguments: list[str],
    buffered: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with io.TextIOWrapper(io.FileIO(writing, "w"), write_through=not buffered) as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(arguments) == 141
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_when_it_is_printed_to_then_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["models", "list"]) == 1
    assert capsys.readouterr().err == "napari-sam: The disk is full; make room and start the same again.\n"


def test_a_command_when_its_streams_are_closed_then_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["models", "list"]) == 0
    with progress_bar("working") as progress:  # looks whether a person watches standard error
        progress(1, 2)
    assert main(["models", "verify", "vit_x"]) == 1
    for stream in (sys.stdout, sys.stderr):
        stream.close()


def test_the_installed_command_when_started_then_runs_main() -> None:
    command = Path(sys.executable).with_name("napari-sam")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "segment one image at points or boxes" in done.stdout


STOPPING = """\
import signal, sys
from napari_sam.cli import main, models
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background may have none
models.run = lambda arguments: signal.raise_signal(signal.SIGINT)
sys.exit(main())
"""


def test_the_command_when_stopped_by_ctrl_c_then_says_so_and_ends_as_a_shells_loop_needs_it() -> None:
    typed = [sys.executable, "-c", STOPPING, "models", "list"]
    done = subprocess.run(typed, capture_output=True, text=True, check=False)
    assert done.stderr == "napari-sam: stopped.\n"
    assert done.returncode == (-signal.SIGINT if os.name == "posix" else 130)
