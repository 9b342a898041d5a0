"""What the pages call buttons, fields, menus and keys is what they are called, and the reference has all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QAbstractButton, QLabel, QTabWidget, QWidget
from superqt import QCollapsible

from napari_sam.automatic.thresholds import THRESHOLDS
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.batch.batch import BatchWidget
from napari_sam.widgets.keys.keymap import DEFAULTS

from .conftest import settle

Make = Callable[..., AnnotatorWidget]

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference" / "dock.md"
PAGES = [DOCS.parent / "README.md", DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md")), REFERENCE]
HELD = {"Ctrl", "Alt", "Shift"}
"""Keys that are held while one clicks or turns the wheel."""
IN_TABLE = {"Ctrl+A", "Del"}
"""Keys that are only for the table of objects."""


BOLD, KEY = r"\*\*([^*]+)\*\*", r"<kbd>([^<]+)</kbd>"


def named(pattern: str, pages: Sequence[Path] = PAGES) -> dict[str, str]:
    """Return what the pages name in a way, and the page of each name."""
    found = {
        name: page.name for page in pages for name in re.findall(pattern, page.read_text(encoding="utf-8"))
    }
    assert len(found) > 25
    return found


def texts(widget: QWidget) -> Iterator[str]:
    """Yield what is written on a widget's parts, without numbers and keys, which change."""
    for kind in (QAbstractButton, QLabel, QCollapsible):
        yield from (re.sub(r" ?\d+| \(.\)$", "", part.text()) for part in widget.findChildren(kind))
    for tabs in widget.findChildren(QTabWidget):
        yield from (tabs.tabText(index) for index in range(tabs.count()))


def test_a_button_in_the_pages_then_is_there_and_a_key_does_something(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(start=False)
    batch = BatchWidget(widget._viewer)
    qtbot.waitUntil(lambda: not batch.opening.busy, timeout=20_000)
    found = {*texts(widget), *texts(batch)}
    panel = widget.panel
    panel.set_running(True)
    panel.set_pending(4)
    panel.segment_all.set_counts(27, 15, 3)
    for offered in THRESHOLDS.values():
        panel.segment_all.set_thresholds(offered, {each.name: each.least for each in offered})
        found |= set(texts(widget))
    missing = {name: page for name, page in named(BOLD).items() if re.sub(r" ?\d+", "", name) not in found}
    assert missing == {}
    told = {re.sub(r" ?\d+", "", name) for name in named(BOLD, [REFERENCE])}
    buttons = {part.text() for dock in (widget, batch) for part in dock.findChildren(QAbstractButton)}
    assert {text for each in buttons if (text := re.sub(r" ?\d+| \(.\)$", "", each))} <= told
    batch.jobs.close()
    batch.opening.close()

    panel.set_running(False)
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None
    bound = {
        str(key).replace("Return", "Enter").replace("Escape", "Esc")
        for key in widget.annotation.prompts.points.keymap
    }
    known = bound | HELD | IN_TABLE
    assert {key.replace("Escape", "Esc") for key in DEFAULTS.values()} <= named(KEY, [REFERENCE]).keys()
    assert {key: page for key, page in named(KEY).items() if key not in known} == {}
