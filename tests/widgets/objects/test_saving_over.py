"""What saving from the dock never writes over, and what it asks about first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.forms.pages import OBJECTS

from ..conftest import IMAGE, settle

Make = Callable[..., AnnotatorWidget]
TIFF = "Labels, for any program (*.tif)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an image."""
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "raw.tif", IMAGE + 7)
    return folder


@pytest.fixture
def widget(make_annotator: Make, qtbot: Any, folder: Path) -> AnnotatorWidget:
    """Return the dock with one object of an image that was read from a file."""
    widget = make_annotator(start=False)
    widget._viewer.open(str(folder / "raw.tif"))
    widget.panel.image.setCurrentText("raw")
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None
    widget.annotation.prompts.points.add((40, 50))
    settle(qtbot, widget)
    widget.annotation.commit()
    widget.pages.setCurrentIndex(OBJECTS)
    return widget


class Person:
    """Answers the file dialog with a name, and then each question with a button."""

    def __init__(self, widget: AnnotatorWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self._widget, self._qtbot, self._patch = widget, qtbot, monkeypatch
        self.questions: list[str] = []

    def save(self, name: Path, answer: QMessageBox.StandardButton | None = None) -> str:
        """Press Save; return what is said then. Without an answer, Enter is pressed."""
        self._patch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(name), TIFF))
        QTimer.singleShot(100, lambda: self._answer(answer))
        widget = self._widget
        self._qtbot.mouseClick(widget.object_panel.save, Qt.MouseButton.LeftButton)
        self._qtbot.wait(150)
        assert widget.saving is not None
        self._qtbot.waitUntil(lambda: not widget.saving.jobs.busy, timeout=20_000)  # type: ignore[union-attr]
        return str(widget.panel.status.text())

    def _answer(self, answer: QMessageBox.StandardButton | None) -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox):
            self.questions.append(box.text())
            button = box.defaultButton() if answer is None else box.button(answer)
            self._qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def person(widget: AnnotatorWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(widget, qtbot, monkeypatch)


def test_save_when_a_name_is_taken_then_the_image_is_refused_and_what_else_is_there_is_asked_about(
    widget: AnnotatorWidget, person: Person, folder: Path
) -> None:
    for name in ("raw.tif", "raw"):
        told = person.save(folder / name)
        assert told == f"{folder / 'raw.tif'} is the image itself; choose another name for what is written."
        assert np.array_equal(tifffile.imread(folder / "raw.tif"), IMAGE + 7)
    assert widget.saving is not None
    widget.panel.say("")
    widget.saving.save(folder)
    assert "is the image itself" in widget.panel.status.text()
    assert (folder / "raw.tif").exists()

    there = folder / "mine.tif"
    there.write_text("old")
    assert person.save(there) == f"Saved 1 object to {there}."  # the dialog has asked
    assert person.save(folder / "new") == f"Saved 1 object to {folder / 'new.tif'}."
    assert person.questions == []
    there.write_text("precious")
    assert person.save(folder / "mine") == "Nothing was saved."  # No is the default
    assert person.questions == ["mine.tif is there already. Do you want to replace it?"]
    assert there.read_text() == "precious"
    told = person.save(folder / "mine", QMessageBox.StandardButton.Yes)
    assert told == f"Saved 1 object to {there}."
    assert np.unique(tifffile.imread(there)).tolist() == [0, 1]


def test_save_when_a_mixed_layers_file_is_named_then_refuses(
    make_annotator: Make, qtbot: Any, folder: Path
) -> None:
    widget = make_annotator(start=False)
    tifffile.imwrite(folder / "other.tif", IMAGE + 9)
    widget._viewer.open([str(folder / "raw.tif"), str(folder / "other.tif")], stack=False)
    widget.panel.image.setCurrentText("raw")
    widget.panel.channels.how.setCurrentIndex(1)
    widget.start()
    settle(qtbot, widget)
    assert widget.saving is not None
    for name in ("raw.tif", "other.tif"):
        widget.saving.save(folder / name)
        assert f"{name} is the image itself" in widget.panel.status.text()
    assert np.array_equal(tifffile.imread(folder / "other.tif"), IMAGE + 9)
