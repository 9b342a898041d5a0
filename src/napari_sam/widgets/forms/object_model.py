"""The table of committed objects as Qt's views take it, kept up to date row by row."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor

from napari_sam.session.classes import Classes

from ..controls.tips import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_sam.session import Edit, Key, Object

HEADERS = ("id", "class", "area", "IoU", "plane", "level")
TIPS = (
    "The label that the object has in the Labels layer",
    "The class that you gave it",
    "Its pixels, also those that another object hides",
    "How good the model thinks its mask is; empty for what was made by hand",
    "Where it is on the sliders",
    "What the chosen candidate was called by its size",
)
CLASS = HEADERS.index("class")
MANY = 200
"""Edits of more objects lay the table out anew, which is quicker than row by row."""
Row = tuple[Any, ...]


class _Place(NamedTuple):
    """What rows are sorted by; the key settles ties, so that no two are the same."""

    value: Any
    key: Key


class ObjectModel(QAbstractTableModel):
    """One row an object, in order of one column.

    A change costs what it changes, and a search among the rows, which are sorted.
    """

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._rows: dict[Key, Row] = {}
        self._notes: dict[Key, str] = {}
        self._order: list[_Place] = []
        self._column, self._descending = 0, False
        self._classes = Classes()

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 (Qt's name)
        """Return how many objects there are."""
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 (Qt's name)
        """Return how many columns there are."""
        return 0 if parent is not None and parent.isValid() else len(HEADERS)

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:  # noqa: N802 (Qt's name)
        """Return a column's title or what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        return TIPS[section] if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """Return what a cell shows, its class's colour, or its note."""
        key = self.key(index.row())
        value = self._rows[key][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _written(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and not isinstance(value, str):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role == Qt.ItemDataRole.DecorationRole and index.column() == CLASS and value:
            return QColor(self._classes.colour(value))
        if role == Qt.ItemDataRole.ToolTipRole:
            shown = (str(value) if index.column() == CLASS else "", self._notes.get(key))
            return wrapped(": ".join(filter(None, shown))) or None
        return None

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        self.layoutAboutToBeChanged.emit()
        kept = [(index, self.key(index.row())) for index in self.persistentIndexList()]
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._lay_out()
        for index, key in kept:
            self.changePersistentIndex(index, self.index(self.row(key), index.column()))
        self.layoutChanged.emit()

    def key(self, row: int) -> Key:
        """Return the object of a row."""
        return self._order[self._turned(row)].key

    def row(self, key: Key) -> int:
        """Return the row of an object.

        Raises
        ------
        KeyError
            If there is none.
        """
        return self._turned(bisect_left(self._order, self._place(key)))

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def set_classes(self, classes: Classes) -> None:
        """Show other colours."""
        self._classes = classes
        if self._order:
            self.dataChanged.emit(self.index(0, CLASS), self.index(len(self._order) - 1, CLASS))

    def fill(self, objects: Iterable[Object]) -> None:
        """Show these objects and no others."""
        self.beginResetModel()
        self._rows, self._notes = {}, {}
        for each in objects:
            self._note(each)
        self._lay_out()
        self.endResetModel()

    def apply(self, edit: Edit) -> bool:
        """Take out what an edit takes, and put in what it brings; say whether rows moved."""
        after = {each.key for each in edit.after}
        gone = [each.key for each in edit.before if each.key not in after]
        if not gone and all(map(self._stays, edit.after)):
            self._update(edit.after)
            return False
        if len(gone) + len(after) > MANY:
            self._apply_many(edit, gone)
            return True
        for key in gone:
            self._take(key)
        for each in edit.after:
            self._take(each.key)
            self._put(each)
        return True

    def _stays(self, each: Object) -> bool:
        """Say whether a changed object keeps its row."""
        row = self._rows.get(each.key)
        return row is not None and bool(row[self._column] == _row(each)[self._column])

    def _update(self, objects: Sequence[Object]) -> None:
        """Show objects that keep their rows."""
        for each in objects:
            self._note(each)
        rows = [self.row(each.key) for each in objects] if len(objects) <= MANY else [0, len(self._order) - 1]
        if rows:
            self.dataChanged.emit(self.index(min(rows), 0), self.index(max(rows), len(HEADERS) - 1))

    def _apply_many(self, edit: Edit, gone: list[Key]) -> None:
        self.beginResetModel()
        for key in gone:
            self._rows.pop(key, None)
            self._notes.pop(key, None)
        for each in edit.after:
            self._note(each)
        self._lay_out()
        self.endResetModel()

    def _take(self, key: Key) -> None:
        if key not in self._rows:
            return
        row = self.row(key)
        self.beginRemoveRows(QModelIndex(), row, row)
        del self._order[self._turned(row)]
        del self._rows[key]
        self._notes.pop(key, None)
        self.endRemoveRows()

    def _put(self, each: Object) -> None:
        self._note(each)
        place = self._place(each.key)
        at = bisect_left(self._order, place)
        row = len(self._order) - at if self._descending else at
        self.beginInsertRows(QModelIndex(), row, row)
        self._order.insert(at, place)
        self.endInsertRows()

    def _note(self, each: Object) -> None:
        self._rows[each.key] = _row(each)
        self._notes[each.key] = each.note

    def _lay_out(self) -> None:
        self._order = sorted(map(self._place, self._rows))

    def _place(self, key: Key) -> _Place:
        return _Place(_sortable(self._rows[key][self._column]), key)

    def _turned(self, row: int) -> int:
        """Turn a row into its place in the ascending order, and the other way round."""
        return len(self._order) - 1 - row if self._descending else row


def _row(each: Object) -> Row:
    """Return the cells of an object, in order of `HEADERS`."""
    return each.id, each.category, each.area, each.iou_prediction, each.plane, each.level


def _sortable(value: Any) -> Any:
    """Return a value that compares with all others of its column."""
    return -1.0 if value is None else value


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{min(max(value, 0), 1):.2f}"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
