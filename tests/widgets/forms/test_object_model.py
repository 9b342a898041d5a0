from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qtpy.QtCore import Qt

from napari_sam.session import Edit, Object
from napari_sam.session.classes import Classes
from napari_sam.widgets.forms.object_model import HEADERS, MANY, ObjectModel

ASCENDING, DESCENDING = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


def some(label: int, side: int = 4, plane: tuple[int, ...] = (), **known: Any) -> Object:
    return Object(label, plane, (0, 0), np.ones((side, side), bool), **known)


def shown(model: ObjectModel, column: str) -> list[str]:
    at = HEADERS.index(column)
    return [model.data(model.index(row, at)) for row in range(model.rowCount())]


@pytest.fixture
def model(qtmodeltester: Any, qapp: Any) -> Any:  # noqa: ARG001 (Qt has to be there)
    """Return a model that Qt's own tester has checked after the test."""
    model = ObjectModel()
    yield model
    qtmodeltester.check(model)


def test_objects_when_shown_then_each_is_a_row_with_what_is_known_of_it(model: ObjectModel) -> None:
    made = some(7, 3, (1, 2), category="axon", iou_prediction=0.876, level="cell", note="odd")
    model.fill([made, some(8)])
    assert [shown(model, column)[0] for column in HEADERS] == ["7", "axon", "9", "0.88", "1, 2", "cell"]
    assert [shown(model, column)[1] for column in HEADERS] == ["8", "", "16", "", "", ""]
    assert model.data(model.index(0, 0), Qt.ItemDataRole.ToolTipRole) == "<p>odd</p>"
    index = model.index(0, HEADERS.index("class"))  # which a narrow dock cuts off
    assert model.data(index, Qt.ItemDataRole.ToolTipRole) == "<p>axon: odd</p>"
    model.set_classes(Classes().add("axon"))
    colour = model.data(model.index(0, HEADERS.index("class")), Qt.ItemDataRole.DecorationRole)
    assert colour.name() == Classes().add("axon").colour("axon")


def test_a_column_when_sorted_by_then_by_value_and_what_is_unknown_first(model: ObjectModel) -> None:
    model.fill([some(1, 10, iou_prediction=0.5), some(2, 9), some(3, 2, iou_prediction=0.9)])
    model.sort(HEADERS.index("area"), ASCENDING)
    assert shown(model, "area") == ["4", "81", "100"]
    model.sort(HEADERS.index("IoU"), DESCENDING)
    assert shown(model, "id") == ["3", "1", "2"]


def test_an_edit_when_it_changes_a_row_in_place_then_only_that_row_is_told_of(
    model: ObjectModel, qtbot: Any
) -> None:
    first, second = some(1), some(2)
    model.fill([first, second])
    with qtbot.waitSignal(model.dataChanged) as told, qtbot.assertNotEmitted(model.rowsInserted):
        model.apply(Edit("describe", (second,), (some(2, category="axon"),)))
    assert [index.row() for index in told.args[:2]] == [1, 1]
    assert shown(model, "class") == ["", "axon"]


def test_an_edit_of_many_when_undone_then_the_table_is_as_before(model: ObjectModel) -> None:
    many = tuple(some(label) for label in range(1, MANY + 50))
    edit = Edit("commit", (), many)
    model.fill([some(1000)])
    model.apply(edit)
    assert model.rowCount() == len(many) + 1
    model.apply(edit.back)
    assert shown(model, "id") == ["1000"]


keys = st.tuples(st.integers(1, 9), st.sampled_from([(0,), (1,)]))
objects = st.dictionaries(
    keys, st.tuples(st.integers(1, 6), st.sampled_from(["", "axon", "glia"])), max_size=8
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(objects, st.lists(objects, max_size=6), st.integers(0, len(HEADERS) - 1), st.booleans())
def test_edits_one_after_the_other_then_the_table_is_what_sorting_all_objects_gives(
    qapp: Any,  # noqa: ARG001 (Qt has to be there)
    first: dict[Any, Any],
    later: list[dict[Any, Any]],
    column: int,
    descending: bool,
) -> None:
    def made(state: dict[Any, Any]) -> dict[Any, Object]:
        return {(i, p): some(i, side, p, category=name) for (i, p), (side, name) in state.items()}

    order = DESCENDING if descending else ASCENDING
    model = ObjectModel()
    model.sort(column, order)
    now = made(first)
    model.fill(now.values())
    for state in later:
        new = made(state)
        model.apply(Edit("any", tuple(now.values()), tuple(new.values())))
        now = new
        fresh = ObjectModel()
        fresh.fill(now.values())
        fresh.sort(column, order)
        assert [model.key(row) for row in range(model.rowCount())] == [
            fresh.key(row) for row in range(fresh.rowCount())
        ]
        assert all(model.key(model.row(key)) == key and key in model for key in now)
