"""Stacks in a real viewer, with the bundled model on a drawn ball, and labels drawn by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam import weights
from napari_sam.errors import ImageError
from napari_sam.predict import Prompts
from napari_sam.session.following import Following
from napari_sam.weights import load_model
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.layers.planes import read_window
from napari_sam.widgets.stack import stack as stack_module

from ..conftest import begin

Make = Callable[..., AnnotatorWidget]
DEPTH = 7


@pytest.fixture(scope="module")
def ball() -> NDArray[np.bool_]:
    z, y, x = np.ogrid[:DEPTH, :96, :96]
    return np.asarray(((z - 3) / 2.6) ** 2 + ((y - 45) ** 2 + (x - 48) ** 2) / 18**2 <= 1)


@pytest.fixture
def stack(
    make_annotator: Make, ball: NDArray[np.bool_], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> AnnotatorWidget:
    """The annotator, started with the bundled model on plane 3 of the ball."""
    model = load_model("cell-tiny", "cpu", precision="float32")
    monkeypatch.setattr(weights, "load_model", lambda *_, **__: model)
    rng = np.random.default_rng(0)
    light = ndimage.gaussian_filter(ball.astype(float), (0, 1, 1)) * 180 + rng.normal(20, 4, ball.shape)
    image = np.clip(light, 0, 255).astype(np.uint8)
    widget = make_annotator(image, start=False, scale=(2, 0.5, 0.5))
    go_to(widget, 3)
    widget.start()
    settle(qtbot, widget)
    return widget


def settle(qtbot: Any, widget: AnnotatorWidget) -> None:
    qtbot.waitUntil(lambda: widget.stack is not None, timeout=20_000)
    annotation, stack = widget.annotation, widget.stack
    assert annotation is not None
    assert stack is not None
    qtbot.waitUntil(
        lambda: not widget.jobs.busy and not stack.jobs.busy and annotation.session.ready, timeout=60_000
    )


def go_to(widget: AnnotatorWidget, plane: int) -> None:
    widget._viewer.dims.set_current_step(0, plane)


def commit(qtbot: Any, widget: AnnotatorWidget, plane: int) -> None:
    go_to(widget, plane)
    qtbot.wait(200)
    settle(qtbot, widget)
    annotation = widget.annotation
    assert annotation is not None
    annotation.session.set_prompts([Prompts(points=[(45, 48)], point_labels=[1])])
    annotation.commit()


def drawn(widget: AnnotatorWidget) -> NDArray[Any]:
    assert widget.annotation is not None
    return np.asarray(widget.annotation.writer.labels.data)


def unread_from(first: int) -> Callable[..., Any]:
    """Return what reads windows of planes before one alone."""

    def read(image: Any, plane: tuple[int, ...], window: Any) -> Any:
        if plane[0] >= first:
            raise ImageError(f"The pixels [{plane[0]}] of the image cannot be read; repair its file.")
        return read_window(image, plane, window)

    return read


@pytest.mark.shown
def test_follow_when_cancelled_or_outdated_then_changes_nothing_and_else_goes_through_planes_in_one_step(
    stack: AnnotatorWidget,
    ball: NDArray[np.bool_],
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit(qtbot, stack, 3)
    assert stack.panel.stack.isVisible()
    begun, go, run = Event(), Event(), Following.run

    def held(self: Following, *given: Any, **options: Any) -> Any:
        begun.set()
        go.wait(20)
        return run(self, *given, **options)

    monkeypatch.setattr(Following, "run", held)
    stack.panel.stack.follow.click()
    assert begun.wait(20)
    image = stack._viewer.layers[0]
    image.data = image.data.copy()
    assert stack.panel.status.text() == stack_module.REPLACED
    go.set()
    settle(qtbot, stack)
    assert [len(np.unique(plane)) for plane in drawn(stack)] == [1, 1, 1, 2, 1, 1, 1]
    begun.clear()
    go.clear()
    stack.panel.stack.follow.click()
    assert begun.wait(20)
    go_to(stack, 5)  # the sliders may be moved meanwhile
    assert stack.stack is not None
    assert stack.stack.jobs.busy
    stack.panel.stack.cancel_asked.emit()
    assert "nothing was changed" in stack.panel.status.text()
    go.set()
    settle(qtbot, stack)
    assert [len(np.unique(plane)) for plane in drawn(stack)] == [1, 1, 1, 2, 1, 1, 1]

    go_to(stack, 3)
    qtbot.wait(200)
    settle(qtbot, stack)
    stack.panel.stack.follow.click()
    assert not stack.panel.stack.follow.isEnabled()
    settle(qtbot, stack)
    found = drawn(stack) == 1
    assert (found & ball).sum() / (found | ball).sum() > 0.75
    assert "Label 1 goes through" in stack.panel.status.text()
    assert stack.panel.stack.follow.isEnabled()
    assert stack.annotation is not None
    stack.annotation.editing.undo()
    assert [index for index, plane in enumerate(drawn(stack)) if plane.any()] == [3]
    stack.annotation.editing.redo()
    assert np.array_equal(drawn(stack) == 1, found)
    stack.annotation.editing.undo()
    with monkeypatch.context() as damaged:
        damaged.setattr(stack_module, "read_window", unread_from(4))
        stack.panel.stack.follow.click()
        settle(qtbot, stack)
    kept = [index for index, plane in enumerate(drawn(stack)) if plane.any()]
    assert kept == [index for index, plane in enumerate(found) if plane.any() and index < 4]
    assert stack.panel.status.text() == (
        f"Label 1 could not be followed at plane 4; its masks in {len(kept) - 1} other planes are kept."
        " The pixels [4] of the image cannot be read; repair its file."
    )
    stack.annotation.editing.undo()  # in one step
    assert [index for index, plane in enumerate(drawn(stack)) if plane.any()] == [3]
    stack.panel.stack.follow.click()
    settle(qtbot, stack)
    saving = stack.saving
    assert saving is not None
    drawn(stack)[0, :3, :3] = 9  # a label of a plane that nobody has looked at
    saving.save(tmp_path / "ball.csv")
    qtbot.waitUntil(lambda: not saving.jobs.busy, timeout=20_000)
    assert stack.panel.status.text() == f"Saved 2 objects to {tmp_path / 'ball.csv'}."


def test_objects_of_two_planes_when_joined_then_are_one_and_are_followed_as_one(
    stack: AnnotatorWidget, qtbot: Any
) -> None:
    layers, panel = list(stack._viewer.layers), stack.panel.stack
    nothing = "no labels yet; commit objects"
    for asked, said in (
        (panel.link, nothing),
        (panel.track, nothing),
        (panel.follow, "no object to follow"),
        (panel.join, "two commits in different planes"),
    ):
        stack.panel.say("")
        asked.click()
        settle(qtbot, stack)
        assert said in stack.panel.status.text()
    assert list(stack._viewer.layers) == layers

    commit(qtbot, stack, 2)
    commit(qtbot, stack, 4)
    assert set(np.unique(drawn(stack))) == {0, 1, 2}
    stack.panel.stack.join.click()
    assert set(np.unique(drawn(stack))) == {0, 1}
    stack.panel.stack.follow.click()
    settle(qtbot, stack)
    assert stack.annotation is not None
    levels = {each.plane[0]: each.level for each in stack.annotation.session.objects}
    assert levels[3] == "interpolated"
    assert {each.id for each in stack.annotation.session.objects} == {1}


def test_link_and_track_when_planes_are_labelled_then_new_layers_lie_over_the_labels_or_why_not_is_said(
    make_annotator: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scale, shape = (3, 2, 1, 0.5, 0.5), (1, 4, 1, 60, 80)
    widget = make_annotator(np.zeros(shape, np.uint8), start=False, scale=scale, translate=(0, 6, 0, 1, 2))
    given = np.zeros(shape, np.int32)
    for index in range(4):
        given[0, index, 0, 10:20, 10 + index : 20 + index] = 5 + index
        given[0, index, 0, 40:50, 60:70] = 20 - index
    layer = widget._viewer.add_labels(given.copy(), name="given", scale=scale)
    widget.panel.labels.setCurrentText("given")
    widget.start()
    settle(qtbot, widget)
    assert widget.stack is not None
    widget._viewer.dims.ndisplay = 3
    for act in (widget.stack.follow, widget.stack.link):
        widget.panel.say("")
        act()
        assert "switch 3-D off" in widget.panel.status.text()
    widget._viewer.dims.ndisplay = 2
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "laptrack", None)
        widget.panel.stack.track.click()
        settle(qtbot, widget)
    assert "pip install 'napari-sam-microscopy[tracking]'" in widget.panel.status.text()
    assert "given tracks" not in widget._viewer.layers

    pytest.importorskip("laptrack")
    active = widget._viewer.layers.selection.active
    widget.panel.stack.link.click()
    settle(qtbot, widget)
    linked = widget._viewer.layers["given linked"]
    assert np.array_equal(linked.data > 0, given > 0)
    assert [len(np.unique(linked.data[given == label])) for label in (5, 8, 20, 17)] == [1] * 4
    assert len(np.unique(linked.data)) == 3
    assert "Linked 2 objects through the planes, in a new layer" in widget.panel.status.text()
    widget.panel.stack.track.click()
    settle(qtbot, widget)
    tracks = widget._viewer.layers["given tracks"]
    assert len(tracks.data) == 8
    assert set(tracks.data[:, 1]) == {0, 1, 2, 3}
    assert set(tracks.data[:, 2]) == {0}  # an axis such as that of channels that are mixed
    for each in (linked, widget._viewer.layers["given tracked"]):
        assert tuple(each.scale) == scale
    for place in ((0, 0, 0, 0), (2, 0, 14.5, 16.5)):
        assert np.allclose(tracks.data_to_world(place), layer.data_to_world((0, *place))[1:])
    widget._viewer.dims.set_current_step(1, 2)
    assert tracks.current_time == 2  # what is drawn moves with the slider of the frames
    assert "2 tracks, 0 divisions" in widget.panel.status.text()
    tracks.save(str(tmp_path / "found.csv"))  # which napari leaves to plugins
    rows = (tmp_path / "found.csv").read_text().splitlines()
    assert rows[:2] == ["track,t,z,y,x,parent", "1,0,0.000,14.500,14.500,"]
    assert len(rows) == 9
    assert np.array_equal(layer.data, given)
    assert widget._viewer.layers.selection.active is active  # which hears the keys


def test_link_when_there_are_several_time_points_then_each_volume_is_linked_and_has_its_own_numbers(
    make_annotator: Make, qtbot: Any
) -> None:
    given = np.zeros((2, 3, 60, 80), np.int32)
    for time, plane in np.ndindex(2, 3):
        given[time, plane, 10:20, 10 + plane : 20 + plane] = 5 + plane
        given[time, plane, 40:50, 60:70] = 9 - plane
    given[0, 1, 50:55, 5:10] = 30  # in one plane alone
    widget = make_annotator(np.zeros(given.shape, np.uint8), start=False)
    widget._viewer.add_labels(given.copy(), name="given")
    widget.panel.labels.setCurrentText("given")
    widget.start()
    settle(qtbot, widget)
    widget.panel.stack.link.click()
    settle(qtbot, widget)
    linked = widget._viewer.layers["given linked"].data
    assert np.array_equal(linked > 0, (given > 0) & (given < 30))
    for time in (0, 1):
        assert len(np.unique(linked[time])) == 3
        assert len(np.unique(linked[time][:, 40:50])) == 2
    assert not np.intersect1d(linked[0][linked[0] > 0], linked[1]).size
    assert widget.panel.status.text() == (
        "Linked 4 objects through the planes of 2 volumes, each linked by itself, in a new layer,"
        " without 1 mask that nothing overlaps in a neighbouring plane."
    )
    widget._viewer.layers["given"].data[:, 1:] = 0
    widget.panel.stack.link.click()
    settle(qtbot, widget)
    assert "so nothing was linked" in widget.panel.status.text()
    assert "given linked [1]" not in widget._viewer.layers


def test_track_when_frames_are_volumes_then_their_planes_are_linked_and_time_is_asked_for(
    make_annotator: Make, qtbot: Any
) -> None:
    pytest.importorskip("laptrack")
    given = np.zeros((3, 2, 60, 80), np.int32)
    for time, plane in np.ndindex(3, 2):
        given[time, plane, 10:20, 10 + 3 * time : 20 + 3 * time] = 5 + plane
        given[time, plane, 40:50, 60:70] = 9 - plane
    given[1, 1, 50:55, 5:10] = 30  # in one plane alone
    scale = (4, 2, 0.5, 0.5)
    widget = make_annotator(np.zeros(given.shape, np.uint8), start=False, scale=scale)
    layer = widget._viewer.add_labels(given.copy(), name="given", scale=scale)
    widget.panel.labels.setCurrentText("given")
    widget.start()
    settle(qtbot, widget)
    assert widget.panel.stack.chosen_axis == 1
    widget.panel.stack.track.click()
    settle(qtbot, widget)
    assert "choose it under Along" in widget.panel.status.text()
    widget.panel.stack.axis.setCurrentIndex(0)
    widget.panel.stack.track.click()
    settle(qtbot, widget)
    assert widget.panel.status.text() == (
        "2 tracks, 0 divisions; they are in new layers, without 1 mask that nothing overlaps in a"
        " neighbouring plane."
    )
    tracked, tracks = (widget._viewer.layers[f"given {what}"] for what in ("tracked", "tracks"))
    assert np.array_equal(tracked.data > 0, (given > 0) & (given < 30))
    assert len(np.unique(tracked.data[given == 5])) == len(np.unique(tracked.data[:, :, 40:50, 60:70])) == 1
    moving = tracks.data[tracks.data[:, 0] == tracked.data[0, 0, 10, 10]]
    assert moving[:, 1:].tolist() == [[time, 0.5, 14.5, 14.5 + 3 * time] for time in range(3)]
    assert np.allclose(tracks.data_to_world((2, 0.5, 14.5, 20.5)), layer.data_to_world((2, 0.5, 14.5, 20.5)))
    layer.data[:, 1] = 0  # objects in one plane of each frame need no linking
    widget.panel.stack.track.click()
    settle(qtbot, widget)
    assert widget.panel.status.text() == "2 tracks, 0 divisions; they are in new layers."
    again = widget._viewer.layers["given tracked [1]"].data
    assert np.array_equal(again > 0, layer.data > 0)


def offered(widget: AnnotatorWidget) -> list[str]:
    combo = widget.panel.stack.axis
    return [combo.itemText(index) for index in range(combo.count())]


def test_axes_then_are_named_as_their_sliders_and_channels_are_not_the_first_choice(
    make_annotator: Make, qtbot: Any
) -> None:
    image = np.zeros((6, 1, 2, 40, 50), np.uint8)
    widget = make_annotator(image, start=False, axis_labels=("z", "t", "c", "y", "x"))
    assert [each.title for each in widget.panel.channels._choices] == ["slider z (6)", "slider c (2)"]
    widget.panel.channels.how.setCurrentIndex(0)  # as it is
    begin(qtbot, widget)
    assert offered(widget) == ["slider z (6)", "slider c (2)"]
    assert widget.panel.stack.chosen_axis == 0


def test_channels_in_the_middle_when_mixed_then_objects_go_along_the_other_axis_alone(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(np.zeros((6, 2, 40, 50), np.uint8), start=False)
    widget.panel.channels.how.setCurrentText("slider -3 (2)")
    begin(qtbot, widget)
    assert offered(widget) == ["slider -4 (6)"]
    assert widget.panel.stack.chosen_axis == 0
