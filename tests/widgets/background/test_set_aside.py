"""What Python's garbage collection leaves alone from Start on, and what it sees again."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from napari_sam.widgets.annotator import AnnotatorWidget

Make = Callable[..., AnnotatorWidget]


class Ring:
    """An object that only garbage collection can remove."""

    def __init__(self) -> None:
        self.me = self


def test_start_then_sets_aside_what_there_is_and_the_closed_dock_brings_it_back(make_annotator: Make) -> None:
    gc.unfreeze()
    widget = make_annotator(start=False)
    assert gc.get_freeze_count() == 0
    widget.start()
    assert gc.get_freeze_count() > 10_000
    widget.stop()
    assert gc.get_freeze_count() > 10_000  # for the next start; the layers that went are younger
    widget._viewer.window.remove_dock_widget(widget.parent())
    assert gc.get_freeze_count() == 0


def test_a_layer_that_was_set_aside_when_removed_then_its_garbage_is_found(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    other = widget._viewer.add_image(np.zeros((120, 160), np.uint8), name="other")
    ring = weakref.ref(Ring())
    widget.start()
    qtbot.waitUntil(lambda: not widget.jobs.busy, timeout=20_000)
    gc.collect()
    assert ring() is not None
    widget._viewer.layers.remove(other)
    gc.collect()
    assert ring() is None
