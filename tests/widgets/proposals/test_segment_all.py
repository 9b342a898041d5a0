"""All objects at once, in a real viewer on the bundled image with the bundled model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from qtpy.compat import isalive
from qtpy.QtCore import Qt

from napari_sam.automatic import dense
from napari_sam.predict import Predictor
from napari_sam.samples import load_sample
from napari_sam.session import Edit, Object
from napari_sam.widgets.annotating.annotation import Annotation
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.layers.planes import camera_of
from napari_sam.widgets.proposals.last_thresholds import last_thresholds
from napari_sam.widgets.proposals.reviewing import Reviewing

from ..conftest import settle
from ..objects.test_objects import click as click_at

Make = Callable[..., AnnotatorWidget]
NUCLEI = load_sample("fluorescence").image[100:260, 100:280]


@pytest.fixture
def make(make_napari_viewer: Any, qtbot: Any, on_screen: bool) -> Iterator[Make]:
    """Return a function that opens a viewer on nuclei, with the dock, started and ready."""
    opened: list[AnnotatorWidget] = []

    def make(image: np.ndarray = NUCLEI, **options: Any) -> AnnotatorWidget:
        viewer = make_napari_viewer(show=on_screen)
        viewer.add_image(image, name="nuclei", **options)
        widget = AnnotatorWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Segment Anything")
        opened.append(widget)
        for _ in ("models are listed", "the image is embedded"):
            qtbot.waitUntil(lambda: not widget.jobs.busy, timeout=60_000)
            if widget.annotation is None:
                widget.start()
        return widget

    yield make
    for widget in filter(isalive, opened):
        widget.stop()
        widget.jobs.close()


def parts(widget: AnnotatorWidget) -> tuple[Annotation, Reviewing]:
    assert widget.annotation is not None
    assert widget.reviewing is not None
    return widget.annotation, widget.reviewing


def searched(qtbot: Any, widget: AnnotatorWidget) -> tuple[Object, ...]:
    _, reviewing = parts(widget)
    qtbot.waitUntil(lambda: not reviewing.jobs.busy, timeout=60_000)
    return reviewing.review.open


def search(qtbot: Any, widget: AnnotatorWidget, scope: str = "view") -> tuple[Object, ...]:
    qtbot.mouseClick(widget.panel.segment_all.scopes[scope], Qt.MouseButton.LeftButton)
    return searched(qtbot, widget)


def press(qtbot: Any, widget: AnnotatorWidget, *keys: Any, modifier: Any = None) -> None:
    canvas = widget._viewer.window._qt_viewer.canvas.native
    for key in keys:
        qtbot.keyClick(canvas, key, modifier or Qt.KeyboardModifier.NoModifier)
    settle(qtbot, widget)


def click(widget: AnnotatorWidget, on: Object, *modifiers: str) -> None:
    """Click on the middle of a proposal."""
    inside = np.argwhere(on.mask)
    row, col = np.add(on.origin, inside[len(inside) // 2]).tolist()
    click_at(widget, (row, col), *modifiers)


def labels(widget: AnnotatorWidget) -> np.ndarray:
    return np.asarray(parts(widget)[0].writer.labels.data)


@pytest.mark.shown
def test_a_search_is_reviewed_accepted_in_one_step_taken_back_rejected_and_corrected(
    make: Make, qtbot: Any
) -> None:
    widget = make()
    annotation, reviewing = parts(widget)
    review, panel = reviewing.review, widget.panel.segment_all
    proposals = search(qtbot, widget, "plane")
    assert len(proposals) >= 4
    scores = [each.score or 0.0 for each in proposals]
    assert scores == sorted(scores)
    assert not labels(widget).any()
    assert "to answer" in widget.panel.status.text()
    assert panel.count.text().startswith(f"{len(proposals)} proposals")

    panel.score.setValue(scores[2])
    sure = review.above(float(panel.score.value()))
    assert 0 < len(sure) < len(proposals)
    assert panel.accept_above.text() == f"Accept {len(sure)}"
    qtbot.mouseClick(panel.accept_above, Qt.MouseButton.LeftButton)
    assert [each.score for each in annotation.session.objects] == [each.score for each in sure]
    assert len(np.unique(labels(widget))) == len(sure) + 1
    assert len(review.open) == len(proposals) - len(sure)
    assert widget.panel.status.text().startswith(f"Accepted {len(sure)} label")
    press(qtbot, widget, Qt.Key.Key_Z, modifier=Qt.KeyboardModifier.ControlModifier)
    assert not labels(widget).any()
    assert review.open == proposals

    press(qtbot, widget, Qt.Key.Key_Q)
    assert widget.panel.status.text() == "Rejected 1 proposal. Ctrl+Z brings it back."
    assert review.open == proposals[1:]
    press(qtbot, widget, Qt.Key.Key_Z, modifier=Qt.KeyboardModifier.ControlModifier)
    assert widget.panel.status.text() == "Took back: reject."
    assert review.open == proposals
    assert review.current is proposals[0]
    press(qtbot, widget, Qt.Key.Key_Q)
    assert review.current is proposals[1]
    press(qtbot, widget, Qt.Key.Key_Period, Qt.Key.Key_Period, Qt.Key.Key_Comma)
    assert review.current is proposals[2]
    press(qtbot, widget, Qt.Key.Key_A)
    (first,) = annotation.session.objects
    assert np.array_equal(first.mask, proposals[2].mask)
    assert review.current is proposals[3]

    press(qtbot, widget, Qt.Key.Key_E)
    assert proposals[3].prompts is not None
    assert [each.prompts.box for each in annotation.session.proposals] == [proposals[3].prompts.box]
    assert widget.panel.status.text().startswith("Correct it with points or a box")
    qtbot.mouseClick(panel.accept_all, Qt.MouseButton.LeftButton)
    assert review.open == (proposals[3],)  # which its prompts stay for
    qtbot.mouseClick(panel.accept_all, Qt.MouseButton.LeftButton)
    assert widget.panel.status.text().startswith("Correct it with points or a box")
    annotation.session.undo()
    press(qtbot, widget, Qt.Key.Key_1)
    assert len(annotation.session.objects) == 2
    assert proposals[3] not in review.open
    press(qtbot, widget, Qt.Key.Key_Z, modifier=Qt.KeyboardModifier.ControlModifier)
    assert review.open == (proposals[1], *proposals[3:])
    qtbot.mouseClick(panel.bring_back, Qt.MouseButton.LeftButton)
    assert review.open == (*proposals[:2], *proposals[3:])
    assert widget.panel.status.text() == "Brought back 1 proposal. Ctrl+Z puts aside again."
    qtbot.mouseClick(panel.accept_all, Qt.MouseButton.LeftButton)
    search(qtbot, widget, "plane")
    assert review.open == ()
    assert widget.panel.status.text().endswith("have labels already or were rejected.")


def test_a_proposal_when_clicked_on_then_is_the_current_one_and_once_accepted_is_not_proposed_again(
    make: Make, qtbot: Any
) -> None:
    widget = make()
    annotation, reviewing = parts(widget)
    review, layers = reviewing.review, widget._viewer.layers
    proposals = search(qtbot, widget)
    click(widget, proposals[3], "Shift")
    assert review.current is proposals[3]
    assert len(annotation.prompts.points.data) == 0
    assert "A accepts" in widget.panel.status.text()
    layers.selection.active = layers["Proposals"]
    click(widget, proposals[1])
    assert review.current is proposals[1]
    drawn = layers["Proposals"].data.copy()
    press(qtbot, widget, Qt.Key.Key_A)
    assert len(annotation.session.objects) == 1
    assert review.current is proposals[2]
    assert len(layers["Proposals"].data) < len(drawn)
    layers.selection.active = layers["Proposals"]
    press(qtbot, widget, Qt.Key.Key_Z, modifier=Qt.KeyboardModifier.ControlModifier)
    assert annotation.session.objects == ()
    press(qtbot, widget, Qt.Key.Key_B)
    assert layers.selection.active is annotation.prompts.boxes
    review.choose(proposals[1].key)
    press(qtbot, widget, Qt.Key.Key_A)
    click(widget, proposals[1], "Shift")  # which is an object now, and selected
    assert review.current is proposals[2]
    assert [each.mask.sum() for each in annotation.editing.selection.objects] == [proposals[1].mask.sum()]
    again = search(qtbot, widget)
    assert proposals[1].origin not in {each.origin for each in again}
    assert len(again) == len(proposals) - 1
    annotation.editing.edit("delete", [annotation.session.objects[0].key])
    assert len(review.open) == len(proposals)


@pytest.mark.shown
def test_proposals_are_drawn_by_their_score_apart_from_labels_and_the_active_layer_stays(
    make: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make()
    annotation, reviewing = parts(widget)
    layers = widget._viewer.layers
    assert "Proposals" not in layers
    activated: list[Any] = []
    layers.selection.events.active.connect(activated.append)
    search(qtbot, widget)
    assert layers.selection.active is annotation.prompts.points
    assert not activated  # not for a moment, which takes long
    drawn, current = layers["Proposals"], layers["Current proposal"]
    assert layers.index(drawn) < layers.index(annotation.view.outlines)
    counts = []
    for limit in np.linspace(0.5, 0.95, 10):  # at some limit there are better and worse ones
        widget.panel.segment_all.score.setValue(limit)
        counts.append(len({tuple(colour) for colour in np.round(drawn.edge_color, 3)}))
    assert max(counts) == 2
    widget.panel.segment_all.score.setValue(0.0)
    assert len({tuple(colour) for colour in drawn.edge_color}) == 1
    assert len(current.data) > 0
    assert current.edge_width > drawn.edge_width
    lines = drawn.data.copy()
    with monkeypatch.context() as patch:
        patch.delattr("napari_sam.widgets.proposals.view.outlines")  # what comes back is not traced again
        reviewing.accept_all()
        annotation.editing.undo()
    assert np.array_equal(drawn.data, lines)
    layers["nuclei"].scale, layers["nuclei"].translate = (0.5, 0.5), (7, 9)
    for layer in (drawn, current):
        assert np.allclose(layer.data_to_world((80, 100)), (47, 59))
    reviewing.accept_all()
    assert len(drawn.data) == len(current.data) == 0
    widget.stop()
    settle(qtbot, widget)
    assert [layer.name for layer in layers] == ["nuclei", "nuclei cells"]
    assert np.asarray(layers["nuclei cells"].data).any()


def test_thresholds_when_moved_then_proposals_in_view_follow_and_the_networks_are_asked_little(
    make: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make()
    _, reviewing = parts(widget)
    panel = widget.panel.segment_all
    proposals = search(qtbot, widget)
    sketched: list[int] = []
    reviewing.proposing.found.connect(lambda find: sketched.append(len(find.sketch)))
    asked, embed = dense.seen, Predictor.embed
    monkeypatch.setattr(Predictor, "embed", None)  # nothing is embedded again
    monkeypatch.setattr("napari_sam.automatic.dense.seen", None)  # nor is the dense head asked
    panel.sliders["smallest"].setValue(40.0)
    larger = searched(qtbot, widget)
    assert 0 < len(larger) < len(proposals)
    assert sketched[0] > 0
    sketched.clear()
    panel.sliders["smallest"].setValue(
        60.2
    )  # whose outlines are seen, though it moves on before they are there
    for value in (0.94, 0.95):  # the first is not looked for
        panel.sliders["foreground"].setValue(value)
    assert searched(qtbot, widget) == ()
    assert len(sketched) == 3
    assert (
        "no object above a foreground of 0.95 and 60 pixels across; give other sizes, lower"
        in widget.panel.status.text()
    )
    assert last_thresholds() == {"foreground": 0.95, "smallest": 60.0}
    for value in (300.0, 50.0):  # the first has not the last word
        panel.sliders["largest"].setValue(value)
    assert searched(qtbot, widget) == ()
    assert widget.panel.status.text() == "No object is from 60 to 50 pixels across; give other sizes."
    assert panel.titles["largest"].text() == "Largest"
    panel._put_back()
    assert panel.titles["largest"].text() == "Largest: any"
    again = searched(qtbot, widget)
    assert last_thresholds() == {}
    monkeypatch.setattr("napari_sam.automatic.dense.seen", asked)  # now it may be, at another scale
    monkeypatch.setattr(Predictor, "embed", embed)
    panel.sliders["largest"].setValue(40.0)
    smaller = [each.area for each in searched(qtbot, widget)]
    assert smaller
    assert max(smaller) <= np.pi / 4 * 40**2
    panel._put_back()
    again = searched(qtbot, widget)
    assert [(each.origin, each.score) for each in again] == [(each.origin, each.score) for each in proposals]


def test_everything_of_a_stack_then_planes_come_one_by_one_and_answers_lead_through_them(
    make: Make, qtbot: Any
) -> None:
    widget = make(np.stack([0 * NUCLEI, NUCLEI[::-1], NUCLEI[:, ::-1]]), scale=(2.0, 0.5, 0.5))
    annotation, reviewing = parts(widget)
    review, viewer = reviewing.review, widget._viewer
    viewer.dims.set_point(0, 0)
    qtbot.waitUntil(lambda: annotation.session.ready, timeout=60_000)
    proposals = search(qtbot, widget, "everything")
    assert {each.plane for each in proposals} == {(1,), (2,)}
    assert viewer.dims.current_step[0] == 0
    for _ in range(4):
        press(qtbot, widget, Qt.Key.Key_Period)
        assert review.current is not None
        assert (viewer.dims.current_step[0],) == review.current.plane
    viewer.dims.ndisplay = 3
    widget.panel.say("")
    reviewing.correct()
    assert "switch 3-D off" in widget.panel.status.text()
    viewer.dims.ndisplay = 2
    reviewing.accept_all()
    assert labels(widget).any(axis=(1, 2)).tolist() == [False, True, True]
    parts(widget)[0].editing.undo()
    assert not labels(widget).any()
    assert review.open == proposals
    qtbot.waitUntil(lambda: annotation.session.ready, timeout=60_000)
    widget.panel.segment_all.sliders["smallest"].setValue(60)
    searched(qtbot, widget)  # what is in view
    assert search(qtbot, widget, "everything") == ()
    assert "and 60 pixels across" in widget.panel.status.text()


def test_a_search_when_cancelled_then_keeps_what_was_found(make: Make, qtbot: Any) -> None:
    widget = make(np.stack([NUCLEI] * 30))
    _, reviewing = parts(widget)
    panel = widget.panel.segment_all
    qtbot.mouseClick(panel.scopes["everything"], Qt.MouseButton.LeftButton)
    assert not panel.scopes["view"].isEnabled()
    qtbot.waitUntil(lambda: bool(reviewing.review.open), timeout=60_000)
    qtbot.waitUntil(lambda: not panel.progress.isHidden(), timeout=5_000)
    qtbot.mouseClick(panel.progress.cancel, Qt.MouseButton.LeftButton)
    found = len(reviewing.review.open)
    assert found >= 4
    assert "Cancelled" in widget.panel.status.text()
    assert panel.scopes["view"].isEnabled()
    reviewing.accept_all()
    assert len({each.plane for each in parts(widget)[0].session.objects}) < 30
    qtbot.mouseClick(panel.scopes["everything"], Qt.MouseButton.LeftButton)
    widget.stop()
    widget.start()
    settle(qtbot, widget)
    assert panel.scopes["view"].isEnabled()  # which the search that was stopped with the rest had off

    annotation, reviewing = parts(widget)
    proposal = Object(1, annotation.seeing.plane, (0, 0), np.ones((2, 2), bool), score=0.9)
    reviewing.review.put(Edit("found", (), (proposal,)))
    assert len(widget._viewer.layers["Proposals"].data)
    widget._viewer.layers["nuclei"].data = NUCLEI  # whose planes are no planes of the labels
    assert "another shape now" in widget.panel.status.text()


@pytest.mark.shown
def test_a_large_plane_then_is_searched_by_windows_and_in_view_by_what_is_seen(
    make: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam.session.opening.WHOLE", 200)
    monkeypatch.setattr("napari_sam.session.found.WHOLE", 200)
    large = np.zeros((200, 1400), np.uint8)
    large[20:180, 20:200] = large[20:180, 1200:1380] = NUCLEI
    widget = make(large)
    annotation, reviewing = parts(widget)
    proposals = search(qtbot, widget, "plane")
    right = [each for each in proposals if each.origin[1] > 700]
    assert 4 <= len(right) < len(proposals)
    assert annotation.part is not None
    assert not annotation.part.window.whole
    camera = camera_of(widget._viewer)
    camera.zoom, camera.center = 1.5, (0.0, 100.0, 110.0)
    qtbot.waitUntil(lambda: annotation.part.window.origin == (0, 0), timeout=20_000)  # type: ignore[union-attr]
    settle(qtbot, widget)
    after = search(qtbot, widget)
    assert [each for each in after if each.origin[1] > 700] == right  # the others were found again
    assert not set(after) & (set(proposals) - set(right))
    assert len(after) - len(right) >= 4

    camera.center = (0.0, -5000.0, 110.0)
    settle(qtbot, widget)
    assert search(qtbot, widget) == after
    assert widget.panel.status.text().startswith("Nothing of this plane is in view")
    reviewing.step(1)
    assert reviewing.review.current is not None
    assert np.allclose(camera.center[1:], reviewing.review.current.centre)


def test_thresholds_when_moved_where_more_is_seen_than_is_open_then_all_of_it_follows(
    make: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam.session.opening.WHOLE", 200)
    monkeypatch.setattr("napari_sam.session.found.WHOLE", 200)
    large = np.zeros((200, 2400), np.uint8)
    for left in (20, 1110, 2200):
        large[20:180, left : left + 180] = NUCLEI
    widget = make(large)
    annotation, _ = parts(widget)
    panel = widget.panel.segment_all
    camera_of(widget._viewer).zoom = 0.1
    settle(qtbot, widget)
    proposals = search(qtbot, widget)
    assert annotation.part is not None
    assert annotation.part.window.shape[1] < 2400
    assert {each.origin[1] // 1000 for each in proposals} == {0, 1, 2}
    monkeypatch.setattr(Predictor, "encode", None)  # nothing is embedded again
    monkeypatch.setattr("napari_sam.automatic.dense.seen", None)  # nor is the dense head asked
    panel.sliders["smallest"].setValue(30.0)
    assert panel.sliders["smallest"].isEnabled()
    fewer = searched(qtbot, widget)
    assert {each.origin[1] // 1000 for each in fewer} == {0, 1, 2}
    assert len(fewer) < len(proposals)
    assert all(each.area > np.pi / 4 * 25**2 for each in fewer)
    panel._put_back()
    assert {each.origin for each in searched(qtbot, widget)} == {each.origin for each in proposals}


def test_keys_and_buttons_when_nothing_is_proposed_then_say_what_to_do(make: Make, qtbot: Any) -> None:
    widget = make(np.zeros((64, 64), np.uint8))
    annotation, reviewing = parts(widget)
    widget.start()  # a second session would have the first one's journal
    settle(qtbot, widget)
    assert widget.annotation is annotation
    for key in (Qt.Key.Key_A, Qt.Key.Key_Q, Qt.Key.Key_E, Qt.Key.Key_Period):
        widget.panel.say("")
        press(qtbot, widget, key)
        assert "There is no proposal" in widget.panel.status.text()
    assert search(qtbot, widget) == ()
    assert "There is no object above a foreground of 0.5" in widget.panel.status.text()
    annotation.session.close()
    reviewing.search("view")
    assert "still being read" in widget.panel.status.text()
