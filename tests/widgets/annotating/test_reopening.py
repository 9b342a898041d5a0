"""Objects of a stack, reopened and left for another plane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_sam.widgets.annotator import AnnotatorWidget

from ..conftest import settle

Make = Callable[..., AnnotatorWidget]


def test_an_object_reopened_when_another_is_committed_in_another_plane_then_both_are_there(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(np.zeros((3, 120, 160), np.uint8))
    annotation = widget.annotation
    assert annotation is not None
    session, points = annotation.session, annotation.prompts.points
    labels = annotation.writer.labels

    def go(plane: int) -> None:
        widget._viewer.dims.set_current_step(0, plane)
        qtbot.waitUntil(lambda: session.ready, timeout=20_000)
        settle(qtbot, widget)

    def click(plane: int, row: int, col: int) -> None:
        points.add([plane, row, col])
        qtbot.waitUntil(lambda: bool(session.proposals), timeout=20_000)
        settle(qtbot, widget)

    go(0)
    click(0, 40, 40)
    annotation.commit()
    (first,) = session.objects
    annotation.editing.reopen()
    settle(qtbot, widget)
    assert session.reopened is first
    go(1)
    assert (session.reopened, session.proposals, len(points.data)) == (None, (), 0)
    click(1, 80, 100)
    annotation.commit()
    assert [each.key for each in session.objects] == [(1, (0,)), (2, (1,))]
    assert session.objects[0] is first
    assert [np.unique(plane).tolist() for plane in np.asarray(labels.data)] == [[0, 1], [0, 2], [0]]
    go(0)
    annotation.editing.reopen((1, (0,)))
    settle(qtbot, widget)
    annotation.commit(2)
    assert {each.key for each in session.objects} == {(1, (0,)), (2, (1,))}
    assert session.store[1, (0,)].choice == 2
