"""Channels of an axis and of layers, chosen in the dock of a real viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from superqt import QElidingLabel

from napari_sam.session import Object
from napari_sam.session.channels import NONE
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.forms.channel_habit import ChannelHabit
from napari_sam.widgets.forms.panel import NEW_LABELS

from .conftest import settle

STACK = np.random.default_rng(0).integers(0, 4000, (2, 3, 4, 60, 80)).astype(np.uint16)
AXES = ("t", "c", "z", "y", "x")


def start(widget: AnnotatorWidget, qtbot: Any) -> Any:
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None, widget.panel.status.text()
    return widget.annotation


def go(widget: AnnotatorWidget, qtbot: Any, *step: int) -> None:
    """Move the sliders of t, c and z, and wait for the embedding."""
    widget._viewer.dims.set_current_step((0, 1, 2), step)
    qtbot.wait(250)  # longer than the sliders have to rest
    settle(qtbot, widget)


def test_an_image_of_five_axes_when_sliders_move_then_prompts_and_labels_stay_with_their_plane(
    make_annotator: Callable[..., AnnotatorWidget], qtbot: Any
) -> None:
    widget = make_annotator(STACK, start=False)
    assert widget.panel.channels.mix() is None
    annotation = start(widget, qtbot)
    session, labels = annotation.session, annotation.writer.labels
    go(widget, qtbot, 1, 2, 3)
    annotation.prompts.points.add([1, 2, 3, 20, 30])
    settle(qtbot, widget)
    assert [each.plane for each in session.proposals] == [(1, 2, 3)]
    for elsewhere in ((0, 2, 3), (1, 0, 3), (1, 2, 0)):
        go(widget, qtbot, *elsewhere)
        assert session.proposals == ()
        assert annotation.prompts.read(elsewhere) == []
    go(widget, qtbot, 1, 2, 3)
    assert len(session.proposals) == 1
    annotation.commit()
    (made,) = session.objects
    assert made.plane == (1, 2, 3)
    assert labels.data.shape == STACK.shape
    assert np.count_nonzero(labels.data) == np.count_nonzero(labels.data[1, 2, 3]) == made.area


@pytest.mark.shown
def test_a_channel_axis_when_mixed_then_points_boxes_and_labels_are_seen_over_every_channel(
    make_annotator: Callable[..., AnnotatorWidget], qtbot: Any
) -> None:
    widget = make_annotator(STACK, start=False, axis_labels=AXES)
    box = widget.panel.channels
    assert box.how.currentText() == "slider c (3)"  # its name says so
    box._rows[1][0].setCurrentText(NONE)
    box._rows[2][1].setValue(0.5)
    annotation = start(widget, qtbot)
    session, labels = annotation.session, annotation.writer.labels
    assert not box.isEnabled()
    go(widget, qtbot, 1, 2, 3)
    seen = annotation.part
    assert seen.picture[..., 1].max() == 0
    assert 120 < seen.picture[..., 2].max() < 130
    annotation.prompts.points.add(annotation.prompts.points.world_to_data((1, 2, 3, 20, 30)))
    settle(qtbot, widget)
    assert [each.plane for each in session.proposals] == [(1, 0, 3)]
    go(widget, qtbot, 1, 0, 3)
    assert annotation.part is seen  # the same pixels, whichever channel is shown
    assert len(session.proposals) == 1
    assert len(annotation.prompts.points._view_data) == 1
    assert len(annotation.view.outlines._view_data) > 0
    annotation.commit()
    assert labels.data.shape == (2, 1, 4, 60, 80)
    for channel in range(3):
        go(widget, qtbot, 1, channel, 3)
        assert np.count_nonzero(labels._slice.image.raw) == session.objects[0].area
    record = session.objects[0].normalization
    assert (list(record["channels"]), record["channel_axis"]) == ([0, 2], 1)
    assert [list(colour) for colour in record["colours"]] == [[1, 0, 0], [0, 0, 0.5]]
    go(widget, qtbot, 0, 0, 3)
    assert np.count_nonzero(labels._slice.image.raw) == 0

    go(widget, qtbot, 0, 2, 1)
    boxes = annotation.prompts.boxes
    corners = [(0, 2, 1, *corner) for corner in ((10, 10), (10, 40), (40, 40), (40, 10))]
    boxes.add_rectangles(np.array([boxes.world_to_data(corner) for corner in corners]))
    settle(qtbot, widget)
    assert [each.prompts.box for each in session.proposals] == [(10, 10, 40, 40)]
    assert session.proposals[0].plane == (0, 0, 1)


def test_a_first_axis_of_channels_when_mixed_then_needs_one_and_labels_have_the_shape_without_it(
    make_annotator: Callable[..., AnnotatorWidget], qtbot: Any
) -> None:
    widget = make_annotator(STACK[0, :, 0], start=False, axis_labels=("c", "y", "x"))
    colours = [each for each, _ in widget.panel.channels._rows]
    before = [each.currentText() for each in colours]
    for each in colours:
        each.setCurrentText(NONE)
    widget.start()
    assert widget.annotation is None
    assert "sees no channel" in widget.panel.status.text()
    for each, colour in zip(colours, before, strict=True):
        each.setCurrentText(colour)
    widget._viewer.add_labels(np.zeros((60, 80), int), name="cellpose")
    widget.panel.labels.setCurrentText("cellpose")
    annotation = start(widget, qtbot)
    widget._viewer.dims.set_current_step(0, 2)
    annotation.prompts.points.add([20, 30])
    settle(qtbot, widget)
    annotation.commit()
    assert widget._viewer.layers["cellpose"].data.max() == 1
    assert annotation.session.objects[0].plane == ()
    widget.stop()
    settle(qtbot, widget)
    channels, labels = widget.panel.channels, widget.panel.labels
    for how, suggested in (("as it is", NEW_LABELS), ("slider c (3)", "cellpose")):  # they fit the mixed ones
        channels.how.setCurrentText(how)
        assert labels.currentText() == suggested
    widget._viewer.add_labels(np.zeros((60, 80), int), name="mine")
    labels.setCurrentText("mine")
    channels._rows[0][0].setCurrentText(NONE)
    channels.how.setCurrentText("slider c (3)")
    assert labels.currentText() == "mine"
    start(widget, qtbot)


def test_channels_that_were_mixed_when_the_dock_is_opened_again_then_are_mixed_as_before(
    make_annotator: Callable[..., AnnotatorWidget], qtbot: Any
) -> None:
    widget = make_annotator(STACK[0, :, 0], start=False)
    box, viewer = widget.panel.channels, widget._viewer
    box.how.setCurrentIndex(1)
    box._rows[0][0].setCurrentText(NONE)
    box._rows[1][0].setCurrentText("yellow")
    box._rows[2][1].setValue(0.5)
    chosen = [(NONE, 1.0), ("yellow", 1.0), ("blue", 0.5)]
    annotation = start(widget, qtbot)
    labels = annotation.writer.labels
    annotation.session.adopt([Object(1, (), (10, 10), np.ones((10, 10), bool))])
    viewer.window.remove_dock_widget(widget)
    again = AnnotatorWidget(viewer)
    viewer.window.add_dock_widget(again, name="Segment Anything")
    settle(qtbot, again)
    box = again.panel.channels
    assert (box.how.currentIndex(), list(box._kept.values())) == (1, chosen)
    assert box.isExpanded()
    annotation = start(again, qtbot)
    assert annotation.part.embedding.normalization.channels == (1, 2)
    assert annotation.writer.labels is labels
    again.stop()
    other = viewer.add_image(STACK[1, :, 0], name="maybe three planes")
    again.panel.image.setCurrentText(other.name)
    assert box.mix() is None
    box.how.setCurrentIndex(1)
    assert list(box._kept.values()) == chosen
    named = viewer.add_image(STACK[1, :, 0], name="named", axis_labels=("c", "y", "x"))
    again.panel.image.setCurrentText(named.name)
    assert box.how.currentText() == "slider c (3)"
    box.how.setCurrentIndex(0)
    again.panel.image.setCurrentText("cells")
    assert list(box._kept.values()) == chosen
    box.how.setCurrentIndex(0)
    again.panel.labels.setCurrentIndex(0)
    start(again, qtbot)
    assert box.habit == ChannelHabit()
    again.stop()


@pytest.mark.parametrize(
    "settings",
    [None, [], {"title": "x"}, {"title": "x", "image": "", "channels": [["a", "ultraviolet", 1]]}],
)
def test_settings_of_channels_that_make_no_sense_then_nothing_is_remembered(settings: object) -> None:
    assert ChannelHabit.from_settings(settings) == ChannelHabit()


def test_layers_that_lie_over_each_other_when_mixed_then_the_model_sees_them_in_their_colours(
    make_annotator: Callable[..., AnnotatorWidget], qtbot: Any
) -> None:
    widget = make_annotator(STACK[0, 0, 0], start=False, colormap="green")
    widget._viewer.add_image(STACK[0, 1, 0], name="membrane", colormap="magenta")
    widget._viewer.add_image(STACK[0, 1, 0, :30], name="other")
    box = widget.panel.channels
    assert [box.how.itemText(i) for i in range(box.how.count())] == ["as it is", "layers (2)"]
    box.how.setCurrentIndex(1)
    assert [colours.currentText() for colours, _ in box._rows] == ["green", "magenta"]
    names = box.findChildren(QElidingLabel)
    assert [each.text() for each in names] == ["cells", "membrane"]
    assert {each.elideMode() for each in names} == {Qt.TextElideMode.ElideMiddle}
    box._rows[1][0].setCurrentText("red")
    box._rows[1][1].setValue(0.5)
    widget._viewer.layers["membrane"].name = "actin"  # and what is chosen stays
    widget._viewer.add_image(STACK[0, 2, 0], name="late")
    widget._viewer.layers["actin"].name = "membrane"
    assert box.how.currentText() == "layers (3)"
    assert [colours.currentText() for colours, _ in box._rows] == ["green", "red", NONE]
    annotation = start(widget, qtbot)
    record = annotation.part.embedding.normalization
    assert record.channels == ("cells", "membrane")
    assert record.colours == ((0, 1, 0), (0.5, 0, 0))
    shown = annotation.part.picture.copy()
    widget._viewer.layers["membrane"].data = STACK[0, 2, 1]
    settle(qtbot, widget)
    assert (annotation.part.picture != shown).any(axis=(0, 1)).tolist() == [True, False, False]
    widget._viewer.layers["membrane"].data = STACK[0, 2, 1, :50]
    assert "another shape" in widget.panel.status.text()
    assert widget.annotation is None
    widget._viewer.layers["membrane"].data = STACK[0, 2, 1]
    widget.reset_choices()
    box.how.setCurrentIndex(1)
    box._rows[1][0].setCurrentText("red")
    start(widget, qtbot)
    widget._viewer.layers.remove("membrane")
    assert "was removed" in widget.panel.status.text()
    assert widget.annotation is None
