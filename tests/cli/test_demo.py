from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam.cli.picture import CANDIDATE_COLOURS
from napari_sam.samples import load_sample

WITHOUT_A_SCREEN = """
import sys
from napari_sam.cli import main
status = main(sys.argv[1:])
sys.exit(3 if {"qtpy", "napari"} & set(sys.modules) else status)
"""


WITH_A_SCREEN = "import sys; from napari_sam.cli import main; sys.exit(main(sys.argv[1:]))"


def run_demo(folder: Path, *arguments: str, **screen: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")} | screen
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_A_SCREEN, "demo", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows always have a screen")
@pytest.mark.parametrize("name", ["fluorescence", "tissue"])
def test_the_demo_when_there_is_no_screen_then_writes_labels_and_a_picture_without_qt(
    name: str, tmp_path: Path
) -> None:
    done = run_demo(tmp_path, "--sample", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 2
    sample = load_sample(name)  # type: ignore[arg-type]
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.shape == sample.image.shape[:2]
    count = len(sample.points) + len(sample.boxes)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    assert len(areas) == count
    assert np.median(areas) > 50
    assert (areas > 0).sum() >= count - 1
    drawn = np.asarray(Image.open(tmp_path / "overlay.png"))
    assert drawn.shape[2] == 3
    assert max(drawn.shape) >= 1080


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows always have a screen")
def test_the_demo_when_asked_for_a_screenshot_without_a_screen_then_draws_it_and_keeps_what_is_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "labels.tif").write_bytes(b"mine")
    done = run_demo(tmp_path, "--screenshot", "seen.xyz")
    assert (done.returncode, done.stdout) == (1, "")
    assert "seen.xyz has an ending that cannot hold a picture; use .png" in done.stderr
    done = run_demo(tmp_path, "--screenshot", "seen.png", DISPLAY=":4077", QT_QPA_PLATFORM="xcb")  # nobody's
    assert done.returncode == 0, done.stderr
    assert ":4077" in done.stderr  # Qt says itself why there is no window
    assert {path.name for path in tmp_path.iterdir()} == {"labels.tif", "labels-2.tif", "seen.png"}
    assert (tmp_path / "labels.tif").read_bytes() == b"mine"


@pytest.mark.skipif(sys.platform != "linux", reason="the virtual screen is X11")
def test_the_demo_when_there_is_a_screen_then_the_window_shows_candidates_on_a_cell(tmp_path: Path) -> None:
    assert os.environ["DISPLAY"], "pytest-xvfb starts a virtual screen"
    done = subprocess.run(
        [sys.executable, "-c", WITH_A_SCREEN, "demo", "--screenshot", "window.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["window.png"]
    picture = np.asarray(Image.open(tmp_path / "window.png").convert("RGB")).astype(int)
    assert min(picture.shape[:2]) > 600
    for colour in CANDIDATE_COLOURS:
        assert (np.abs(picture - np.array(colour)).max(axis=2) < 12).sum() > 100
