"""What works when napari opens the dock itself, and gives it the viewer in a wrapper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.utils._proxies import PublicOnlyProxy
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks

from napari_sam import weights
from napari_sam.session import Object
from napari_sam.weights import LoadedModel
from napari_sam.widgets.annotator import AnnotatorWidget


class Press:
    """A mouse event as napari's callbacks take it."""

    def __init__(self, world: Any) -> None:
        self.position, self.modifiers, self.pos = tuple(world), (), np.zeros(2)
        self.type, self.handled, self.button = "mouse_press", False, 1
        self.view_direction, self.dims_displayed = None, [0, 1]


@pytest.fixture
def opened(make_napari_viewer: Any, qtbot: Any, discs: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Yield a viewer with an image, and the dock as napari opens it."""
    monkeypatch.setattr(weights, "load_model", lambda *_, **__: discs)
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((120, 160), np.uint8), name="cells")
    widget = AnnotatorWidget(PublicOnlyProxy(viewer))
    viewer.window.add_dock_widget(widget, name="Segment Anything")
    qtbot.waitUntil(lambda: not widget.jobs.busy, timeout=20_000)
    yield viewer, widget
    widget.stop()
    widget.jobs.close()


def test_a_single_grey_image_when_chosen_then_no_channels_are_offered(opened: Any) -> None:
    _, widget = opened
    assert widget.panel.channels.isHidden()


def test_a_click_in_the_labels_layer_when_it_pans_then_selects_the_object(opened: Any, qtbot: Any) -> None:
    viewer, widget = opened
    widget.start()
    qtbot.waitUntil(lambda: not widget.jobs.busy, timeout=20_000)
    session, labels = widget.annotation.session, viewer.layers["cells cells"]
    session.adopt([Object(1, (), (10, 10), np.ones((10, 10), bool))])
    viewer.layers.selection.active = labels
    labels.mode = "pan_zoom"
    event = Press(labels.data_to_world((15, 15)))
    mouse_press_callbacks(viewer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(viewer, event)
    assert widget.annotation.editing.selection.keys == ((1, ()),)
