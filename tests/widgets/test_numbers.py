"""How far labels can count, and how they are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from napari_sam.session import Edit
from napari_sam.widgets.annotator import AnnotatorWidget

from .conftest import IMAGE, prompt, settle

Make = Callable[..., AnnotatorWidget]


def start_on(widget: AnnotatorWidget, qtbot: Any, highest: int) -> Any:
    """Annotate labels of uint8 that go up to a number."""
    labels = np.zeros(IMAGE.shape, np.uint8)
    labels[:5, :5] = highest
    widget._viewer.add_labels(labels, name="given")
    widget.panel.labels.setCurrentText("given")
    widget.start()
    settle(qtbot, widget)
    return widget.annotation


def test_the_highest_label_of_a_dtype_then_is_given_once_and_its_object_can_be_committed_again(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    annotation = start_on(widget, qtbot, 254)
    prompt(widget, qtbot, 40, 50)
    annotation.commit(0)
    assert "Committed label 255." in widget.panel.status.text()
    assert annotation.writer.labels.data[40, 50] == 255
    prompt(widget, qtbot, 80, 100)
    annotation.commit()
    assert "cannot count beyond 255" in widget.panel.status.text()
    assert annotation.writer.labels.data[80, 100] == 0
    annotation.clear()
    before = annotation.session.objects[-1].area
    annotation.editing.reopen((255, ()))
    settle(qtbot, widget)
    annotation.commit(2)
    assert "Committed label 255." in widget.panel.status.text()
    assert annotation.session.objects[-1].id == 255
    assert annotation.session.objects[-1].area != before


def test_proposals_when_as_many_labels_are_free_then_are_accepted_together(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    annotation = start_on(widget, qtbot, 253)
    reviewing = widget.reviewing
    assert reviewing is not None
    prompt(widget, qtbot, 40, 50)
    annotation.commit()
    (made,) = [each for each in annotation.session.objects if each.id == 254]
    found = [replace(made, id=number, origin=(60, col)) for number, col in ((1, 20), (2, 100))]
    reviewing.review.put(Edit("find", (), (found[0],)))
    reviewing.accept_all()
    assert "Accepted 1 label" in widget.panel.status.text()
    assert annotation.session.next_id == 256
    reviewing.review.put(Edit("find", (), (found[1],)))
    reviewing.accept_all()
    assert "cannot count beyond 255" in widget.panel.status.text()


def test_labels_of_a_stack_when_counted_then_each_is_one_however_many_planes_it_has(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(np.zeros((4, *IMAGE.shape), np.uint8))
    annotation = widget.annotation
    assert annotation is not None
    place = widget._viewer.dims.current_step[0]
    prompt(widget, qtbot, place, 40, 50)
    annotation.commit()
    (first,) = annotation.session.objects
    others = tuple(replace(first, plane=(each,)) for each in range(4) if each != place)
    annotation.session.put("track", (), others)
    prompt(widget, qtbot, place, 80, 100)
    annotation.commit()
    assert len(annotation.session.objects) == 5
    assert widget.panel.status.text() == "Committed label 2. 2 so far."
