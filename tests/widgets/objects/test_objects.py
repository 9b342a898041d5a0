"""The page of objects in a real viewer: table, image, keys and classes in step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from qtpy.QtCore import QItemSelectionModel, Qt

from napari_sam.session import Edit, Key, Object
from napari_sam.session.classes import COLOURS
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.forms.object_model import HEADERS
from napari_sam.widgets.forms.pages import OBJECTS
from napari_sam.widgets.layers.planes import camera_of

from ..conftest import prompt, settle

Make = Callable[..., AnnotatorWidget]
A, B, C = (1, ()), (2, ()), (3, ())


def adopt(widget: AnnotatorWidget, *places: tuple[int, ...], side: int = 10, **known: Any) -> None:
    """Let there be square objects at (..., row, col), labelled from 1."""
    assert widget.annotation is not None
    made = [
        Object(number, place[:-2], place[-2:], np.ones((side, side), bool), **known)
        for number, place in enumerate(places, 1)
    ]
    widget.annotation.session.adopt(made)


def three(make_annotator: Make) -> AnnotatorWidget:
    widget = make_annotator()
    adopt(widget, (10, 10), (10, 20), (60, 100))
    return widget


def keys_selected(widget: AnnotatorWidget) -> set[Key]:
    """Return what the table shows as selected, after checking that the selection says the same."""
    assert widget.annotation is not None
    panel = widget.object_panel
    rows = {panel.model.key(index.row()) for index in panel.table.selectionModel().selectedRows()}
    assert rows == set(widget.annotation.editing.selection.keys)
    return rows


def press_row(qtbot: Any, widget: AnnotatorWidget, key: Key, *, twice: bool = False) -> None:
    widget.pages.setCurrentIndex(OBJECTS)
    panel = widget.object_panel
    place = panel.table.visualRect(panel.model.index(panel.model.row(key), 0)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    if twice:
        qtbot.mouseDClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=place)


class Press:
    """A mouse event as napari's callbacks take it."""

    def __init__(self, world: Any, modifiers: tuple[str, ...]) -> None:
        self.position, self.modifiers, self.pos = tuple(world), modifiers, np.zeros(2)
        self.type, self.handled, self.button = "mouse_press", False, 1
        self.view_direction, self.dims_displayed = None, [0, 1]


def click(widget: AnnotatorWidget, place: tuple[int, int], *modifiers: str) -> None:
    """Click on the image, through the callbacks of the viewer and of its active layer."""
    viewer = widget._viewer
    layer = viewer.layers.selection.active
    event = Press(layer.data_to_world(place), modifiers)
    for each in (viewer, layer):
        mouse_press_callbacks(each, event)
    event.type = "mouse_release"
    for each in (viewer, layer):
        mouse_release_callbacks(each, event)


def press_key(qtbot: Any, widget: AnnotatorWidget, key: Any) -> None:
    qtbot.keyClick(widget._viewer.window._qt_viewer.canvas.native, key)


def areas(widget: AnnotatorWidget) -> dict[int, int]:
    """Return the area of each object, after checking that the Labels layer shows the same."""
    assert widget.annotation is not None
    labels = widget.annotation.writer.labels.data
    found = {each.id: each.area for each in widget.annotation.session.objects}
    counts = np.bincount(labels.ravel())
    assert found == {int(label): int(counts[label]) for label in np.flatnonzero(counts) if label}
    return found


@pytest.mark.shown
def test_a_row_when_clicked_then_the_view_goes_there_and_the_object_is_outlined(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(np.zeros((4, 120, 160), np.uint8), scale=(3, 2, 2))
    adopt(widget, (0, 10, 10), (2, 80, 100))
    assert widget.objects is not None
    camera = camera_of(widget._viewer)
    camera.center, camera.zoom = (40, 40), 4 * camera.zoom
    qtbot.waitUntil(lambda: widget._viewer.layers["cells"].corner_pixels[1, 1] < 100, timeout=5000)
    press_row(qtbot, widget, (2, (2,)))
    assert widget._viewer.dims.current_step[0] == 2
    assert camera_of(widget._viewer).center[-2:] == (2 * 84.5, 2 * 104.5)
    assert keys_selected(widget) == {(2, (2,))}
    highlight = widget.objects.highlight.layer
    assert highlight is not None
    assert widget._viewer.layers.selection.active is not highlight
    ends = highlight.data[:, 0]
    assert (ends[:, 0] == 2).all()
    assert ends[:, 1:].min(axis=0).tolist() == [79.5, 99.5]
    assert ends[:, 1:].max(axis=0).tolist() == [89.5, 109.5]
    assert widget.annotation is not None
    assert widget.annotation.writer.labels.selected_label == 2
    settle(qtbot, widget)


def test_an_object_when_clicked_on_the_image_or_in_the_labels_layer_or_picked_then_its_row_is_selected(
    make_annotator: Make,
) -> None:
    widget = three(make_annotator)
    assert widget.annotation is not None
    click(widget, (12, 12), "Shift")
    assert keys_selected(widget) == {A}
    click(widget, (62, 102), "Shift")
    assert keys_selected(widget) == {A, C}
    click(widget, (12, 12), "Shift")
    assert keys_selected(widget) == {C}
    assert len(widget.annotation.prompts.points.data) == 0
    assert widget.annotation.prompts.points.mode == "add"
    labels = widget.annotation.writer.labels
    widget._viewer.layers.selection.active = labels
    labels.mode = "pan_zoom"
    click(widget, (12, 12))
    click(widget, (12, 22))
    assert keys_selected(widget) == {B}
    click(widget, (100, 30))
    assert keys_selected(widget) == set()
    labels.selected_label = 3
    assert keys_selected(widget) == {C}


def test_objects_when_edited_by_keys_then_those_selected_or_pointed_at_and_a_sorted_table_keeps_its_selection(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = three(make_annotator)
    assert widget.annotation is not None
    selection, viewer = widget.annotation.editing.selection, widget._viewer
    viewer.cursor.position = (100, 30)
    selection.set([A, B])
    press_key(qtbot, widget, Qt.Key.Key_M)
    assert areas(widget) == {1: 200, 3: 100}
    assert keys_selected(widget) == {A}
    widget.annotation.editing.undo()
    assert areas(widget) == {1: 100, 2: 100, 3: 100}
    viewer.cursor.position = (62, 102)
    press_key(qtbot, widget, Qt.Key.Key_X)
    assert areas(widget) == {1: 100, 2: 100}
    viewer.cursor.position = (100, 30)
    selection.set([A, B])
    press_key(qtbot, widget, Qt.Key.Key_Escape)
    assert keys_selected(widget) == set()
    widget.annotation.editing.undo()
    annotation, panel = widget.annotation, widget.object_panel
    panel.table.sortByColumn(HEADERS.index("area"), Qt.SortOrder.DescendingOrder)
    annotation.editing.selection.set([A, C])
    annotation.session.edit("merge", [A, B])
    assert panel.model.key(0) == A
    assert keys_selected(widget) == {A, C}
    panel.table.sortByColumn(HEADERS.index("id"), Qt.SortOrder.DescendingOrder)
    assert keys_selected(widget) == {A, C}
    annotation.editing.undo()
    assert widget.panel.status.text() == "Took back: merge, 2 labels."  # as many as were told to be merged
    assert keys_selected(widget) == {A, B, C}  # what came in the place of a selected object
    panel.table.selectionModel().select(
        panel.model.index(panel.model.row(B), 0),
        QItemSelectionModel.SelectionFlag.Deselect | QItemSelectionModel.SelectionFlag.Rows,
    )
    assert keys_selected(widget) == {A, C}


def test_buttons_and_keys_of_the_table_then_edit_what_is_selected_until_stop_empties_the_page(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = three(make_annotator)
    assert widget.annotation is not None
    panel, labels = widget.object_panel, widget.annotation.writer.labels
    assert not any(panel.buttons[name].isEnabled() for name in ("delete", "merge", "smooth", "reopen"))
    with labels.block_history():
        labels.data_setitem((np.array([14, 15]), np.array([14, 14])), 0)
        labels.data_setitem((np.array([40]), np.array([40])), 1)
    press_row(qtbot, widget, A)
    assert not panel.buttons["merge"].isEnabled()
    for name, area in (("remove_specks", 98), ("fill_holes", 100), ("smooth", 88)):
        qtbot.mouseClick(panel.buttons[name], Qt.MouseButton.LeftButton)
        assert areas(widget)[1] == area
    for _ in range(4):
        qtbot.mouseClick(panel.buttons["undo"], Qt.MouseButton.LeftButton)
    assert areas(widget) == {1: 100, 2: 100, 3: 100}
    press_row(qtbot, widget, A)
    qtbot.keyClick(panel.table, Qt.Key.Key_Delete)
    assert areas(widget) == {2: 100, 3: 100}
    assert panel.model.rowCount() == 2
    assert "Delete: 1 label" in widget.panel.status.text()
    widget.stop()
    assert widget.objects is None
    assert widget.object_panel.model.rowCount() == 0
    settle(qtbot, widget)
    assert [layer.name for layer in widget._viewer.layers] == ["cells", "cells cells"]


def test_an_object_when_split_by_two_points_then_both_parts_are_rows(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(np.zeros((400, 400), np.uint8))
    adopt(widget, (30, 30), side=20)
    assert widget.annotation is not None
    widget.annotation.prompts.points.add([[32, 32], [47, 47]])
    settle(qtbot, widget)
    qtbot.mouseClick(widget.object_panel.buttons["split"], Qt.MouseButton.LeftButton)
    assert sorted(areas(widget)) == [1, 2]
    assert sum(areas(widget).values()) == 400
    assert min(areas(widget).values()) >= 190
    assert widget.panel.status.text() == "Split: 2 labels. Ctrl+Z takes it back."
    assert widget.object_panel.model.rowCount() == 2
    assert len(widget.annotation.prompts.points.data) == 0

    # a large one is split outside of the window's thread
    split = partial(widget.annotation.editing.edit, "split", [C], points=[(110, 110), (390, 390)])
    widget.annotation.session.adopt([Object(3, (), (100, 100), np.ones((300, 300), bool))])
    assert split() is None
    assert widget.panel.status.text() == "Split: working on 1 label; Ctrl+Z stops it."
    assert split() is None
    assert widget.panel.status.text() == "Wait until the last edit is done, or press Ctrl+Z to stop it."
    widget.annotation.undo()
    assert widget.panel.status.text() == "Stopped; nothing has changed."
    split()
    widget.annotation.editing.edit("describe", [C], category="tissue")
    qtbot.waitUntil(lambda: not widget.annotation.editing.busy)
    assert "changed meanwhile" in widget.panel.status.text()
    assert areas(widget)[3] == 90_000
    split()
    qtbot.waitUntil(lambda: not widget.annotation.editing.busy)
    assert widget.panel.status.text() == "Split: 2 labels. Ctrl+Z takes it back."
    assert areas(widget)[3] + areas(widget)[4] == 90_000
    widget.annotation.editing.edit("split", [A], points=[(110, 110), (390, 390)])
    assert "two different points on one object" in widget.panel.status.text()


def test_a_row_of_another_plane_when_double_clicked_then_its_prompts_are_offered_again_there(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(np.zeros((3, 120, 160), np.uint8))
    annotation = widget.annotation
    assert annotation is not None
    annotation.prompts.points.add([1, 30, 40])
    settle(qtbot, widget)
    annotation.commit(0)
    widget._viewer.dims.set_current_step(0, 2)
    qtbot.waitUntil(lambda: annotation.session.ready, timeout=20_000)
    press_row(qtbot, widget, (1, (1,)), twice=True)
    qtbot.waitUntil(lambda: bool(annotation.session.proposals), timeout=20_000)
    assert annotation.editing.plane() == (1,)
    assert annotation.session.proposals[0].prompts.positions.tolist() == [[30, 40]]
    assert annotation.chooser.index == 0
    before = annotation.session.objects[0].area
    annotation.commit(2)
    assert [each.key for each in annotation.session.objects] == [(1, (1,))]
    assert annotation.session.objects[0].area > before

    beyond = replace(annotation.session.objects[0], plane=(2,))
    annotation.session.put("follow", (), (beyond,))
    annotation.editing.selection.set([beyond.key])
    widget.object_panel.classes.assign_asked.emit("axon")  # the class is the whole object's
    assert {each.key: each.category for each in annotation.session.objects} == {
        (1, (1,)): "axon",
        (1, (2,)): "axon",
    }
    annotation.editing.undo()
    assert {each.category for each in annotation.session.objects} == {""}


def test_classes_when_given_then_rows_and_labels_show_them_and_they_are_remembered(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = three(make_annotator)
    annotation, panel = widget.annotation, widget.object_panel
    assert annotation is not None
    prompt(widget, qtbot, 100, 30)
    panel.classes.name.setFocus()
    for name in ("axon", "glia"):
        panel.classes.name.setText(name)
        qtbot.keyClick(panel.classes.name, Qt.Key.Key_Return)
    qtbot.keyClick(panel.classes.name, Qt.Key.Key_Escape)
    assert len(annotation.session.objects) == 3  # what is typed into a field does nothing on the image
    assert annotation.session.proposals
    assert panel.classes.current == "glia"
    annotation.editing.selection.set([A, B])
    qtbot.mouseClick(panel.classes.assign, Qt.MouseButton.LeftButton)
    panel.classes.list.setCurrentRow(1)
    widget._viewer.cursor.position = (62, 102)
    press_key(qtbot, widget, Qt.Key.Key_C)
    assert [each.category for each in annotation.session.objects] == ["glia", "glia", "axon"]
    own = annotation.writer.labels.colormap
    panel.colours.setChecked(True)
    colours = annotation.writer.labels.colormap
    assert isinstance(colours, DirectLabelColormap)
    assert np.allclose(colours.map(3)[:3] * 255, [int(COLOURS[0][i : i + 2], 16) for i in (1, 3, 5)])
    annotation.editing.edit("delete", [C])
    annotation.writer.labels.paint((100, 140), 3)  # the same number again, and no class
    assert np.allclose(annotation.writer.labels.colormap.map(3)[:3], 0.6)
    for _ in range(3):
        annotation.editing.undo()
    assert np.allclose(annotation.writer.labels.colormap.map(3)[:3], 0.6)
    panel.classes.list.item(2).setText("astrocyte")
    assert {each.category for each in annotation.session.objects} == {"astrocyte", ""}
    panel.colours.setChecked(False)
    assert annotation.writer.labels.colormap == own
    again = make_annotator()
    names = again.object_panel.classes.list
    assert [names.item(row).text() for row in range(names.count())] == ["none", "axon", "astrocyte"]


def test_a_class_when_its_removal_or_renaming_is_taken_back_then_is_offered_as_before(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    adopt(widget, (10, 10), (10, 30), category="axon")
    annotation, classes = widget.annotation, widget.object_panel.classes
    assert annotation is not None
    assert [classes.list.item(row).text() for row in range(classes.list.count())] == ["none", "axon"]
    classes.list.setCurrentRow(1)
    qtbot.mouseClick(classes.remove, Qt.MouseButton.LeftButton)
    assert {each.category for each in annotation.session.objects} == {""}
    assert classes.list.count() == 1
    annotation.editing.undo()
    assert {each.category for each in annotation.session.objects} == {"axon"}
    assert classes.list.count() == 2
    classes.list.item(1).setText(" ")
    assert "needs a name" in widget.panel.status.text()
    assert classes.list.item(1).text() == "axon"
    assert widget.objects is not None
    widget.objects._add_class("glia")
    before = widget.objects.look.classes
    classes.list.item(1).setText("nerve fibre")
    renamed = widget.objects.look.classes
    assert list(renamed) == ["nerve fibre", "glia"]
    for _ in range(2):
        annotation.editing.undo()
        assert {each.category for each in annotation.session.objects} == {"axon"}
        assert widget.objects.look.classes == before
        annotation.editing.redo()
        assert {each.category for each in annotation.session.objects} == {"nerve fibre"}
        assert widget.objects.look.classes == renamed
    assert [classes.list.item(row).text() for row in range(3)] == ["none", "nerve fibre", "glia"]


def test_a_row_when_its_object_is_in_view_then_the_view_stays_and_a_note_is_written_and_said(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = three(make_annotator)
    annotation, panel = widget.annotation, widget.object_panel
    assert annotation is not None
    centre = camera_of(widget._viewer).center
    press_row(qtbot, widget, C)
    assert camera_of(widget._viewer).center == centre
    assert keys_selected(widget) == {C}
    press_row(qtbot, widget, B)
    qtbot.keyClicks(panel.note, "mitotic")
    qtbot.keyClick(panel.note, Qt.Key.Key_Return)
    assert annotation.session.store[B].note == "mitotic"
    press_row(qtbot, widget, A)
    assert panel.note.text() == ""
    press_row(qtbot, widget, B)
    assert panel.note.text() == "mitotic"
    annotation.editing.undo()
    assert panel.note.text() == ""


def test_overlaps_when_shown_the_other_way_then_labels_change_at_once_and_next_time(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    adopt(widget, (10, 10), (15, 15))
    assert widget.annotation is not None
    labels = widget.annotation.writer.labels
    assert labels.data[16, 16] == 1
    widget.object_panel.overlaps.setCurrentIndex(1)
    assert labels.data[16, 16] == 2
    widget.stop()
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None
    assert widget.annotation.session.store.newest_on_top
    assert widget.object_panel.overlaps.currentIndex() == 1


@pytest.mark.shown
def test_many_objects_then_the_selected_ones_are_boxed_and_all_can_be_selected(make_annotator: Make) -> None:
    widget = make_annotator(np.zeros((600, 600), np.uint8))
    assert widget.annotation is not None
    assert widget.objects is not None
    places = [(row, col) for row in range(0, 600, 12) for col in range(0, 600, 12)]
    adopt(widget, *places)
    widget.object_panel.table.selectAll()
    assert len(keys_selected(widget)) == len(places)
    highlight = widget.objects.highlight.layer
    assert highlight is not None
    assert 0 < len(highlight.data) <= 1600
    widget.annotation.session._do(Edit("delete", widget.annotation.session.objects, ()))
    assert keys_selected(widget) == set()
    assert len(highlight.data) == 0
