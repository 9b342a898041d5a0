"""A click that is answered before it is made, in a real viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_sam.widgets.annotator import AnnotatorWidget

from ..prompts.test_choosing import Pointer, running

Make = Callable[..., AnnotatorWidget]
pytestmark = pytest.mark.shown


def decoded(widget: AnnotatorWidget) -> list[int]:
    """Count from now on how many times the network decodes."""
    part = running(widget).part
    assert part is not None
    sam, counted = part.predictor.model.sam, []
    decode = sam.decode

    def counting(*args: Any, **options: Any) -> Any:
        counted.append(1)
        return decode(*args, **options)

    sam.decode = counting  # type: ignore[method-assign]
    return counted


def rest(qtbot: Any, widget: AnnotatorWidget, row: float, col: float) -> Pointer:
    """Move the pointer somewhere, and wait until what it may ask for is answered."""
    pointer = Pointer(qtbot, widget)
    pointer.move(row, col)
    foreseeing = running(widget)._foreseeing
    qtbot.waitUntil(
        lambda: foreseeing._latest is not None and foreseeing._latest.answer.done(), timeout=20_000
    )
    return pointer


def test_click_where_the_pointer_rested_then_the_network_is_not_asked_again_nor_for_what_is_no_first_point(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    pointer = rest(qtbot, widget, 50, 60)
    assert not running(widget).session.proposals  # nothing is shown before the click
    counted = decoded(widget)
    pointer.click(50, 60)
    [proposal] = running(widget).session.proposals
    assert not counted
    asked = running(widget).session.answer([proposal.prompts])[0].candidates
    for item, other in zip(proposal.candidates.items, asked.items, strict=True):
        np.testing.assert_array_equal(item.mask, other.mask)
    counted.clear()
    pointer.move(70, 60)  # there is a prompt already
    qtbot.wait(200)
    running(widget).clear()
    running(widget).prompts.positive = False
    pointer.move(40, 90)
    qtbot.wait(200)
    running(widget).prompts.positive = True
    running(widget).prompts.use_boxes()
    pointer.move(60, 90)
    qtbot.wait(200)
    assert not counted


def test_click_elsewhere_then_it_is_answered_for_where_it_is_and_after_stop_nothing_comes(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    pointer = rest(qtbot, widget, 50, 60)
    pointer.click(80, 100)
    [proposal] = running(widget).session.proposals
    np.testing.assert_allclose(proposal.prompts.positions, [[80, 100]], atol=1)
    chosen = proposal.chosen(None)
    rows, cols = np.nonzero(chosen.mask)
    middle = np.array([rows.mean(), cols.mean()]) + chosen.origin
    np.testing.assert_allclose(middle, [80, 100], atol=1.5)
    running(widget).clear()
    pointer.move(50, 60)
    widget.stop()
    qtbot.wait(200)
    assert widget.annotation is None
    pointer.move(60, 60)  # nobody listens any more
    qtbot.wait(200)
