"""The queue of a batch as a table: which images wait, what became of the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from ..controls.tips import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_sam.automatic.batch.summary import Row

State = Literal["waiting", "running", "done", "failed"]
COLUMNS = ("Image", "State", "Objects", "Seconds", "Score")
NUMBERS = range(2, 5)
NOWHERE = QModelIndex()


@dataclass(frozen=True)
class Entry:
    """An image of the queue.

    Attributes
    ----------
    image : Path
    state : {"waiting", "running", "done", "failed"}
    parts : (int, int)
        How many parts of it are done, and how many there are; 0 of 0 while that is not known.
    row : Row, optional
        What became of it.
    labels : Path, optional
        Where its labels are.
    channel_axis : int, optional
        Of its channels, as it was segmented.
    """

    image: Path
    state: State = "waiting"
    parts: tuple[int, int] = (0, 0)
    row: Row | None = None
    labels: Path | None = None
    channel_axis: int | None = None

    @property
    def told(self) -> str:
        """The state for a person, with the reason of a failure, and what to know of the file."""
        if self.row is not None and (why := self.row.error or self.row.note):
            return f"{self.state}: {why}"
        done, total = self.parts
        return f"running, {done} of {total}" if self.state == "running" and total else self.state

    @property
    def cells(self) -> tuple[str, ...]:
        """The texts of the table's columns."""
        if self.row is None or self.row.error:
            return self.image.name, self.told, "", "", ""
        row = self.row
        return self.image.name, self.told, str(row.objects), f"{row.seconds:.1f}", f"{row.mean_score:.2f}"


class BatchTable(QAbstractTableModel):
    """Images in the order in which they were added, each once."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: list[Entry] = []
        self._places: dict[str, int] = {}

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries, from top to bottom."""
        return tuple(self._entries)

    @property
    def images(self) -> list[Path]:
        """All images, from top to bottom."""
        return [entry.image for entry in self._entries]

    def add(self, images: Iterable[Path]) -> int:
        """Let images wait that are not in the table, and return how many these are."""
        fresh = [image for image in dict.fromkeys(images) if str(image) not in self._places]
        if fresh:
            first = len(self._entries)
            self.beginInsertRows(NOWHERE, first, first + len(fresh) - 1)
            self._set([*self._entries, *map(Entry, fresh)])
            self.endInsertRows()
        return len(fresh)

    def remove(self, rows: Iterable[int]) -> None:
        """Take entries out; their files stay."""
        gone = set(rows)
        self.beginResetModel()
        self._set([entry for index, entry in enumerate(self._entries) if index not in gone])
        self.endResetModel()

    def _set(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._places = {str(entry.image): index for index, entry in enumerate(entries)}

    def wait(self, out: Path, *, anew: bool = False) -> None:
        """Let what has no labels in this folder wait again, or everything."""
        for index, entry in enumerate(self._entries):
            if anew or entry.labels is None or entry.labels.parent != out:
                self._entries[index] = Entry(entry.image)
        self._changed(range(len(self._entries)))

    def interrupt(self) -> None:
        """Let what was running wait again, because the batch has ended."""
        for index, entry in enumerate(self._entries):
            if entry.state == "running":
                self._entries[index] = Entry(entry.image)
        self._changed(range(len(self._entries)))

    def run(self, image: Path, done: int, total: int) -> None:
        """Show how far an image is."""
        self._replace(str(image), state="running", parts=(done, total))

    def finish(self, row: Row, labels: Path | None, channel_axis: int | None) -> None:
        """Show what became of an image, and remember where its labels are and how it was segmented."""
        state = "failed" if row.error else "done"
        self._replace(row.file, state=state, row=row, labels=labels, channel_axis=channel_axis)

    def _replace(self, file: str, **values: Any) -> None:
        """Change an entry, if the person has not taken it out meanwhile."""
        index = self._places.get(file)
        if index is not None:
            self._entries[index] = replace(self._entries[index], **values)
            self._changed((index,))

    def _changed(self, rows: Sequence[int]) -> None:
        if rows:
            self.dataChanged.emit(self.index(rows[0], 0), self.index(rows[-1], len(COLUMNS) - 1))

    def rowCount(self, parent: QModelIndex = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """Return the number of images."""
        return 0 if parent.isValid() else len(self._entries)

    def columnCount(self, parent: QModelIndex = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text, the whole path or sentence as its tip, or its alignment."""
        if not index.isValid():
            return None
        entry = self._entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.cells[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return wrapped(str(entry.image) if index.column() == 0 else entry.told)
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() in NUMBERS:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(  # noqa: N802 (Qt's name)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's name."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None
