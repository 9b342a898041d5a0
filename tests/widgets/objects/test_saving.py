"""All objects written into files from the dock, and opened again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_sam.export import read_regions
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


def test_a_name_without_an_ending_then_gets_that_of_the_format() -> None:
    for chosen, ending in FORMATS.items():
        assert with_ending(Path("a/cells 1.5"), chosen) == Path(f"a/cells 1.5{ending}")
    assert with_ending(Path("cells.TIFF"), "Table (*.csv)") == Path("cells.TIFF")
    assert with_ending(Path("cells"), "") == Path("cells.tif")
