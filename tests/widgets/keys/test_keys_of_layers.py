"""Which keys act while which layer is the active one, in a real viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sam.widgets.annotating.annotation import Annotation
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.keys.keymap import DEFAULTS, Keymap
from napari_sam.widgets.prompts.stray_clicks import STRAY

from ..conftest import settle
from ..test_keys import CONTROL, SHIFT, point, press

Make = Callable[..., AnnotatorWidget]
pytestmark = pytest.mark.shown
Key = Qt.Key


def annotation_of(widget: AnnotatorWidget) -> Annotation:
    assert widget.annotation is not None
    return widget.annotation


def activate(widget: AnnotatorWidget, name: str) -> Any:
    layers = widget._viewer.layers
    layers.selection.active = layers[name]
    return layers[name]


def test_keys_when_the_image_or_the_candidates_are_the_active_layer_then_are_those_of_the_dock_until_stop(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    session = annotation_of(widget).session
    canvas = widget._viewer.window._qt_viewer.canvas.native
    widget._viewer.add_image(
        np.zeros((120, 160), np.uint8), name="another"
    )  # and napari makes it the active one
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton)
    assert widget.panel.status.text() == STRAY
    for name in ("cells", "Candidates", "Candidate names"):
        activate(widget, name)
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton)
        assert widget.panel.status.text() == STRAY
        widget._viewer.layers["Points"].visible = False  # in which napari lets nothing be drawn
        press(qtbot, widget, Key.Key_P)
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton)
        settle(qtbot, widget)
        assert len(session.proposals) == 1
        assert widget.panel.status.text() == ""
        press(qtbot, widget, Key.Key_Escape)
        for key, left in ((Key.Key_Escape, 0), (Key.Key_Return, 1), (Key.Key_1, 1)):
            point(qtbot, widget, 40, 50)
            activate(widget, name)
            press(qtbot, widget, key)
            assert session.proposals == ()
            assert len(session.objects) == left
            if left:
                press(qtbot, widget, Key.Key_Z, CONTROL)
                assert session.objects == ()
        press(qtbot, widget, Key.Key_Z, CONTROL | SHIFT)
        assert len(session.objects) == 1
        widget._viewer.cursor.position = next(iter(session.objects)).centre
        press(qtbot, widget, Key.Key_X)
        assert session.objects == ()
        press(qtbot, widget, Key.Key_B)
        assert widget._viewer.layers.selection.active.name == "Boxes"
    image = widget._viewer.layers["cells"]
    assert len(image.keymap) == len(DEFAULTS)
    widget.stop()
    settle(qtbot, widget)
    assert len(image.keymap) == 0


def test_keys_when_channels_are_mixed_then_act_on_every_layer_of_theirs(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    widget._viewer.add_image(np.zeros((120, 160), np.uint8), name="more")
    widget.panel.channels.how.setCurrentText("layers (2)")
    widget.start()
    settle(qtbot, widget)
    for name in ("cells", "more"):
        point(qtbot, widget, 40, 50)
        activate(widget, name)
        press(qtbot, widget, Key.Key_Escape)
        assert annotation_of(widget).session.proposals == ()


def test_enter_and_escape_when_the_labels_are_active_then_are_naparis_while_it_draws_and_other_keys_always(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    session = annotation_of(widget).session
    for mode, key, ours in (
        ("pan_zoom", Key.Key_Return, True),
        ("pan_zoom", Key.Key_Escape, True),
        ("paint", Key.Key_Return, True),
        ("paint", Key.Key_Escape, False),
        ("polygon", Key.Key_Return, False),
        ("polygon", Key.Key_Escape, False),
    ):
        point(qtbot, widget, 40, 50)
        labels = activate(widget, "cells cells")
        labels.mode = "polygon"
        labels.mode = mode
        press(qtbot, widget, key)
        assert (session.proposals == ()) is ours
        assert len(session.objects) == (ours and key == Key.Key_Return)
        press(qtbot, widget, Key.Key_Z, CONTROL)
        assert session.objects == ()
        labels.mode = "pan_zoom"
        press(qtbot, widget, Key.Key_Escape)
        assert session.proposals == ()
    labels = activate(widget, "cells cells")
    press(qtbot, widget, Key.Key_P)
    assert labels.mode == "paint"
    labels.mode = "pan_zoom"
    for commit, known in (("P", False), ("Enter", True)):
        annotation_of(widget).keyboard.use(Keymap.from_settings({"commit": commit, "points": "J"}))
        bound = {str(key) for key in labels.keymap}
        assert bound == {"Ctrl+Z", "Ctrl+Shift+Z", "Escape", *(["Enter"] if known else [])}
    widget.stop()
    settle(qtbot, widget)
    labels.mode = "polygon"
    labels.mode = "pan_zoom"
    assert len(labels.keymap) == 0
