import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_sam.training.config import DataConfig, TrainConfig
from napari_sam.training.record import commit, described_set, record_start


def written_set(folder: Path, value: int) -> DataConfig:
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
        Image.fromarray(np.full((8, 8), value, np.uint8)).save(folder / name / "a.png")
    return DataConfig(folder / "images", (folder / "labels",), weight=0.5)


def test_described_set_when_moved_then_the_hash_stays_and_when_a_pixel_changes_then_it_does_not(
    tmp_path: Path,
) -> None:
    here, there = written_set(tmp_path / "here", 1), written_set(tmp_path / "there", 1)
    first = described_set(here)
    assert first["count"] == 1
    assert described_set(there)["sha256"] == first["sha256"]
    content = hashlib.sha256((here.images / "a.png").read_bytes()).hexdigest()
    listing = f"images/a.png {content}\nlabels/a.png {content}\n"
    assert first["sha256"] == hashlib.sha256(listing.encode()).hexdigest()
    Image.fromarray(np.full((8, 8), 2, np.uint8)).save(there.labels[0] / "a.png")
    assert described_set(there)["sha256"] != first["sha256"]


def test_record_start_when_resumed_then_added_and_when_started_anew_then_alone(tmp_path: Path) -> None:
    config = TrainConfig((replace(written_set(tmp_path / "mine", 1), channels=(2, 0)),), seed=3)
    path = tmp_path / "run.json"
    record_start(path, config, 0)
    record_start(path, replace(config, steps=9000), 200)
    first, second = json.loads(path.read_text())
    assert (first["step"], second["step"]) == (0, 200)
    assert (first["settings"]["seed"], second["settings"]["steps"]) == (3, 9000)
    assert first["data"][0]["images"].endswith("mine/images")
    assert first["data"][0]["channels"] == [2, 0]
    record_start(path, config, 0)
    assert len(json.loads(path.read_text())) == 1


def test_record_start_when_there_is_a_start_model_then_its_hash_is_told(tmp_path: Path) -> None:
    init = tmp_path / "start.safetensors"
    init.write_bytes(b"weights")
    config = TrainConfig((written_set(tmp_path / "mine", 1),), init=init)
    record_start(tmp_path / "run.json", config, 0)
    told = json.loads((tmp_path / "run.json").read_text())[0]["init"]
    assert told == f"start.safetensors, SHA-256 {hashlib.sha256(b'weights').hexdigest()}"


def test_commit_when_the_code_is_in_no_repository_then_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit() is None or len(commit().rstrip("+")) == 40
    monkeypatch.setenv("PATH", "")
    assert commit() is None
