"""The form of a batch: what is to be segmented, with what and where to; nothing of models or files."""

from __future__ import annotations

from qtpy.QtCore import QMimeData, QSize, Qt, Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ..controls.buttons import NARROWEST, button, narrow
from ..controls.progress_bar import ProgressBar
from ..controls.tab_order import tab_as_seen
from ..controls.telling import tell
from ..forms.model_choice import ModelAndDevice
from .table import NUMBERS, BatchTable

CHANNELS: dict[str, int | None] = {"none, or RGB": None, "first axis": 0, "last axis": -1}
THRESHOLDS = {"default": False, "as last in Segment all": True}
WIDTH = 420
"""Pixels that the dock asks for."""
STATE = 64
"""Pixels of a column at the least: "waiting" can be read in it."""


class _Table(QTableView):
    """A table in which Enter does what a double-click does."""

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Take Enter for a double-click on the current row, or let the table have the key."""
        here, enter = self.currentIndex(), (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event is not None and event.key() in enter and here.isValid():
            self.doubleClicked.emit(here)
        else:
            super().keyPressEvent(event)


class BatchPanel(QWidget):
    """Setters for what is shown, signals for what was asked.

    Signals
    -------
    files_asked, folder_asked, out_asked, remove_asked, start_asked, cancel_asked
        A button was pressed.
    named : list of str
        Files, folders or patterns were typed or dropped.
    opened : int
        A row of the table was double-clicked.

    Parameters
    ----------
    table : BatchTable
    """

    files_asked = Signal()
    folder_asked = Signal()
    out_asked = Signal()
    remove_asked = Signal()
    start_asked = Signal()
    cancel_asked = Signal()
    named = Signal(list)
    opened = Signal(int)

    def __init__(self, table: BatchTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pattern, self.out, self.cluster = QLineEdit(self), QLineEdit(self), QLineEdit(self)
        self.computing, self.channels = ModelAndDevice(self), QComboBox(self)
        self.thresholds = QComboBox(self)
        self.thresholds.addItems(list(THRESHOLDS))
        self.model, self.device = self.computing.model, self.computing.device
        self.channels.addItems(list(CHANNELS))
        self.seen = QLineEdit(self)
        self.seen.setPlaceholderText("all, or 0, 2")
        self.anew = QCheckBox("Begin anew what is there", self)
        self.anew.setToolTip("Segment all images again and write over their labels; else finished ones stay")
        self.status = QLabel(self)
        self.status.setWordWrap(True)
        self.status.setAccessibleName("Messages")
        self.table = self._build_table(table)
        self._build()
        tab_as_seen(self)
        self.setAcceptDrops(True)
        # or else napari leaves the room below the dock empty
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.set_running(False)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 (Qt's name)
        """Take files that are dragged here from elsewhere."""
        if _names(event.mimeData()) and self.start.isEnabled():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 (Qt's name)
        """Ask for dropped files and folders to be added."""
        event.acceptProposedAction()
        self.named.emit(_names(event.mimeData()))

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Ask for a dock that shows all columns."""
        return QSize(WIDTH, super().sizeHint().height())

    def _build_table(self, table: BatchTable) -> QTableView:
        view = _Table(self)
        view.setModel(table)
        view.setAccessibleName("Images and what became of them")
        view.setToolTip("Double-click an image, or press Enter, to see it with its labels")
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setTabKeyNavigation(False)  # or nobody gets out of it again
        view.setWordWrap(False)
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names of a series differ at their ends
        columns, rows = (
            QHeaderView(each, view) for each in (Qt.Orientation.Horizontal, Qt.Orientation.Vertical)
        )
        view.setHorizontalHeader(columns)
        view.setVerticalHeader(rows)
        rows.hide()
        columns.setMinimumSectionSize(STATE)
        columns.setResizeContentsPrecision(0)  # by the rows in view: each change would measure a thousand
        columns.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        for column in NUMBERS:
            columns.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        view.doubleClicked.connect(lambda index: self.opened.emit(index.row()))
        return view

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.addLayout(self._build_adding())
        layout.addWidget(self.pattern)
        layout.addWidget(self.table, 1)
        layout.addLayout(self._build_form())
        layout.addWidget(self.anew)
        layout.addLayout(self._build_actions())
        layout.addWidget(self.status)

    def _build_adding(self) -> QHBoxLayout:
        self._adding: list[QWidget] = [
            button(self, "Files…", "Add images", self.files_asked.emit),
            button(self, "Folder…", "Add the images of a folder", self.folder_asked.emit),
            button(
                self, "Remove", "Take the selected rows out of the list; files stay", self.remove_asked.emit
            ),
        ]
        self.pattern.setPlaceholderText("plate1/*_dapi.tif, Enter")
        self.pattern.setToolTip("A file, a folder or a pattern, and Enter adds its images")
        self.pattern.setAccessibleName("Pattern of images")
        self.pattern.returnPressed.connect(lambda: self.named.emit([self.pattern.text()]))
        row = QHBoxLayout()
        for each in self._adding:
            row.addWidget(each)
        self._adding.append(self.pattern)
        return row

    def _build_form(self) -> QFormLayout:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        choose = button(self, "Choose…", "Choose the folder of labels", self.out_asked.emit)
        out = QHBoxLayout()
        self.out.setMinimumWidth(NARROWEST)
        out.addWidget(self.out, 1)
        out.addWidget(choose)
        self.cluster.setPlaceholderText("none: this computer")
        tips = (
            (
                "Labels into",
                self.out,
                "A folder, made if it is not there; also for summary.csv and sheet.png",
            ),
            ("Model", self.model, "cell-tiny comes with the plugin; others are downloaded when first used"),
            ("Device", self.device, "auto takes a graphics card where there is one"),
            ("Channels", self.channels, "The axis of channels in images that have some"),
            ("Only channels", self.seen, "Those that the model sees; the first is 0. Empty for all"),
            (
                "Thresholds",
                self.thresholds,
                "Those that an image was searched with in the other dock, or not",
            ),
            ("Cluster", self.cluster, "The address of a dask scheduler, such as tcp://login1:8786"),
        )
        for title, field, tip in tips:
            field.setToolTip(tip)
            field.setAccessibleName(title)
            if isinstance(field, QComboBox):
                narrow(field)
            form.addRow(title, out if field is self.out else field)
        self._fields = [*(field for _, field, _ in tips), choose, self.anew]
        return form

    def _build_actions(self) -> QHBoxLayout:
        self.start = button(self, "Start", "Segment what is not done yet", self.start_asked.emit)
        self.cancel = button(
            self, "Cancel", "Stop; what is done stays, and Start goes on", self.cancel_asked.emit
        )
        self.progress = ProgressBar(self)
        row = QHBoxLayout()
        for each in (self.start, self.progress, self.cancel):
            row.addWidget(each, each is self.progress)
        return row

    def set_running(self, running: bool) -> None:
        """Enable what can be done before Start, or after it."""
        self.set_adding(not running)
        for each in self._fields:
            each.setEnabled(not running)
        self.cancel.setEnabled(running)
        self.progress.setVisible(running)

    def set_adding(self, possible: bool) -> None:
        """Enable changes to the list, and starting it."""
        for each in (*self._adding, self.start):
            each.setEnabled(possible)

    def show_progress(self, done: int, total: int) -> None:
        """Show how far it is; a total of 0 is unknown."""
        self.progress.show_parts(done, total)

    def say(self, text: str, *, error: bool = False) -> None:
        """Show one sentence."""
        tell(self.status, text, error=error)

    @property
    def selected(self) -> list[int]:
        """The rows that are selected."""
        return sorted({index.row() for index in self.table.selectedIndexes()})


def _names(dragged: QMimeData | None) -> list[str]:
    """Return the files and folders that are dragged."""
    urls = [] if dragged is None else dragged.urls()
    return [url.toLocalFile() for url in urls if url.isLocalFile()]
