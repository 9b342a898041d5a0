from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtCore import QLocale, Qt
from qtpy.QtWidgets import QLineEdit

from napari_sam.widgets.forms.segment_all import SegmentAll


@pytest.fixture
def german() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale("de_DE"))
    yield
    QLocale.setDefault(before)


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize("typed", ["0,4", "0.4"])
def test_a_sliders_number_when_typed_in_german_then_may_have_a_comma_or_a_point(
    qtbot: Any, typed: str
) -> None:
    section = SegmentAll()
    qtbot.addWidget(section)
    section.setEnabled(True)
    field = section.score.findChild(QLineEdit)
    field.selectAll()
    qtbot.keyClicks(field, typed)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert section.score.value() == 0.4
