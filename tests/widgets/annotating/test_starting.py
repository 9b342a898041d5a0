"""What may happen while Start brings one layer after another: nothing breaks, and nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.compat import isalive
from qtpy.QtCore import QTimer

from napari_sam import weights
from napari_sam.weights import LoadedModel
from napari_sam.widgets.annotating import annotation
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.background.jobs import Job, Post

from ..conftest import IMAGE, areas_shown, begin, settle

Make = Callable[..., AnnotatorWidget]
NAMES = ["cells", "cells cells", "Candidate filling", "Candidates", "Candidate names", "Boxes", "Points"]


def names(viewer: ViewerModel) -> list[str]:
    return [layer.name for layer in viewer.layers]


def start_and(widget: AnnotatorWidget, act: Callable[[], object], layers: int) -> list[list[str]]:
    """Press Start, and do something once so many layers are there; return which they are then."""
    found: list[list[str]] = []
    viewer = widget._viewer

    def inserted() -> None:
        if len(viewer.layers) == layers and not found:
            found.append(names(viewer))
            QTimer.singleShot(0, act)

    viewer.layers.events.inserted.connect(inserted)
    widget.start()
    return found


def annotates(widget: AnnotatorWidget, qtbot: Any, *place: float) -> bool:
    """Say whether a click and a commit make a label there."""
    annotation = widget.annotation
    assert annotation is not None
    annotation.prompts.points.add(list(place))
    qtbot.waitUntil(lambda: bool(annotation.session.proposals), timeout=20_000)
    annotation.commit()
    drawn = annotation.writer.labels.data[tuple(map(int, place))]
    return bool(drawn == annotation.session.objects[-1].id)


@pytest.mark.shown
def test_layers_come_one_a_turn_and_go_so_and_a_start_in_between_begins_with_none_of_them(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    viewer = widget._viewer
    idle: list[int] = []
    widget.start()
    widget.jobs.idle.connect(lambda: idle.append(len(viewer.layers)))
    seen: list[int] = []

    def look() -> None:
        if not idle:
            seen.append(len(viewer.layers))
            QTimer.singleShot(0, look)

    look()
    settle(qtbot, widget)
    assert set(seen) == set(range(1, len(NAMES) + 1))
    assert idle == [len(NAMES)]  # it is busy all through
    assert names(viewer) == NAMES
    assert widget.annotation is not None
    assert viewer.layers.selection.active == widget.annotation.prompts.points
    assert annotates(widget, qtbot, 40, 50)

    left: list[int] = []
    viewer.layers.events.removed.connect(lambda _: left.append(len(viewer.layers)))
    widget.stop()
    assert left == []
    viewer.layers.remove("Candidates")  # by the person
    qtbot.waitUntil(lambda: len(left) == 3, timeout=20_000)
    assert len(viewer.layers) > 2
    widget.start()
    assert names(viewer) == NAMES[:2]
    settle(qtbot, widget)
    assert names(viewer) == NAMES
    assert annotates(widget, qtbot, 80, 100)
    widget.stop()
    viewer.layers.clear()
    qtbot.wait(50)
    assert names(viewer) == []


def test_start_when_stopped_before_or_between_its_layers_then_leaves_image_and_labels_and_starts_again(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    viewer = widget._viewer
    labels = viewer.add_labels(np.zeros(IMAGE.shape, np.int32), name="cells cells")
    listeners = len(labels.events.paint.callbacks)
    widget.panel.labels.setCurrentText(labels.name)
    widget.start()
    assert len(labels.events.paint.callbacks) == listeners + 1
    widget.stop()  # which cancels
    settle(qtbot, widget)
    assert widget.annotation is None
    assert len(labels.events.paint.callbacks) == listeners  # strokes are heard no more

    stop, cancel = widget._start_or_stop, widget._cancel
    for act, layers, place in ((stop, 2, (40, 50)), (cancel, 4, (80, 100)), (stop, 7, (100, 20))):
        viewer.layers.remove("cells cells")
        found = start_and(widget, act, layers)
        assert found == []
        qtbot.waitUntil(lambda found=found, layers=layers: found == [NAMES[:layers]], timeout=20_000)
        qtbot.waitUntil(lambda: widget.annotation is None)
        settle(qtbot, widget)
        assert names(viewer) == NAMES[:2]
        assert widget.panel.start.text() == "Start"
        widget.start()
        settle(qtbot, widget)
        assert names(viewer) == NAMES
        assert annotates(widget, qtbot, *place)
        widget.stop()
        settle(qtbot, widget)


@pytest.mark.shown
def test_start_when_a_layer_goes_or_the_image_is_replaced_between_then_one_sentence_and_the_rest_goes_too(
    make_annotator: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make_annotator(start=False)
    layers, status = widget._viewer.layers, widget.panel.status
    for name in ("cells", "cells cells", "Candidates"):
        start_and(widget, lambda name=name: layers.remove(name), 5)
        said = f"{name!r} was removed, so annotation stopped"
        qtbot.waitUntil(lambda said=said: said in status.text(), timeout=20_000)
        settle(qtbot, widget)
        assert widget.annotation is None
        assert names(widget._viewer) == [each for each in NAMES[:2] if each != name]
        layers.clear()
        widget._viewer.add_image(IMAGE, name="cells")
    with monkeypatch.context() as patch, qtbot.captureExceptions() as raised:
        patch.setattr(annotation, "Annotation", None)  # it fails in a way that nobody foresaw
        widget.start()
        qtbot.waitUntil(lambda: bool(raised), timeout=20_000)
    assert not widget.panel.job._timer.isActive()
    assert not begin(qtbot, widget).session.read_only  # its journal was let go
    widget.stop()
    settle(qtbot, widget)
    start_and(widget, lambda: setattr(layers["cells"], "data", IMAGE[:50]), 4)
    qtbot.waitUntil(lambda: "another shape" in status.text(), timeout=20_000)
    assert widget.annotation is None
    settle(qtbot, widget)
    assert names(widget._viewer) == NAMES[:2]


def test_start_when_sliders_and_image_move_between_then_all_is_over_the_image_and_that_plane_is_open(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(np.zeros((3, *IMAGE.shape), np.uint8), start=False)
    viewer = widget._viewer

    def move() -> None:
        viewer.dims.set_current_step(0, 2)
        viewer.layers["cells"].translate = (0, 7, 9)

    start_and(widget, move, 4)
    settle(qtbot, widget)
    annotation = widget.annotation
    assert annotation is not None
    qtbot.waitUntil(lambda: annotation.session.ready)
    assert annotation.seeing.plane == (2,)
    assert {tuple(layer.translate) for layer in viewer.layers} == {(0, 7, 9)}
    assert annotates(widget, qtbot, 2, 40, 50)


def test_start_when_the_dock_goes_between_then_no_layer_comes_after_it(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    viewer = widget._viewer
    start_and(widget, lambda: viewer.window.remove_dock_widget(widget), 4)
    qtbot.waitUntil(lambda: not isalive(widget), timeout=20_000)
    qtbot.wait(50)
    assert names(viewer) == NAMES[:2]


@pytest.mark.shown
def test_start_when_the_window_is_closed_between_then_nothing_goes_on(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    viewer = widget._viewer
    start_and(widget, viewer.close, 4)
    qtbot.waitUntil(lambda: not isalive(widget) or not widget.isVisible(), timeout=20_000)
    qtbot.wait(100)
    assert len(viewer.layers) <= 4


def test_labels_when_painted_before_the_first_layer_comes_then_the_stroke_is_taken_over_at_once(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    assert annotates(widget, qtbot, 40, 50)
    labels = widget.annotation.writer.labels  # type: ignore[union-attr]
    drawn = labels.data.copy()
    labels.brush_size = 9
    for moment, undone in (("looking", False), ("looking", True), ("begun", False)):
        widget.stop()
        settle(qtbot, widget)
        widget.start() if moment == "looking" else begin(qtbot, widget)
        labels.paint((40, 50), 7)
        labels.paint((90, 120), 7)
        if undone:  # by napari itself: there is no session yet
            labels.undo()
            labels.undo()
        painted = labels.data.copy()
        assert np.array_equal(painted, drawn) == undone
        settle(qtbot, widget)
        session = widget.annotation.session  # type: ignore[union-attr]
        assert np.array_equal(labels.data, painted)
        there = np.unique(painted[painted > 0]).tolist()
        assert areas_shown(session) == {(label, ()): (painted == label).sum() for label in there}
        while len(session.history.done) > 1:
            session.undo()
        assert np.array_equal(labels.data, drawn)


def test_start_when_cancelled_as_earlier_work_is_found_then_the_journal_can_be_opened_again(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    widget.start()
    widget.jobs._pool.submit(int).result(10)  # it is found, and the window has not heard of it
    widget._cancel()
    qtbot.wait(10)
    widget.start()
    settle(qtbot, widget)
    assert annotates(widget, qtbot, 40, 50)


def test_start_when_its_labels_get_other_data_or_another_dock_is_faster_then_they_are_seen_or_it_is_refused(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    assert annotates(widget, qtbot, 40, 50)
    labels = widget.annotation.writer.labels  # type: ignore[union-attr]
    widget.stop()
    settle(qtbot, widget)
    other = labels.data.copy()
    other[90:100, 100:130] = 9
    widget.start()
    assert not widget.panel.image.isEnabled()  # or it would show another one than is begun
    assert not widget.panel.labels.isEnabled()
    labels.data = other
    settle(qtbot, widget)
    assert areas_shown(widget.annotation.session) == {  # type: ignore[union-attr]
        (label, ()): (other == label).sum() for label in (1, 9)
    }
    widget.stop()
    settle(qtbot, widget)
    assert widget.panel.labels.isEnabled()

    faster = AnnotatorWidget(widget._viewer)
    widget._viewer.window.add_dock_widget(faster, name="another")
    settle(qtbot, faster)
    assert faster.panel.labels.currentText() == labels.name
    widget.start()
    faster.start()
    settle(qtbot, widget)
    settle(qtbot, faster)
    (refused,) = (each for each in (widget, faster) if each.annotation is None)
    assert "is being annotated in another dock" in refused.panel.status.text()
    assert refused.panel.labels.isEnabled()
    faster.stop()
    widget.stop()


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_a_stack_that_is_sheared_out_of_its_planes_says_that_clicks_lie_beside_the_pointer(
    make_annotator: Make, qtbot: Any
) -> None:
    affine = np.eye(4)
    affine[1, 0] = 2
    widget = make_annotator(np.zeros((3, 60, 80), np.uint8), affine=affine)
    told = widget.panel.status
    assert told.text().startswith("Clicks will lie beside the pointer")
    widget._viewer.add_image(np.zeros((9, 60, 80), np.uint8))
    widget._viewer.dims.set_current_step(0, 8)
    settle(qtbot, widget)
    widget.panel.segment_all.search_asked.emit("plane")
    assert told.text() == "This image has no plane where the sliders are; move them back to it."
    widget._viewer.dims.set_current_step(0, 0)
    assert told.text() == ""


def test_weights_that_were_trained_further_since_then_are_read_again_at_the_next_start(
    make_annotator: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, discs: LoadedModel
) -> None:
    file, read = tmp_path / "model.safetensors", []

    def load(model: str, *_: object, **__: object) -> LoadedModel:
        read.append(Path(model).read_bytes())
        return discs

    starting, job = make_annotator(start=False)._starting, Job("", print, print, Post())
    monkeypatch.setattr(weights, "load_model", load)
    for number, content in enumerate((b"first", b"second")):
        file.write_bytes(content)
        os.utime(file, ns=(number, number))  # as on any file system
        assert starting._predictor(job, str(file), "cpu") is starting._predictor(job, str(file), "cpu")
    assert read == [b"first", b"second"]


def test_a_download_on_the_way_is_named_with_its_progress(
    make_annotator: Make, qtbot: Any, discs: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_model(*_: str, progress: Callable[[int, int], None]) -> LoadedModel:
        progress(0, 100)
        progress(30, 100)
        return discs

    widget = make_annotator(start=False)
    monkeypatch.setattr(weights, "load_model", load_model)
    shown: list[tuple[str, int]] = []
    for signal in (widget.jobs.named, widget.jobs.progressed):
        signal.connect(lambda *_: shown.append((widget.panel.job.bar.text(), widget.panel.job.bar.value())))
    widget.start()
    settle(qtbot, widget)
    assert ("Downloading cell-tiny", 300) in shown
    assert shown[-1][0] == "Reading the image"
