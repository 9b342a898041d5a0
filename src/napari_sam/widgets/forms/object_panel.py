"""The dock's page of committed objects: their table, and what can be done to the selected ones."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QItemSelection, QItemSelectionModel, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_sam.errors import KeymapError

from ..controls.buttons import button
from ..controls.tab_order import tab_as_seen
from ..controls.tips import name_keys
from ..keys.keymap import Keymap
from ..keys.pressed import key_of
from .class_list import ClassList
from .object_model import CLASS, HEADERS, ObjectModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from qtpy.QtGui import QKeyEvent

    from napari_sam.session import Edit, Key, Object

ACTIONS = (
    ("reopen", "Reopen", "Choose again, or refine with points, from the prompts that made it"),
    ("delete", "Delete", "Take the objects away"),
    ("merge", "Merge", "Make one object of several, with the first one's label and class"),
    ("split", "Split", "Cut an object in two: click on its two parts, then press this"),
    ("fill_holes", "Fill holes", "Fill what lies inside an object"),
    ("smooth", "Smooth", "Round off what is narrower than 2 pixels"),
    ("remove_specks", "No specks", "Take away parts that are much smaller than the largest one"),
    ("undo", "Undo", "Take back the last edit"),
    ("redo", "Redo", "Bring back the last edit that was taken back"),
)
"""What can be asked for: its name, which is that of a key too, its button, and what it does."""
ALWAYS = {"Delete": "delete", "Backspace": "delete"}
"""What these keys do in the table, unless they are given to something else."""
NEEDED = {"delete": 1, "merge": 2, "fill_holes": 1, "smooth": 1, "remove_specks": 1, "reopen": 1}
"""As many selected objects at the least."""
MARGIN = 5
WIDTHS = (34, 54, 46, 38, 44, 56)
"""Of the columns, in pixels; together they fit a dock of 300 pixels with its bars."""
OVERLAPS = ("older ones on top", "newest on top")
COLUMNS_OF_BUTTONS = 3


class _Table(QTableView):
    """A table that tells of keys which mean something, instead of searching for a row by their letter."""

    asked = Signal(str)
    keys: Mapping[str, str] = ALWAYS

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Ask for what a key does, or let the table have it."""
        key = ""
        with suppress(KeymapError):  # which means nothing here
            key = "" if event is None else key_of(event)
        if key in self.keys:
            self.asked.emit(self.keys[key])
        else:
            super().keyPressEvent(event)


class ObjectPanel(QWidget):
    """Setters for what is shown, signals for what was asked.

    Signals
    -------
    selected : list of (id, plane)
        The person selected these in the table.
    opened : (id, plane)
        A row was double-clicked.
    asked : str
        One of the names in `ACTIONS`.
    note_written : str
        For the selected objects.
    newest_asked, colours_asked : bool
        Whether the newest object is on top; whether labels have the colours of their classes.
    save_asked
        All objects are to be written into a file.
    """

    selected = Signal(list)
    opened = Signal(tuple)
    asked = Signal(str)
    note_written = Signal(str)
    newest_asked = Signal(bool)
    colours_asked = Signal(bool)
    save_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = ObjectModel(self)
        self._quiet = False
        self._note = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.addWidget(self._build_table(), 1)
        layout.addLayout(self._build_buttons())
        layout.addLayout(self._build_form())
        self.classes = ClassList(self)
        layout.addWidget(self.classes)
        self.colours = QCheckBox("colour labels by class", self)
        self.colours.setToolTip("Show every label in the colour of its class, and grey without one")
        self.colours.toggled.connect(self.colours_asked)
        self.save = button(
            self, "Save…", "Write all objects into a file, in the format of its ending", self.save_asked.emit
        )
        last = QHBoxLayout()
        last.addWidget(self.colours, 1)
        last.addWidget(self.save)
        layout.addLayout(last)
        self.set_keymap(Keymap())
        self.set_selection(())
        tab_as_seen(self)

    def _build_table(self) -> _Table:
        table = self.table = _Table(self)
        # a key does in the table what it does on the image
        table.asked.connect(lambda name: self.buttons[name].click())
        table.setModel(self.model)
        self._chosen = QItemSelectionModel(self.model, table)
        table.setSelectionModel(self._chosen)
        table.setAccessibleName("Objects")
        table.setToolTip("Click to go to an object, double-click to reopen it")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setMinimumHeight(120)
        table.setTabKeyNavigation(False)  # or nobody gets out of it again
        table.setWordWrap(False)
        across, down = QHeaderView(Qt.Orientation.Horizontal), QHeaderView(Qt.Orientation.Vertical)
        table.setHorizontalHeader(across)
        table.setVerticalHeader(down)
        down.hide()
        # of one height, so that the view measures none of thousands
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.setDefaultSectionSize(table.fontMetrics().lineSpacing() + 6)
        across.setSectionsClickable(True)
        across.setMinimumSectionSize(30)
        for column, width in enumerate(WIDTHS):
            table.setColumnWidth(column, width)
        across.setSectionResizeMode(CLASS, QHeaderView.ResizeMode.Stretch)
        table.setSortingEnabled(True)
        table.sortByColumn(HEADERS.index("id"), Qt.SortOrder.AscendingOrder)
        self._chosen.selectionChanged.connect(self._selection_changed)
        table.doubleClicked.connect(lambda index: self.opened.emit(self.model.key(index.row())))
        return table

    def _build_buttons(self) -> QGridLayout:
        grid = QGridLayout()
        self.buttons: dict[str, QPushButton] = {}
        for number, (name, title, tip) in enumerate(ACTIONS):
            self.buttons[name] = button(self, title, tip, partial(self.asked.emit, name), name)
            grid.addWidget(self.buttons[name], *divmod(number, COLUMNS_OF_BUTTONS))
        return grid

    def set_keymap(self, keymap: Keymap) -> None:
        """Listen to other keys in the table, and name them in tooltips."""
        self.table.keys = {**ALWAYS, **{keymap[name]: name for name, *_ in ACTIONS if keymap[name]}}
        name_keys(self, keymap)

    def _build_form(self) -> QFormLayout:
        form = QFormLayout()
        self.note = QLineEdit(self)
        self.note.setAccessibleName("Note")
        self.note.setToolTip("What you want to remember of the selected objects; Enter keeps it")
        self.note.editingFinished.connect(self._write_note)
        self.overlaps = QComboBox(self)
        self.overlaps.addItems(OVERLAPS)
        self.overlaps.setAccessibleName("Overlaps")
        self.overlaps.setToolTip("Which object is seen where two overlap; both keep their whole masks")
        self.overlaps.currentIndexChanged.connect(lambda index: self.newest_asked.emit(bool(index)))
        form.addRow("Note", self.note)
        form.addRow("Overlaps", self.overlaps)
        return form

    def set_stack(self, *, stack: bool) -> None:
        """Tell in which plane objects are, or leave that out where there is only one."""
        self.table.setColumnHidden(HEADERS.index("plane"), not stack)

    def fill(self, objects: Iterable[Object]) -> None:
        """Show these objects and no others."""
        with self._silence():
            self.model.fill(objects)

    def apply(self, edit: Edit) -> bool:
        """Show what an edit changes; say whether rows moved."""
        with self._silence():
            return self.model.apply(edit)

    def select(self, keys: Iterable[Key]) -> None:
        """Select these rows, and no others, and scroll to the first of them."""
        rows = sorted(self.model.row(key) for key in keys if key in self.model)
        chosen = QItemSelection()
        for first, last in _spans(rows):
            chosen.select(self.model.index(first, 0), self.model.index(last, len(HEADERS) - 1))
        with self._silence():
            self._chosen.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if rows:
            self.table.scrollTo(self.model.index(rows[0], 0))

    def set_selection(self, objects: Sequence[Object]) -> None:
        """Show what can be done to the selected objects, and their note if they share one."""
        for name, needed in NEEDED.items():
            self.buttons[name].setEnabled(len(objects) >= needed)
        self.classes.assign.setEnabled(bool(objects))
        notes = {each.note for each in objects}
        self._note = notes.pop() if len(notes) == 1 else ""
        with QSignalBlocker(self.note):
            self.note.setText(self._note)
            self.note.setEnabled(bool(objects))

    def set_newest(self, newest: bool) -> None:
        """Show which objects are on top."""
        with QSignalBlocker(self.overlaps):
            self.overlaps.setCurrentIndex(int(newest))

    def set_coloured(self, coloured: bool) -> None:
        """Show whether labels have the colours of their classes."""
        with QSignalBlocker(self.colours):
            self.colours.setChecked(coloured)

    def _selection_changed(self) -> None:
        if not self._quiet:
            # whole rows are selected; asking for them one by one takes long for thousands
            chosen = self._chosen.selection()
            spans = {(chosen[i].top(), chosen[i].bottom()) for i in range(len(chosen))}
            rows = {row for first, last in spans for row in range(first, last + 1)}
            self.selected.emit([self.model.key(row) for row in sorted(rows)])

    def _write_note(self) -> None:
        if self.note.text() != self._note:
            self._note = self.note.text()
            self.note_written.emit(self._note)

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """Take no change of the table's selection for the person's."""
        quiet, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = quiet


def _spans(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last of each run of consecutive numbers: a selection of runs is quick."""
    spans: list[tuple[int, int]] = []
    for row in rows:
        if spans and row == spans[-1][1] + 1:
            spans[-1] = spans[-1][0], row
        else:
            spans.append((row, row))
    return spans
