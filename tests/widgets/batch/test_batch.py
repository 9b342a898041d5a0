"""Batches in a real viewer, with the bundled model on tiny images."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QMimeData, QModelIndex, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_sam.automatic.batch import image as batch_image
from napari_sam.automatic.batch.image import Job
from napari_sam.files.images import read_image
from napari_sam.widgets.batch.batch import BatchWidget
from napari_sam.widgets.proposals.last_thresholds import keep_thresholds

Make = Callable[[], BatchWidget]


@pytest.fixture
def folder(data_folder: Path, tmp_path: Path) -> Path:
    """Three images of some nuclei and one that was cut off, in the order good, bad, good, good."""
    images = tmp_path / "plate"
    images.mkdir()
    seen = np.asarray(read_image(data_folder / "dsb2018" / "images" / "4327d2759187.png"))
    grey = (seen[..., 0] if seen.ndim == 3 else seen)[:96, :110]
    tifffile.imwrite(images / "a.tif", grey.astype(np.uint16) * 100)
    whole = (images / "a.tif").read_bytes()
    (images / "b.tif").write_bytes(whole[: len(whole) // 2])
    np.save(images / "c.npy", grey.astype(np.float32))
    Image.fromarray(np.stack([grey] * 3, -1)).save(images / "d.png")
    return images


@pytest.fixture
def make_batch(make_napari_viewer: Any, qtbot: Any) -> Iterator[Make]:
    """Return a function that opens a viewer with the dock, ready."""
    opened: list[BatchWidget] = []

    def make() -> BatchWidget:
        viewer = make_napari_viewer()
        widget = BatchWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Segment many images")
        opened.append(widget)
        settle(qtbot, widget)
        return widget

    yield make
    for widget in filter(isalive, opened):
        widget.jobs.close()
        widget.opening.close()


def settle(qtbot: Any, widget: BatchWidget) -> None:
    qtbot.waitUntil(lambda: not widget.jobs.busy and not widget.opening.busy, timeout=60_000)
    QApplication.processEvents()


def add(qtbot: Any, widget: BatchWidget, *names: object) -> None:
    widget.add([str(name) for name in names])
    settle(qtbot, widget)


def states(widget: BatchWidget) -> list[str]:
    return [entry.state for entry in widget.table.entries]


def cell(widget: BatchWidget, row: int, column: int, role: Any = Qt.ItemDataRole.DisplayRole) -> Any:
    return widget.table.data(widget.table.index(row, column), role)


def test_batch_when_one_file_is_corrupt_then_it_is_reported_and_the_others_are_done(
    make_batch: Make, folder: Path, qtbot: Any
) -> None:
    widget = make_batch()
    add(qtbot, widget, folder)
    assert states(widget) == ["waiting"] * 4
    assert widget.panel.out.text() == str(folder.with_name("plate_labels"))
    widget.panel.start.click()
    assert not widget.panel.start.isEnabled()
    settle(qtbot, widget)
    assert states(widget) == ["done", "failed", "done", "done"]
    assert cell(widget, 1, 1).startswith("failed: plate/b.tif cannot be read")
    assert cell(widget, 1, 1, Qt.ItemDataRole.ToolTipRole).endswith("replace or remove the file.</p>")
    assert "1 failed" in widget.panel.status.text()
    assert widget.panel.start.isEnabled()
    with (folder.with_name("plate_labels") / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for index, row in enumerate(rows):
        assert cell(widget, index, 0) == Path(row["file"]).name
        assert cell(widget, index, 2) == ("" if row["error"] else row["objects"])
        assert bool(row["error"]) == (index == 1)
    assert int(cell(widget, 0, 2)) > 0
    with Image.open(folder.with_name("plate_labels") / "sheet.png") as sheet:
        assert np.asarray(sheet).any()


def test_batch_when_a_finished_row_is_double_clicked_then_image_and_labels_are_shown(
    make_batch: Make, folder: Path, qtbot: Any
) -> None:
    widget = make_batch()
    add(qtbot, widget, folder / "a.tif", folder / "b.tif", folder / "d.png")
    widget.start()
    settle(qtbot, widget)

    def double_click(row: int) -> list[str]:
        widget.panel.table.doubleClicked.emit(widget.table.index(row, 1))
        settle(qtbot, widget)
        return [layer.name for layer in widget._viewer.layers if layer.visible]

    layers = widget._viewer.layers
    assert double_click(0) == ["a", "a labels"]
    assert np.array_equal(layers["a"].data, tifffile.imread(folder / "a.tif"))
    assert layers["a labels"].data.max() == int(cell(widget, 0, 2))
    widget.panel.channels.setCurrentText("first axis")  # for others, and later
    assert double_click(2) == ["d", "d labels"]
    assert layers["d"].rgb
    assert double_click(1) == ["d", "d labels"]
    assert "b.tif has no labels: failed" in widget.panel.status.text()
    add(qtbot, widget, folder / "c.npy")
    assert double_click(3) == ["d", "d labels"]
    assert widget.panel.status.text() == "c.npy has no labels yet; press Start to segment it."
    widget.panel.table.selectRow(0)
    QTest.keyClick(widget.panel.table, Qt.Key.Key_Return)
    settle(qtbot, widget)
    assert [layer.name for layer in layers if layer.visible] == ["a", "a labels"]
    assert widget.panel.status.text() == "a.tif is open, with its labels."
    assert len(layers) == 4
    (folder.with_name("plate_labels") / "d.tif").unlink()
    double_click(2)
    assert "is gone; press Start" in widget.panel.status.text()


def test_batch_when_cancelled_then_finished_images_stay_and_are_skipped_by_the_next_start(
    make_batch: Make, folder: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget, go, segment = make_batch(), Event(), batch_image.segment_file
    segmented: list[str] = []

    def held(job: Job, *given: Any, **options: Any) -> Any:
        segmented.append(job.image.name)
        if job.image.name == "c.npy":
            go.wait(20)
        return segment(job, *given, **options)

    monkeypatch.setattr(batch_image, "segment_file", held)
    add(qtbot, widget, folder)
    widget.start()
    qtbot.waitUntil(lambda: states(widget) == ["done", "failed", "running", "waiting"], timeout=60_000)
    widget.panel.cancel.click()
    assert states(widget) == ["done", "failed", "waiting", "waiting"]
    assert "Start goes on" in widget.panel.status.text()
    go.set()
    (folder / "b.tif").write_bytes((folder / "a.tif").read_bytes())
    widget.start()
    settle(qtbot, widget)
    assert states(widget) == ["done"] * 4
    assert segmented == ["a.tif", "b.tif", "c.npy", "b.tif", "c.npy", "d.png"]
    assert "4 of 4 images are done" in widget.panel.status.text()

    # what is done into another folder is not done in this one
    widget.panel.out.setText(str(folder.with_name("other")))
    widget.start()
    assert states(widget) == ["waiting"] * 4
    widget.panel.cancel.click()


def test_batch_when_begun_anew_then_all_images_are_done_again(
    make_batch: Make, folder: Path, qtbot: Any
) -> None:
    widget = make_batch()
    add(qtbot, widget, folder / "a.tif")
    written = folder.with_name("plate_labels") / "a.tif"
    widget.start()
    settle(qtbot, widget)
    first = written.stat().st_mtime_ns
    widget.start()
    settle(qtbot, widget)
    assert written.stat().st_mtime_ns == first
    widget.panel.anew.setChecked(True)
    widget.start()
    settle(qtbot, widget)
    assert written.stat().st_mtime_ns > first

    # with what was chosen in the other dock
    count = int(cell(widget, 0, 2))
    keep_thresholds({"largest": 12.0, "predicted_iou": 0.8})
    widget.panel.thresholds.setCurrentText("as last in Segment all")
    widget.panel.seen.setText("0;1")
    widget.start()
    assert "'0;1' names no channels" in widget.panel.status.text()
    widget.panel.seen.setText(" 0 ")
    widget.start()
    settle(qtbot, widget)
    held = json.loads((written.parent / "settings.json").read_text())
    assert held["channels"] == [0]
    assert (held["automatic"]["dense"]["largest"], held["automatic"]["predicted_iou"]) == (12.0, 0.8)
    assert int(cell(widget, 0, 2)) < count


def test_batch_when_it_cannot_begin_then_one_sentence_says_why_and_all_wait(
    make_batch: Make, folder: Path, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make_batch()
    said = widget.panel.status.text
    widget.start()
    assert said().startswith("There are no images in the list")
    (tmp_path / "empty").mkdir()
    add(qtbot, widget, tmp_path / "empty")
    assert "holds no image" in said()
    add(qtbot, widget, folder / "z.tif")
    assert "There is no image" in said()
    for blank in ("", "  "):  # which would be the folder that napari was started in
        monkeypatch.chdir(folder)
        add(qtbot, widget, blank)
        assert said().startswith("There is no name")
    add(qtbot, widget, "~no-such-user-here/cells")
    assert "not known here" in said()
    assert not widget.table.images
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    add(qtbot, widget, f"~/{folder.name}/*.tif")
    widget.panel.out.clear()
    widget.start()
    assert said().startswith("There is no folder for the labels")
    for out, why in ((folder, "holds the images"), (folder / "d.png", "is a file")):
        widget.panel.out.setText(str(out))
        widget.start()
        settle(qtbot, widget)
        assert why in said()
    widget.panel.out.setText("~no-such-user-here/labels")
    widget.start()
    assert "not known here" in said()
    widget.panel.out.setText("labels")
    widget.panel.cluster.setText("nowhere")
    widget.start()
    assert widget.panel.out.text() == str(folder / "labels")
    settle(qtbot, widget)
    assert "No scheduler answers at nowhere" in said()
    assert states(widget) == ["waiting", "waiting"]
    assert widget.panel.start.isEnabled()


def test_images_when_dropped_typed_and_removed_then_each_is_in_the_list_once(
    make_batch: Make, folder: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make_batch()
    dragged = QMimeData()
    dragged.setUrls([QUrl.fromLocalFile(str(folder / name)) for name in ("d.png", "a.tif")])
    drop = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        dragged,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        QEvent.Type.Drop,
    )
    widget.panel.dropEvent(drop)
    settle(qtbot, widget)
    assert [image.name for image in widget.table.images] == ["d.png", "a.tif"]
    monkeypatch.chdir(folder)
    for pattern in (str(folder / "*"), "*.tif"):
        widget.panel.pattern.setText(pattern)
        qtbot.keyClick(widget.panel.pattern, Qt.Key.Key_Return)
        settle(qtbot, widget)
    assert [image.name for image in widget.table.images] == ["d.png", "a.tif", "b.tif", "c.npy"]
    assert widget.panel.pattern.text() == ""
    view = widget.panel.table
    header = view.horizontalHeader()
    assert header.minimumSectionSize() >= header.fontMetrics().horizontalAdvance(" waiting ")
    assert header.resizeContentsPrecision() == 0  # not by a thousand rows
    assert view.textElideMode() == Qt.TextElideMode.ElideMiddle
    widget.panel.table.selectRow(1)
    widget.panel.remove_asked.emit()
    assert [image.name for image in widget.table.images] == ["d.png", "b.tif", "c.npy"]
    assert widget.table.rowCount(QModelIndex()) == 3


def test_batch_when_the_dock_is_closed_meanwhile_then_it_stops_and_nothing_is_left(
    make_batch: Make, folder: Path, qtbot: Any
) -> None:
    widget = make_batch()
    viewer = widget._viewer
    add(qtbot, widget, folder)
    widget.start()
    viewer.window.remove_dock_widget(widget)
    qtbot.waitUntil(lambda: not isalive(widget))
