from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from pycocotools import mask as rle

from napari_sam.cli import main

STEM = "4327d2759187"


@pytest.fixture
def image(data_folder: Path) -> Path:
    return data_folder / "dsb2018" / "images" / f"{STEM}.png"


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


def test_auto_when_the_output_cannot_hold_labels_then_fails_before_any_work(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["auto", str(image), "-o", str(tmp_path / "labels.jpg")]) == 1
    assert "cannot hold labels" in capsys.readouterr().err
