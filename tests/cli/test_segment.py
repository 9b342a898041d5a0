from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_sam.cli import main

STEM = "4327d2759187"


@pytest.fixture
def image(data_folder: Path) -> Path:
    return data_folder / "dsb2018" / "images" / f"{STEM}.png"


@pytest.fixture
def truth(data_folder: Path) -> NDArray[np.uint16]:
    labels: NDArray[np.uint16] = tifffile.imread(data_folder / "dsb2018" / "labels" / f"{STEM}.tif")
    return labels


def largest_cells(truth: NDArray[np.uint16], count: int) -> list[int]:
    return [int(label) for label in 1 + np.argsort(-np.bincount(truth.ravel())[1:])[:count]]


def box_argument(mask: NDArray[np.bool_]) -> str:
    rows, cols = np.nonzero(mask)
    return f"{rows.min()},{cols.min()},{rows.max()},{cols.max()}"


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_a_point_when_on_a_cell_then_its_mask_is_written(
    image: Path, truth: NDArray[np.uint16], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = truth == largest_cells(truth, 1)[0]
    row, col = (int(axis.mean()) for axis in np.nonzero(cell))
    out = tmp_path / "labels.tif"
    assert main(["segment", str(image), "--point", f"{row},{col}", "-o", str(out)]) == 0
    labels = tifffile.imread(out)
    assert labels.shape == truth.shape
    assert labels.dtype == np.uint16
    assert set(np.unique(labels)) == {0, 1}
    assert iou(labels == 1, cell) > 0.5
    assert capsys.readouterr().out.startswith(f"{out}: 1 label, predicted IoU 0.")


@pytest.mark.parametrize("ending", ["tif", "png", "npy"])
def test_boxes_when_several_then_each_becomes_a_label_and_a_hidden_one_is_told(
    image: Path, truth: NDArray[np.uint16], tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    cells = largest_cells(truth, 3)
    cells = [cells[0], *cells]  # the first one a second time, which hides it
    boxes = [text for cell in cells for text in ("--box", box_argument(truth == cell))]
    out, picture = tmp_path / f"labels.{ending}", tmp_path / "seen.png"
    assert main(["segment", str(image), *boxes, "-o", str(out), "--picture", str(picture)]) == 0
    if ending == "npy":
        labels = np.load(out)
    else:
        labels = np.asarray(Image.open(out)) if ending == "png" else tifffile.imread(out)
    assert [iou(labels == number, truth == cell) > 0.6 for number, cell in enumerate(cells, 1)] == [
        False, True, True, True,
    ]  # fmt: skip
    assert labels.max() == 4
    assert "no pixel is left of label 1: where" in capsys.readouterr().err
    drawn = np.asarray(Image.open(picture)).astype(int)
    assert max(drawn.shape) >= 1080
    assert (np.ptp(drawn, axis=-1) > 60).mean() > 0.02


def test_a_choice_when_numbered_then_takes_that_candidate(
    image: Path, truth: NDArray[np.uint16], tmp_path: Path
) -> None:
    row, col = (int(axis.mean()) for axis in np.nonzero(truth == largest_cells(truth, 1)[0]))
    areas = []
    for choice in "123":
        out = tmp_path / f"{choice}.npy"
        assert (
            main(["segment", str(image), "--point", f"{row},{col}", "--choice", choice, "-o", str(out)]) == 0
        )
        areas.append(int(np.load(out).sum()))
    assert len(set(areas)) == 3


def test_a_choice_when_there_is_one_mask_only_then_multimask_makes_it_possible(
    image: Path, truth: NDArray[np.uint16], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row, col = (int(axis.mean()) for axis in np.nonzero(truth == largest_cells(truth, 1)[0]))
    out = tmp_path / "labels.npy"
    typed = [
        "segment",
        str(image),
        "--point",
        f"{row},{col}",
        "--point",
        "2,2,-",
        "--choice",
        "3",
        "-o",
        str(out),
    ]
    with pytest.raises(SystemExit) as left:
        main(typed)
    assert left.value.code == 2
    assert "add --multimask" in capsys.readouterr().err
    assert not out.exists()
    assert main([*typed, "--multimask"]) == 0
    assert out.exists()


@pytest.mark.parametrize(
    "prompt", [["--point", "4000,3"], ["--box", "-9,-9,-2,-3"], ["--box=-9,0,-2,9"], ["--point", "-.7,3"]]
)
def test_a_prompt_when_outside_the_image_then_one_line_says_so(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], prompt: list[str]
) -> None:
    assert main(["segment", str(image), *prompt, "-o", str(tmp_path / "labels.tif")]) == 1
    assert "lies outside the image" in capsys.readouterr().err
