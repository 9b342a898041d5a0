from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam.cli import main
from napari_sam.session.journal.journal import Journal
from napari_sam.weights import LoadedModel, read_metadata, save_checkpoint

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
    folder = shutil.copytree(data_folder / "dsb2018", tmp_path / "dsb2018")
    image = folder / "images" / "4327d2759187.png"
    shutil.copy(image, folder / "images" / "unlabelled.png")
    for steps, more in ((2, []), (4, ["--resume"])):
        config = tmp_path / f"{steps}.toml"
        config.write_text(CONFIG.format(steps=steps, folder="dsb2018") + (VALIDATION if more else ""))
        typed = ["train", "--config", str(config), "--out", str(tmp_path / "run"), "--device", "cpu"]
        typed += ["--data", str(tmp_path)]
        assert main([*typed, *more]) == 0
    model, out = tmp_path / "run" / "model.safetensors", tmp_path / "labels.tif"
    printed = capsys.readouterr()
    assert str(model) in printed.out
    assert "best_of_three" in printed.out
    assert "without labels of the same name: 1 image (unlabelled.png)" in printed.err
    assert main(["segment", str(image), "--box", "10,10,60,60", "--model", str(model), "-o", str(out)]) == 0
    assert tifffile.imread(out).dtype == np.uint16


def test_train_when_there_is_nothing_to_resume_then_one_line_says_so(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(steps=1, folder=(data_folder / "dsb2018").as_posix()))
    assert main(["train", "--config", str(config), "--out", str(tmp_path / "run"), "--resume"]) == 1
    assert "nothing to resume" in capsys.readouterr().err


def test_train_when_a_run_from_a_file_is_there_already_then_one_line_says_so(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(steps=1, folder=(data_folder / "dsb2018").as_posix()))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "state.pt").write_bytes(b"many hours")
    assert main(["train", "--config", str(config), "--out", str(tmp_path / "run"), "--device", "cpu"]) == 1
    assert "holds an earlier run" in capsys.readouterr().err
    assert (tmp_path / "run" / "state.pt").read_bytes() == b"many hours"


def test_train_when_a_device_is_given_then_the_finished_model_is_measured_there_too(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NAPARI_SAM_DEVICE", "cuda:99")  # what auto is, and is not there
    config = tmp_path / "config.toml"
    config.write_text(
        CONFIG.format(steps=9, folder="dsb2018").replace("rating_prompts = 6", "rating_prompts = 0")
    )
    config.write_text(config.read_text() + VALIDATION)
    typed = ["train", "--config", str(config), "--data", str(data_folder), "--out", str(tmp_path / "run")]
    assert main([*typed, "--device", "cpu", "--minutes", "0.00001"]) == 0
    assert "trained for 1 step;" in capsys.readouterr().out  # and not for 9, for which there was no time
    assert read_metadata(tmp_path / "run" / "model.safetensors")["steps"] == "1"


def test_train_when_stopped_then_says_how_to_go_on_if_there_is_something_to_go_on_from(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_sam.training.finetune.FineTuning.learn", stop)
    assert main(fine_tuning(data_folder, tmp_path, "--steps", "1")) == 130
    assert capsys.readouterr().err.endswith("stopped.\n")
    (tmp_path / "state.pt").touch()
    assert main(fine_tuning(data_folder, tmp_path, "--steps", "1", "--resume")) == 130
    assert "--resume goes on from the last checkpoint" in capsys.readouterr().err


def fine_tuning(data_folder: Path, out: Path, *more: str) -> list[str]:
    start = data_folder.parent / "parity" / "sam_small.safetensors"
    folder = data_folder / "dsb2018"
    typed = ["train", "--init", str(start), "--images", str(folder / "images"), "--labels"]
    return [*typed, str(folder / "labels"), "--out", str(out), "--device", "cpu", *more]


def test_train_when_a_model_is_fine_tuned_then_shows_before_and_after_and_names_the_file_by_the_outcome(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    folder = data_folder / "dsb2018"
    more = ["--validation", str(folder / "images"), str(folder / "labels"), "--steps", "3", "--tune", "lora"]
    images = shutil.copytree(folder / "images", tmp_path / "images")
    corrected = next(images.iterdir())
    labels = shutil.copytree(folder / "labels", tmp_path / "labels")
    shutil.copy(corrected, images / "unlabelled.png")
    shutil.copy(corrected, images / "empty.png")
    with Image.open(corrected) as opened:
        tifffile.imwrite(labels / "empty.tif", np.zeros(opened.size[::-1], np.uint8))
    tifffile.imwrite(labels / "unused.tif", np.ones((5, 5), np.uint8))
    Journal(images / f"{corrected.stem}.napari-sam" / "a.journal", (9, 9), image=corrected).close()
    typed = fine_tuning(data_folder, out, *more)
    typed[4], typed[6] = str(images), str(labels)
    status = main(typed)
    printed = capsys.readouterr()
    assert f"without labels of the same name: 1 image (unlabelled.png) in {images}" in printed.err
    assert f"without an image of the same name: 1 label image (unused.tif) in {labels}" in printed.err
    assert f"without an object in their labels: 1 image (empty.png) in {images}" in printed.err
    assert f"after their labels were written: 1 image ({corrected.name}); save the labels" in printed.err
    assert "learning from 3 images; held out: " in printed.out
    assert "nearly the same" not in printed.out
    assert [line.split()[0] for line in printed.out.splitlines()].count("before") == 2
    told = json.loads((out / "comparison.json").read_text())
    assert len(told["sets"]) == 2
    worse = bool(told["worse"])
    assert status == int(worse)
    assert (out / "model-worse.safetensors").exists() is worse
    assert (out / "model.safetensors").exists() is not worse
    assert ("not recommended" in printed.err) is worse
    assert main(fine_tuning(data_folder, out)) == 1
    assert "holds an earlier run" in capsys.readouterr().err
    typed[8] = str(labels)
    assert main(typed) == 1
    assert f"{labels} holds what is to be learnt from; give another --out." in capsys.readouterr().err
    shutil.copy(labels / "unused.tif", labels / "empty.tif")
    typed[2], typed[8] = "nowhere.pth", str(tmp_path / "another")  # a model comes after the images
    assert main(typed) == 1
    assert "labels/empty.tif is (5, 5), its image (" in capsys.readouterr().err


def test_train_when_adapters_or_channels_do_not_fit_model_or_validation_then_one_line_says_so(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], small: LoadedModel
) -> None:
    start, coloured, folder = tmp_path / "small.safetensors", tmp_path / "rgb", data_folder / "dsb2018"
    save_checkpoint(start, small.sam)
    coloured.mkdir()
    for path in (folder / "images").iterdir():
        Image.open(path).convert("RGB").save(coloured / path.name)
    typed = fine_tuning(data_folder, tmp_path / "run", "--steps", "1", "--tune", "lora", "--channels", "1")
    typed[2], typed[4] = str(start), str(coloured)
    assert main(typed) == 1
    assert "--tune" in capsys.readouterr().err
    assert main([*typed, "--validation", str(folder / "images"), str(folder / "labels")]) == 1
    assert "has one channel, 0; there is no channel 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed",
    [
        ["--init", "cell-tiny"],
        ["--init", "cell-tiny", "--config", "a.toml"],
        [],
        ["--init", "cell-tiny", "--images", "a", "--labels", "b", "--minutes", "1", "--steps", "2"],
        ["--init", "cell-tiny", "--images", "a", "--labels", "b", "--minutes", "-1"],
        ["--init", "cell-tiny", "--images", "a", "--labels", "b", "--minutes", "nan"],
        ["--init", "cell-tiny", "--images", "a", "--labels", "b", "--steps", "0"],
        ["--init", "cell-tiny", "--images", "a", "--labels", "b", "--seed", "-1"],
        ["--init", "cell-tiny", "--images", "a", "--labels", "b", "--data", "c"],
        ["--config", "a.toml", "--seed", "0"],
    ],
)
def test_train_when_arguments_make_no_sense_then_shows_the_usage(typed: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["train", *typed, "--out", str(tmp_path / "run")])
    assert leaving.value.code == 2
