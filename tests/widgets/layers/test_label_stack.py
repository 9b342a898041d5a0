"""Labels of stacks that memory would not hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
from napari.components import ViewerModel

from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.layers.label_stack import LabelStack
from napari_sam.widgets.layers.pyramid import labels_layer, new_pixels

HUGE = (500, 50, 2048, 2048)
Make = Callable[..., AnnotatorWidget]


def test_a_huge_stack_then_is_painted_by_napari_undone_and_redone() -> None:
    viewer = ViewerModel()
    layer = viewer.add_layer(labels_layer(new_pixels(HUGE), name="cells"))
    assert isinstance(layer.data, LabelStack)
    viewer.dims.set_current_step((0, 1), (499, 49))
    layer.data_setitem((np.array([499, 499]), np.array([49, 49]), np.array([7, 8]), np.array([9, 9])), 3)
    layer.selected_label, layer.brush_size = 5, 9
    layer.paint((499, 49, 1000, 1000), 5)
    assert layer.data[499, 49, 7, 9] == 3
    assert layer.data[499, 49, 1000, 1003] == 5
    assert np.max(layer.data) == 5
    layer.undo()
    assert not layer.data[499, 49, 990:1010, 990:1010].any()
    assert layer.data[499, 49, 7, 9] == 3
    layer.redo()
    assert layer.data[499, 49, 1000, 1003] == 5


def test_a_lazy_movie_of_volumes_larger_than_memory_then_is_annotated_painted_and_gone_on_with(
    make_annotator: Make, qtbot: Any
) -> None:
    movie = da.full(HUGE, 7, chunks=(1, 1, 2048, 2048), dtype=np.uint16)
    widget = make_annotator(movie, contrast_limits=(0, 20))
    annotation = widget.annotation
    assert annotation is not None
    plane = annotation.seeing.plane
    annotation.prompts.points.add([(*plane, 1000, 1000)])
    qtbot.waitUntil(lambda: bool(annotation.session.proposals), timeout=20_000)
    annotation.commit()
    labels = annotation.writer.labels
    labels.paint((*plane, 1020, 1000), 1)
    (each,) = annotation.session.objects
    assert each.plane == plane
    assert labels.data[(*plane, 1000, 1000)] == 1
    annotation.editing.undo()
    annotation.editing.undo()
    assert not labels.data[(*plane, slice(900, 1100), slice(900, 1100))].any()
    annotation.editing.redo()
    widget.stop()
    widget.start()
    qtbot.waitUntil(lambda: not widget.jobs.busy, timeout=20_000)
    assert widget.annotation is not None
    assert [each.id for each in widget.annotation.session.objects] == [1]
    assert widget.annotation.session.next_id == 2
