"""The dock's form: what can be chosen and pressed, shown and said; it knows nothing of models or layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_sam.wording import amount

from ..controls.buttons import button, narrow
from ..controls.name_box import NameBox
from ..controls.progress_row import ProgressRow
from ..controls.scrolling import Revealing
from ..controls.tab_order import tab_as_seen
from ..controls.telling import tell
from ..controls.tips import explain, name_keys
from ..keys.keymap import CHOICES, Keymap
from .channel_box import ChannelBox
from .model_choice import ModelAndDevice
from .segment_all import SegmentAll
from .stack_panel import StackPanel
from .thumbnails import Thumbnails

if TYPE_CHECKING:
    from collections.abc import Sequence

NEW_LABELS = "new Labels layer"
NEW_PROMPTS = "none yet"
START = "Read the image and make layers for prompts and labels"
STOP = "End the session; its labels stay"
WIDTH = 320
"""Pixels that the dock asks for; it can be as narrow as 300."""


class Panel(QWidget):
    """Setters for what is shown, signals for what was asked.

    Signals
    -------
    start_asked, cancel_asked, commit_asked, clear_asked, undo_asked, forget_asked, hint_closed
        A button was pressed.
    tool_asked : str
        ``"points"``, ``"boxes"``, ``"scribbles"`` or ``"lassos"``.
    outside_asked : bool
        Whether the next points are outside the object.

    Attributes
    ----------
    status : QLabel
        What was done and what went wrong; to be laid out where no scrolling hides it.
    """

    start_asked = Signal()
    cancel_asked = Signal()
    commit_asked = Signal()
    clear_asked = Signal()
    undo_asked = Signal()
    forget_asked = Signal()
    hint_closed = Signal()
    tool_asked = Signal(str)
    outside_asked = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image, self.labels, self.prompts = (NameBox(self) for _ in range(3))
        self.computing = ModelAndDevice(self)
        self.model, self.device = self.computing.model, self.computing.device
        self.labels.addItem(NEW_LABELS)
        self.prompts.addItem(NEW_PROMPTS)
        self.channels = ChannelBox(self)
        self.thumbnails = Thumbnails(self)
        self.stack = StackPanel(self)
        self.status = QLabel(self)
        self.status.setAccessibleName("Messages")
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status.setMinimumHeight(2 * self.status.fontMetrics().lineSpacing())
        self.job = ProgressRow(self)
        self.job.cancel_asked.connect(self.cancel_asked)
        self.segment_all = SegmentAll(self)
        self._build()
        self._reveal = Revealing(self._actions)
        tab_as_seen(self)
        self.set_keymap(Keymap())
        self.set_running(False)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Ask for a narrow dock, whatever the longest name in it."""
        return QSize(WIDTH, super().sizeHint().height())

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(self._build_hint())
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows = (
            ("Image", self.image, "The layer to segment; of a stack, the plane that is seen"),
            ("Labels", self.labels, "Where committed cells go"),
            ("Prompts", self.prompts, "Points or shapes to begin with, copied from a layer of yours"),
            ("Model", self.model, "cell-tiny comes with the plugin; others are downloaded when first used"),
            ("Device", self.device, "auto takes a graphics card where there is one"),
        )
        for title, combo, tip in rows:
            combo.setToolTip(tip)
            combo.setAccessibleName(title)
            narrow(combo)
            form.addRow(title, combo)
        layout.addLayout(form)
        layout.addWidget(self.channels)
        self.start = self._button("Start", START, self.start_asked)
        layout.addWidget(self.start)
        layout.addWidget(self.job)
        layout.addWidget(self._build_tools())
        layout.addWidget(self.thumbnails)
        layout.addWidget(self._build_actions())
        layout.addWidget(self.stack)
        layout.addWidget(self.segment_all)
        layout.addWidget(self._build_learned())
        layout.addStretch()

    def _build_hint(self) -> QWidget:
        self.hint = QFrame(self)
        self.hint.setFrameShape(QFrame.Shape.StyledPanel)
        row = QHBoxLayout(self.hint)
        self._steps = QLabel(self)
        self._steps.setWordWrap(True)
        self._steps.setAccessibleName("First steps")
        self.hint_button = self._button("Got it", "Hide these steps for good", self.hint_closed)
        row.addWidget(self._steps, 1)
        row.addWidget(self.hint_button)
        self.hint.setVisible(False)
        return self.hint

    def _build_learned(self) -> QWidget:
        self._learned = QWidget(self)
        row = QHBoxLayout(self._learned)
        row.setContentsMargins(0, 0, 0, 0)
        self.learned = QLabel(self)
        self.learned.setWordWrap(True)
        self.learned.setAccessibleName("What suggestions are learned from")
        self.forget = self._button("Forget", "Suggest what the model does again", self.forget_asked)
        row.addWidget(self.learned, 1)
        row.addWidget(self.forget)
        return self._learned

    def _build_tools(self) -> QWidget:
        self._tools = QWidget(self)
        column = QVBoxLayout(self._tools)
        column.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        column.addLayout(row)
        for title, tool, tip in (
            ("Points", "points", "Click on a cell"),
            ("Boxes", "boxes", "Draw a box around a cell, or one around each of many"),
            ("Scribble", "scribbles", "Draw a line along the inside of a cell, or along what is outside"),
            ("Lasso", "lassos", "Draw around a cell, or around each of many"),
        ):
            made = button(self, title, tip, lambda tool=tool: self.tool_asked.emit(tool), tool)
            made.setAccessibleName(f"Draw {tool}")
            row.addWidget(made)
        self.outside = QCheckBox("outside", self)
        self.outside.setAccessibleName("Clicks are outside the cell")
        explain(self.outside, "What is drawn says what is not the cell; Ctrl + click does so once", "swap")
        self.outside.toggled.connect(self.outside_asked)
        column.addWidget(self.outside)
        return self._tools

    def _build_actions(self) -> QWidget:
        self._actions = QWidget(self)
        row = QHBoxLayout(self._actions)
        row.setContentsMargins(0, 0, 0, 0)
        self.commit = self._button("Commit", "Commit the candidate marked *", self.commit_asked, "commit")
        self.clear = self._button("Clear", "Drop the prompts", self.clear_asked, "clear")
        self.undo = self._button("Undo", "Take back the last prompt or commit", self.undo_asked, "undo")
        for each in (self.commit, self.clear, self.undo):
            row.addWidget(each)
        return self._actions

    def _button(self, title: str, tip: str, signal: Signal, action: str = "") -> QPushButton:
        return button(self, title, tip, signal.emit, action)

    def set_keymap(self, keymap: Keymap) -> None:
        """Name other keys in the first steps, in tooltips and beside the pictures."""
        keys = ", ".join(f"<b>{keymap.text(each)}</b>" for each in CHOICES)
        steps = (
            "Press <b>Start</b>.",
            "Click on a cell: up to three outlines appear.",
            f"Press {keys} or <b>{keymap.text('commit')}</b>: that is one label.",
        )
        listed = "".join(f"<li>{step}</li>" for step in steps)
        self._steps.setText(f"<ol style='margin: 0px'>{listed}</ol>")
        self.thumbnails.set_keymap(keymap)
        name_keys(self, keymap)

    def set_choices(self, combo: QComboBox, choices: Sequence[tuple[str, str]]) -> None:
        """Offer other choices in a combo box, keeping the chosen one if it is still there.

        Parameters
        ----------
        combo : QComboBox
        choices : sequence of (str, str)
            A name, and what the choice is known by whatever its name is then.
        """
        chosen = combo.currentData()
        with QSignalBlocker(combo):
            combo.clear()
            for index, (name, key) in enumerate(choices):
                combo.addItem(name, key)
                combo.setItemData(index, name, Qt.ItemDataRole.ToolTipRole)  # long ones are cut
            combo.setCurrentIndex(max(combo.findData(chosen), 0))

    def rename_choices(self, combo: QComboBox, choices: Sequence[tuple[str, str]]) -> None:
        """Show what those of a combo box are called now that are there, as `set_choices` takes them."""
        for name, key in choices:
            there = combo.findData(key)
            if there >= 0:
                combo.setItemText(there, name)
                combo.setItemData(there, name, Qt.ItemDataRole.ToolTipRole)

    def set_choosing(self, *, choosing: bool) -> None:
        """Enable what is chosen before Start."""
        for choice in (self.image, self.labels, self.prompts, self.model, self.device, self.channels):
            choice.setEnabled(choosing)

    def set_running(self, running: bool) -> None:
        """Enable what can be done before Start, or after it."""
        self.set_choosing(choosing=not running)
        self.start.setText("Stop" if running else "Start")
        self.start.setToolTip(STOP if running else START)
        for row in (self._tools, self._actions):
            row.setEnabled(running)
        if running:
            self._reveal.start()  # where a laptop's screen has no room for all
        else:
            self.thumbnails.clear()

    def name_labels(self, name: str) -> None:
        """Show where commits go, once it is there."""
        self.labels.setItemText(self.labels.currentIndex(), name)

    def set_pending(self, objects: int, *, prompted: bool = False) -> None:
        """Say how many objects a commit would add, and whether there are prompts, answered or not."""
        self.commit.setText(f"Commit all {objects}" if objects > 1 else "Commit")
        self.commit.setEnabled(objects > 0)
        self.clear.setEnabled(prompted or objects > 0)

    def set_learned(self, choices: int, weights: str) -> None:
        """Say from how many choices the suggestions are learned; the weights can be looked at."""
        self._learned.setVisible(choices > 0)
        self.learned.setText(f"* learned from {amount(choices, 'choice')} of yours")
        self.learned.setToolTip(weights)

    def set_outside(self, outside: bool) -> None:
        """Show which kind of point comes next."""
        with QSignalBlocker(self.outside):
            self.outside.setChecked(outside)

    def say(self, text: str, *, error: bool = False) -> None:
        """Show one sentence."""
        tell(self.status, text, error=error)
