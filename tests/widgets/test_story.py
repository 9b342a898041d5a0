"""The whole story in a real viewer, with a network whose masks are discs of known size around the prompt."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import numpy as np
import pytest
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from qtpy.compat import isalive
from qtpy.QtCore import Qt

from napari_sam.errors import OutOfMemoryError
from napari_sam.predict import Predictor
from napari_sam.weights import LoadedModel
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.forms.panel import NEW_PROMPTS
from napari_sam.widgets.layers.planes import camera_of

from .conftest import begin, settle

Make = Callable[..., AnnotatorWidget]
pytestmark = pytest.mark.shown


def wait(qtbot: Any, widget: AnnotatorWidget) -> None:
    qtbot.waitUntil(lambda: not widget.jobs.busy, timeout=20_000)


class Press:
    """A mouse event as napari's callbacks take it."""

    def __init__(self, world: Any, modifiers: tuple[str, ...] = ()) -> None:
        self.position = tuple(world)
        self.pos = np.zeros(2)
        self.modifiers = modifiers
        self.type, self.handled = "mouse_press", False
        self.button, self.view_direction, self.dims_displayed = 1, None, [0, 1]


def click(qtbot: Any, widget: AnnotatorWidget, data: Any, *modifiers: str) -> None:
    """Click on a position in data pixels, through the mouse callbacks of the Points layer."""
    assert widget.annotation is not None
    points = widget.annotation.prompts.points
    event = Press(points.data_to_world(data), modifiers)
    mouse_press_callbacks(points, event)
    event.type = "mouse_release"
    mouse_release_callbacks(points, event)
    wait(qtbot, widget)


def draw_box(qtbot: Any, widget: AnnotatorWidget, box: Any, leading: tuple[int, ...] = ()) -> None:
    assert widget.annotation is not None
    top, left, bottom, right = box
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    widget.annotation.prompts.boxes.add_rectangles(np.array([(*leading, *corner) for corner in corners]))
    wait(qtbot, widget)


def press_key(qtbot: Any, widget: AnnotatorWidget, key: Any, modifier: Any = None) -> None:
    canvas = widget._viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, key, modifier or Qt.KeyboardModifier.NoModifier)
    wait(qtbot, widget)


def labels(widget: AnnotatorWidget) -> np.ndarray:
    assert widget.annotation is not None
    return np.asarray(widget.annotation.writer.labels.data)


def test_a_click_shows_three_candidates_of_which_a_key_or_a_thumbnail_makes_a_label_that_can_be_undone(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    annotation = widget.annotation
    assert annotation is not None
    assert widget.panel.labels.currentText() == "cells cells"  # where commits go, by its name
    click(qtbot, widget, (40, 50))
    (proposal,) = annotation.session.proposals
    assert len(proposal.candidates) == 3
    assert len(annotation.view.outlines.data) > 0
    captions = annotation.view.captions.features["caption"].tolist()[-3:]  # the ones before are shadows
    assert [text.split()[:2] for text in captions] == [["1", "part"], ["2", "cell"], ["3", "cluster"]]
    assert all(
        button.isEnabled() and not button.icon().isNull() for button in widget.panel.thumbnails.buttons
    )
    press_key(qtbot, widget, Qt.Key.Key_2)
    expected = proposal.candidates.masks[1]
    assert np.array_equal(labels(widget), expected.astype(np.int32))
    assert len(annotation.prompts.points.data) == 0
    assert len(annotation.view.outlines.data) == 0
    press_key(qtbot, widget, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not labels(widget).any()
    modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    press_key(qtbot, widget, Qt.Key.Key_Z, modifiers)
    assert np.array_equal(labels(widget), expected.astype(np.int32))
    click(qtbot, widget, (80, 90))
    third = annotation.session.proposals[0].candidates.masks[2]
    qtbot.mouseClick(widget.panel.thumbnails.buttons[2], Qt.MouseButton.LeftButton)
    assert np.array_equal(labels(widget) == 2, third)


def test_enter_commits_the_suggested_and_escape_drops(make_annotator: Make, qtbot: Any) -> None:
    widget = make_annotator()
    annotation, told = widget.annotation, widget.panel.status
    assert annotation is not None
    press_key(qtbot, widget, Qt.Key.Key_2)
    assert "There are no candidates" in told.text()
    click(qtbot, widget, (40, 50))
    assert told.text() == ""
    widget.pages.fail("There is no such candidate.")
    press_key(qtbot, widget, Qt.Key.Key_Escape)
    assert told.text() == told.styleSheet() == ""
    assert annotation.session.proposals == ()
    assert len(annotation.prompts.points.data) == 0
    click(qtbot, widget, (60, 70))
    candidates = annotation.session.proposals[0].candidates
    press_key(qtbot, widget, Qt.Key.Key_Return)
    assert np.array_equal(labels(widget) == 1, candidates.masks[candidates.best])
    annotation.editing.reopen()
    assert "Reopened label 1" in told.text()
    press_key(qtbot, widget, Qt.Key.Key_Escape)
    assert told.text() == ""


def test_boxes_and_points_inside_and_outside_reach_the_network_and_look_different(
    make_annotator: Make, qtbot: Any, discs: LoadedModel
) -> None:
    widget = make_annotator()
    annotation = widget.annotation
    assert annotation is not None
    draw_box(qtbot, widget, (30, 40, 60, 70))
    assert annotation.session.proposals[0].prompts.box == (30, 40, 60, 70)
    assert len(annotation.session.proposals[0].candidates) == 3
    click(qtbot, widget, (45, 50))
    (proposal,) = annotation.session.proposals
    assert proposal.prompts.box == (30, 40, 60, 70)
    assert proposal.prompts.positions.tolist() == [[45, 50]]
    assert len(proposal.candidates) == 1
    press_key(qtbot, widget, Qt.Key.Key_Escape)
    click(qtbot, widget, (40, 50))
    click(qtbot, widget, (45, 60), "Control")
    press_key(qtbot, widget, Qt.Key.Key_N)
    assert widget.panel.outside.isChecked()
    click(qtbot, widget, (30, 40))
    (proposal,) = annotation.session.proposals
    assert proposal.prompts.labels.tolist() == [1, 0, 0]
    assert len(proposal.candidates) == 1
    points = annotation.prompts.points
    assert [str(symbol) for symbol in points.symbol] == ["disc", "x", "x"]
    assert not np.array_equal(points.face_color[0], points.face_color[1])
    assert discs.sam.seen.labels.tolist()[0][:3] == [1, 0, 0]


@pytest.mark.parametrize("blink", [0, np.inf], ids=["slow machine", "quick machine"])
def test_undo_while_prompts_are_drawn_then_takes_back_the_last_one_and_commits_only_after_them(
    make_annotator: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch, blink: float
) -> None:
    monkeypatch.setattr("napari_sam.widgets.annotating.asking.BLINK", blink)
    widget = make_annotator()
    annotation, told = widget.annotation, widget.panel.status
    assert annotation is not None
    click(qtbot, widget, (100, 110))
    press_key(qtbot, widget, Qt.Key.Key_2)
    click(qtbot, widget, (45, 50))
    draw_box(qtbot, widget, (30, 40, 60, 70))
    widget.panel.tool_asked.emit("points")
    click(qtbot, widget, (45, 60), "Control")
    left = []
    for _ in range(3):
        press_key(qtbot, widget, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert told.text().startswith("Took back the last prompt.")
        left.append(
            [(each.prompts.labels.tolist(), each.prompts.box) for each in annotation.session.proposals]
        )
    assert left == [[([1], (30, 40, 60, 70))], [([1], None)], []]
    assert len(annotation.session.objects) == 1
    click(qtbot, widget, (45, 50))
    press_key(qtbot, widget, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press_key(qtbot, widget, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not labels(widget).any()


def test_many_boxes_are_committed_and_undone_at_once_and_older_objects_keep_their_pixels(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    for box in ((10, 10, 30, 30), (60, 20, 80, 40), (70, 100, 90, 120)):
        draw_box(qtbot, widget, box)
    assert widget.panel.commit.text() == "Commit all 3"
    assert widget.panel.status.text().startswith("3 boxes: Enter commits")
    click(qtbot, widget, (100, 20))
    assert widget.panel.status.text().endswith("1 point in none of them: not used.")
    qtbot.mouseClick(widget.panel.commit, Qt.MouseButton.LeftButton)
    found = labels(widget)
    assert [found[20, 20], found[70, 30], found[80, 110]] == [1, 2, 3]
    qtbot.mouseClick(widget.panel.undo, Qt.MouseButton.LeftButton)
    assert not labels(widget).any()
    widget.panel.tool_asked.emit("points")
    for col in (50, 54):
        click(qtbot, widget, (40, col))
        press_key(qtbot, widget, Qt.Key.Key_3)
    first, second = widget.annotation.session.objects  # type: ignore[union-attr]
    found = labels(widget)
    assert np.count_nonzero(found == first.id) == first.mask.sum()
    assert 0 < np.count_nonzero(found == second.id) < second.mask.sum()
    press_key(qtbot, widget, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.count_nonzero(labels(widget) == first.id) == first.mask.sum()


def test_a_scaled_rotated_and_moved_image_gets_its_labels_in_place(make_annotator: Make, qtbot: Any) -> None:
    widget = make_annotator(scale=(0.5, 0.25), rotate=30, translate=(100, -20), affine=np.diag([2, 2, 1]))
    annotation = widget.annotation
    assert annotation is not None
    image = widget._viewer.layers["cells"]
    made = (
        annotation.prompts.points,
        annotation.prompts.boxes,
        annotation.writer.labels,
        *annotation.view.layers,
    )
    for layer in made:
        for position in ((0, 0), (100, 30)):
            assert np.allclose(layer.data_to_world(position), image.data_to_world(position))
    click(qtbot, widget, (40, 50))
    press_key(qtbot, widget, Qt.Key.Key_2)
    rows, cols = np.nonzero(labels(widget))
    assert (rows.mean(), cols.mean()) == pytest.approx((40, 50), abs=0.5)


def test_an_rgb_image_is_one_plane(make_annotator: Make, qtbot: Any) -> None:
    widget = make_annotator(np.zeros((90, 100, 3), np.uint8), rgb=True)
    click(qtbot, widget, (40, 50))
    press_key(qtbot, widget, Qt.Key.Key_1)
    assert labels(widget).shape == (90, 100)
    assert labels(widget)[40, 50] == 1


def test_a_stack_is_annotated_plane_by_plane(make_annotator: Make, qtbot: Any) -> None:
    widget = make_annotator(np.zeros((4, 90, 100), np.uint16), scale=(3, 1, 1))
    annotation = widget.annotation
    assert annotation is not None
    draw_box(qtbot, widget, (30, 40, 60, 70), (1,))
    for plane in (2, 0):
        widget._viewer.dims.set_current_step(0, plane)
        qtbot.waitUntil(lambda: annotation.session.ready and not widget.jobs.busy, timeout=20_000)
        click(qtbot, widget, (plane, 40, 50))
        press_key(qtbot, widget, Qt.Key.Key_2)
    assert [each.plane for each in annotation.session.objects] == [(2,), (0,)]
    assert [labels(widget)[z, 40, 50] for z in range(4)] == [2, 0, 1, 0]
    widget._viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: bool(annotation.session.proposals) and not widget.jobs.busy, timeout=20_000)
    assert annotation.session.proposals[0].prompts.box == (30, 40, 60, 70)  # other planes' commits left it


def test_a_multiscale_image_is_read_at_its_finest_level(make_annotator: Make, qtbot: Any) -> None:
    levels = [np.zeros((128, 160), np.uint8), np.zeros((64, 80), np.uint8)]
    widget = make_annotator(levels, multiscale=True)
    click(qtbot, widget, (100, 120))
    press_key(qtbot, widget, Qt.Key.Key_1)
    assert labels(widget).shape == (128, 160)
    assert labels(widget)[100, 120] == 1


def test_an_existing_labels_layer_is_laid_over_the_image_and_continued_not_overwritten(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False, scale=(0.5, 0.5), rotate=30, units="um")
    old = np.zeros((120, 160), np.uint8)
    old[35:45, 45:50] = 7
    layer = widget._viewer.add_labels(old.copy(), name="mine", visible=False)
    widget.panel.labels.setCurrentText("mine")
    widget.start()
    wait(qtbot, widget)
    assert widget.annotation is not None
    assert widget.annotation.writer.labels is layer
    assert layer.visible
    image = widget._viewer.layers["cells"]
    assert np.allclose(layer.data_to_world((40, 50)), image.data_to_world((40, 50)))
    assert layer.units == image.units
    assert "laid over the image" in widget.panel.status.text()
    click(qtbot, widget, (40, 50))
    press_key(qtbot, widget, Qt.Key.Key_3)
    assert np.array_equal(layer.data == 7, old == 7)
    assert layer.data[40, 52] == 8


def test_prompts_of_another_layer_are_copied_through_the_world(make_annotator: Make, qtbot: Any) -> None:
    widget = make_annotator(start=False, scale=(0.5, 0.5))
    squares = [[(5, 5), (5, 15), (15, 15), (15, 5)], [(30, 40), (30, 50), (40, 50), (40, 40)]]
    widget._viewer.add_shapes(np.array(squares), shape_type="polygon", name="detections")
    widget.panel.prompts.setCurrentText("detections")
    annotation = begin(qtbot, widget)
    qtbot.waitUntil(lambda: len(annotation.session.proposals) == 2, timeout=20_000)
    assert set(annotation.layers) <= set(widget._viewer.layers)
    boxes = [proposal.prompts.box for proposal in annotation.session.proposals]
    assert boxes == [(10, 10, 30, 30), (60, 80, 80, 100)]
    widget.stop()
    assert widget.panel.prompts.currentText() == NEW_PROMPTS
    kinds = {"label": np.array(["inside", "outside"], dtype=object)}
    widget._viewer.add_points([(20, 25), (22, 30)], features=kinds, name="seeds")
    widget.panel.prompts.setCurrentText("seeds")
    annotation = begin(qtbot, widget)
    qtbot.waitUntil(lambda: len(annotation.session.proposals) == 1, timeout=20_000)
    prompts = annotation.session.proposals[0].prompts
    assert prompts.positions.tolist() == [[40, 50], [44, 60]]
    assert prompts.labels.tolist() == [1, 0]
    assert len(widget._viewer.layers["seeds"].data) == 2
    widget.stop()
    widget._viewer.add_points([(1, 2, 3)], name="of a stack")
    widget.panel.prompts.setCurrentText("of a stack")
    widget.start()
    wait(qtbot, widget)
    assert widget.annotation is None
    assert "has other axes" in widget.panel.status.text()
    assert "Candidates" not in widget._viewer.layers


def test_a_labels_layer_of_another_shape_is_refused_in_one_sentence(make_annotator: Make) -> None:
    widget = make_annotator(start=False)
    widget._viewer.add_labels(np.zeros((5, 5), np.uint8), name="small")
    widget.panel.labels.setCurrentText("small")
    widget.start()
    assert widget.annotation is None
    assert "choose one of the image's shape" in widget.panel.status.text()


class Slow:
    """An embedding that goes on until it is cancelled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.cancelled = Event(), Event()
        encode = Predictor.encode

        def slow(predictor: Predictor, pixels: Any, record: Any, progress: Any, cancelled: Any) -> Any:
            self.begun.set()
            for _ in range(2000):
                if cancelled():
                    self.cancelled.set()
                    break
                Event().wait(0.01)
            return encode(predictor, pixels, record, progress, cancelled)

        monkeypatch.setattr(Predictor, "encode", slow)


def test_a_cancelled_embedding_leaves_nothing_behind_and_can_be_started_again(
    make_annotator: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make_annotator(start=False)
    with monkeypatch.context() as patch:
        slow = Slow(patch)
        widget.start()
        qtbot.waitUntil(slow.begun.is_set, timeout=20_000)
        qtbot.mouseClick(widget.panel.job.cancel, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(slow.cancelled.is_set, timeout=20_000)
    assert widget.annotation is None
    assert widget.panel.start.text() == "Start"
    assert widget.panel.status.text() == "Cancelled."
    settle(qtbot, widget)
    assert [layer.name for layer in widget._viewer.layers] == ["cells", "cells cells"]
    annotation = begin(qtbot, widget)
    annotation.prompts.points.add(np.array([[40, 50]]))  # while the image is read
    qtbot.waitUntil(lambda: len(annotation.session.proposals) == 1, timeout=20_000)


def test_a_cancelled_plane_of_a_stack_then_the_others_are_annotated_and_a_click_tries_again(
    make_annotator: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = np.random.default_rng(0).integers(0, 200, (9, 120, 160)).astype(np.uint8)
    widget = make_annotator(planes)
    annotation = widget.annotation
    assert annotation is not None
    click(qtbot, widget, (4, 40, 50))
    press_key(qtbot, widget, Qt.Key.Key_2)
    with monkeypatch.context() as patch:
        slow = Slow(patch)
        widget._viewer.dims.set_current_step(0, 8)  # which is not prepared
        qtbot.waitUntil(slow.begun.is_set, timeout=20_000)
        qtbot.mouseClick(widget.panel.job.cancel, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(slow.cancelled.is_set, timeout=20_000)
    assert widget.annotation is annotation
    told = "Cancelled. Go to another plane to go on there, or click here to try again."
    assert widget.panel.status.text() == told
    annotation.prompts.points.add(np.array([[8, 40, 50]]))
    qtbot.waitUntil(lambda: len(annotation.session.proposals) == 1, timeout=20_000)
    press_key(qtbot, widget, Qt.Key.Key_2)
    assert [each.plane for each in annotation.session.objects] == [(4,), (8,)]


def test_running_out_of_memory_is_told_in_one_sentence(
    make_annotator: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OutOfMemoryError("The device cuda ran out of memory; choose the CPU.")

    widget = make_annotator(start=False)
    monkeypatch.setattr(Predictor, "encode", full)
    widget.start()
    wait(qtbot, widget)
    told = "The computer's memory is too small for discs; close other programs or use a smaller model."
    assert widget.panel.status.text() == told
    settle(qtbot, widget)
    assert [layer.name for layer in widget._viewer.layers] == ["cells"]
    labels = widget._viewer.add_labels(np.zeros((120, 160), int), name="mine", visible=False)
    labels.scale, labels.rotate = (0.5, 0.5), 30
    widget.panel.labels.setCurrentText("mine")
    widget.start()
    settle(qtbot, widget)
    assert widget.panel.status.text() == told
    assert not labels.visible
    assert np.allclose(labels.data_to_world((40, 0)), (20 * np.cos(np.pi / 6), 20 * np.sin(np.pi / 6)))


def test_removing_a_layer_in_the_middle_stops_and_keeps_the_labels(make_annotator: Make, qtbot: Any) -> None:
    widget = make_annotator()
    click(qtbot, widget, (40, 50))
    press_key(qtbot, widget, Qt.Key.Key_2)
    click(qtbot, widget, (80, 90))
    widget._viewer.layers.remove(widget._viewer.layers["Boxes"])
    assert widget.annotation is None
    assert "was removed" in widget.panel.status.text()
    settle(qtbot, widget)
    assert [layer.name for layer in widget._viewer.layers] == ["cells", "cells cells"]
    assert widget._viewer.layers["cells cells"].data[40, 50] == 1


def test_closing_and_reopening_leaves_labels_and_no_listeners(make_annotator: Make, qtbot: Any) -> None:
    widget = make_annotator()
    viewer = widget._viewer
    click(qtbot, widget, (40, 50))
    press_key(qtbot, widget, Qt.Key.Key_2)
    emitters = (viewer.dims.events.point, camera_of(viewer).events.zoom, viewer.layers.events.removed)
    viewer.window.remove_dock_widget(widget)
    listening = [len(emitter.callbacks) for emitter in emitters]
    assert [layer.name for layer in viewer.layers] == ["cells", "cells cells"]
    for _ in range(2):
        again = AnnotatorWidget(viewer)
        viewer.window.add_dock_widget(again, name="again")
        wait(qtbot, again)
        assert again.panel.labels.currentText() == "cells cells"
        again.start()
        wait(qtbot, again)
        click(qtbot, again, (80, 90))
        viewer.window.remove_dock_widget(again)
        qtbot.waitUntil(lambda dock=again: not isalive(dock))
    assert [len(emitter.callbacks) for emitter in emitters] == listening
    assert [layer.name for layer in viewer.layers] == ["cells", "cells cells"]
    assert viewer.layers["cells cells"].data[40, 50] == 1
    assert not isalive(widget)


def test_without_an_image_start_says_what_to_do(make_napari_viewer: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer()
    widget = AnnotatorWidget(viewer)
    viewer.window.add_dock_widget(widget)
    wait(qtbot, widget)
    widget.start()
    assert "There is no image" in widget.panel.status.text()
    assert widget.panel.model.currentData() == "cell-tiny"
    assert widget.panel.model.findData("vit_b") > 0
    viewer.add_image(np.zeros((8, 8), np.uint8))
    assert widget.panel.status.text() == ""
    widget.jobs.close()
