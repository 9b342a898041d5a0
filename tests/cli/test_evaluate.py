from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_sam.cli import main


def test_evaluate_when_run_on_labelled_images_then_prints_a_table_and_writes_json(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = data_folder / "dsb2018", tmp_path / "scores.json"
    typed = [
        "evaluate",
        "--images",
        str(folder / "images"),
        "--labels",
        str(folder / "labels"),
        "--limit",
        "3",
    ]
    assert main([*typed, "--json", str(out)]) == 0
    report = json.loads(out.read_text())
    assert report["model"] == "cell-tiny"
    assert report["objects"] == len(report["scores"]) == 9
    assert 0.4 < report["mean"]["point"] <= report["mean"]["best_of_three"] <= 1
    assert 0.4 < report["mean"]["box"] <= 1
    table = capsys.readouterr().out
    assert f"{report['mean']['box']:.3f}" in table
