"""All objects written into files from the dock, and opened again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from napari.layers import Layer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_sam.export import read_regions
from napari_sam.export.layers import read_labels_layer
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.forms.pages import OBJECTS
from napari_sam.widgets.objects import saving
from napari_sam.widgets.objects.saving import FORMATS, with_ending

from ..conftest import settle

Make = Callable[..., AnnotatorWidget]


@pytest.fixture
def widget(make_annotator: Make, qtbot: Any) -> AnnotatorWidget:
    """Return the dock with two objects that overlap."""
    widget = make_annotator()
    assert widget.annotation is not None
    for col in (50, 54):
        widget.annotation.prompts.points.add((40, col))
        settle(qtbot, widget)
        widget.annotation.commit()
    assert len(widget.annotation.session.objects) == 2
    return widget


def wait(qtbot: Any, widget: AnnotatorWidget) -> None:
    qtbot.waitUntil(lambda: not widget.saving.jobs.busy, timeout=20_000)  # type: ignore[union-attr]


def test_save_then_writes_what_there_is_whole_in_each_format_or_says_why_not(
    widget: AnnotatorWidget, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, asked = widget.object_panel, []

    def answer(*arguments: Any) -> tuple[str, str]:
        asked.append(arguments[2:])
        return str(tmp_path / "mine"), next(name for name, ending in FORMATS.items() if ending == ".json")

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    widget.annotation.writer.labels.name = "cells / cells"  # as layers of channels may be called
    widget.pages.setCurrentIndex(OBJECTS)
    qtbot.mouseClick(panel.save, Qt.MouseButton.LeftButton)
    wait(qtbot, widget)
    ((begin, formats),) = asked
    assert Path(begin).name == "cells - cells"
    assert "*.geojson" in formats
    assert widget.panel.status.text() == f"Saved 2 objects to {tmp_path / 'mine.json'}."
    regions, shape = read_regions(tmp_path / "mine.json")
    assert widget.annotation is not None
    objects = widget.annotation.session.objects
    assert shape == widget.annotation.writer.labels.data.shape
    assert [region.area for region in regions] == [each.area for each in objects][::-1]
    assert {region.model for region in regions} == {"discs"}

    assert widget.saving is not None
    for ending in FORMATS.values():
        path = tmp_path / f"cells{ending}"
        widget.saving.save(path)
        wait(qtbot, widget)
        assert path.exists()
        if ending != ".csv":
            assert sorted(region.id for region in read_regions(path)[0]) == [1, 2]
    widget.saving.save(tmp_path / "nowhere" / "cells.tif")
    wait(qtbot, widget)
    assert "does not exist; make it first" in widget.panel.status.text()
    assert widget.object_panel.save.isEnabled()


def test_objects_when_changed_while_they_are_written_then_the_file_has_those_of_before(
    widget: AnnotatorWidget, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert widget.saving is not None
    assert widget.annotation is not None
    session, write, edits = widget.annotation.session, saving.write_labels_layer, threading.Event()

    def slow(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
        edits.wait(10)
        return write(path, data, attributes)

    monkeypatch.setattr(saving, "write_labels_layer", slow)
    widget.saving.save(tmp_path / "cells.json")
    assert not widget.object_panel.save.isEnabled()
    session.edit("describe", [session.objects[0].key], category="later")
    session.edit("delete", [session.objects[0].key])
    edits.set()
    wait(qtbot, widget)
    (left,) = session.objects
    assert left.category == "later"
    regions, _ = read_regions(tmp_path / "cells.json")
    assert [region.category for region in regions] == ["", ""]

    for folder, told in ((tmp_path, "Saved 1 object to"), (tmp_path / "nowhere", "make it first")):
        edits.clear()
        widget.saving.save(folder / "stopped.json")
        widget._start_or_stop()
        assert widget.panel.status.text() == ""
        edits.set()
        qtbot.waitUntil(lambda told=told: told in widget.panel.status.text(), timeout=20_000)
        widget.start()
        settle(qtbot, widget)
        assert widget.object_panel.save.isEnabled()


def test_a_saved_file_when_opened_and_started_on_then_its_objects_are_whole_with_classes_and_notes(
    widget: AnnotatorWidget, qtbot: Any, tmp_path: Path
) -> None:
    assert widget.annotation is not None
    assert widget.saving is not None
    one, other = (each.key for each in widget.annotation.session.objects)
    widget.annotation.session.edit("describe", [one], category="nucleus", note="odd")
    widget.annotation.session.edit("describe", [other], category="debris")
    widget.object_panel.colours.setChecked(True)
    wanted = said(widget)
    colours = dict(widget.annotation.writer.labels.colormap.color_dict)
    widget.saving.save(tmp_path / "mine.geojson")
    wait(qtbot, widget)
    widget.stop()
    settle(qtbot, widget)
    ((pixels, options, _),) = read_labels_layer(str(tmp_path / "mine.geojson"))
    widget._viewer.add_layer(Layer.create(pixels, options, "labels"))
    widget.panel.labels.setCurrentText("mine")
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation.writer.labels.name == "mine"
    assert said(widget) == wanted
    shown = widget.annotation.writer.labels.colormap.color_dict
    assert all((shown[label] == colours[label]).all() for label in (1, 2))


def said(widget: AnnotatorWidget) -> set[tuple[Any, ...]]:
    assert widget.annotation is not None
    objects = widget.annotation.session.objects
    return {(each.key, each.area, each.category, each.note, each.iou_prediction) for each in objects}


def test_a_name_without_an_ending_then_gets_that_of_the_format() -> None:
    for chosen, ending in FORMATS.items():
        assert with_ending(Path("a/cells 1.5"), chosen) == Path(f"a/cells 1.5{ending}")
    assert with_ending(Path("cells.TIFF"), "Table (*.csv)") == Path("cells.TIFF")
    assert with_ending(Path("cells"), "") == Path("cells.tif")
