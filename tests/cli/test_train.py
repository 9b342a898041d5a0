from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam.cli import main

CONFIG = """
steps = {steps}
dense_steps = 1
rating_prompts = 6
crops = 1
prompts_per_crop = 2
crop_size = 128
precision = "float32"
[[data]]
images = "{folder}/images"
labels = "{folder}/labels"
"""
VALIDATION = """
[[validation]]
images = "dsb2018/images"
labels = "dsb2018/labels"
"""


def test_train_when_interrupted_and_resumed_then_leaves_a_model_that_segments(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = (data_folder / "dsb2018").as_posix()
    for steps, more in ((2, []), (4, ["--resume"])):
        config = tmp_path / f"{steps}.toml"
        config.write_text(CONFIG.format(steps=steps, folder="dsb2018") + (VALIDATION if more else ""))
        typed = ["train", "--config", str(config), "--out", str(tmp_path / "run"), "--device", "cpu"]
        typed += ["--data", str(data_folder)]
        assert main([*typed, *more]) == 0
    model, out = tmp_path / "run" / "model.safetensors", tmp_path / "labels.tif"
    printed = capsys.readouterr().out
    assert str(model) in printed
    assert "best_of_three" in printed
    image = f"{folder}/images/4327d2759187.png"
    assert main(["segment", image, "--box", "10,10,60,60", "--model", str(model), "-o", str(out)]) == 0
    assert tifffile.imread(out).dtype == np.uint16


def test_train_when_there_is_nothing_to_resume_then_one_line_says_so(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(steps=1, folder=(data_folder / "dsb2018").as_posix()))
    assert main(["train", "--config", str(config), "--out", str(tmp_path / "run"), "--resume"]) == 1
    assert "nothing to resume" in capsys.readouterr().err
