"""The list of models, with files of weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QFileDialog

from napari_sam.weights import list_models
from napari_sam.widgets.forms.model_choice import FROM_FILE, ModelChoice


def test_files_when_chosen_then_are_told_apart_and_a_dialog_that_is_left_changes_nothing(
    tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = ModelChoice()
    qtbot.addWidget(choice)
    choice.show_models(list_models(), "vit_b")
    assert choice.currentText() == "vit_b (download 375 MB)"
    monkeypatch.setenv("NAPARI_SAM_CACHE", str(tmp_path))
    (tmp_path / "vit_b.pth").touch()
    choice.note_download()
    assert choice.currentText() == "vit_b"

    def choose(path: Path | str) -> str:
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
        choice.setCurrentIndex(choice.findText(FROM_FILE))
        choice.activated.emit(choice.currentIndex())
        return choice.model

    assert choose("") == "vit_b"
    runs = [tmp_path / run / "model.safetensors" for run in ("first", "second")]
    assert [choose(each) for each in (*runs, runs[0])] == [str(each) for each in (*runs, runs[0])]
    assert choose("") == str(runs[0])
    shown = [choice.itemText(index) for index in range(2)]
    assert shown == ["second/model.safetensors", "first/model.safetensors"]
    assert choice.count() == len(list_models()) + 3
    choice.show_models(list_models(), str(runs[1]))  # which is not there: no other model comes in silently
    assert choice.model == str(runs[1])
    choice.show_models(list_models(), "a model of an earlier version")
    assert choice.model == "cell-tiny"
