"""The dock's section "Segment all": search, thresholds, and answers to what is proposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget
from superqt import QCollapsible, QLabeledDoubleSlider

from napari_sam.wording import amount

from ..controls.buttons import button, explain_folding
from ..controls.progress_row import ProgressRow
from ..controls.scrolling import Revealing
from ..controls.typed_number import TypedNumber

if TYPE_CHECKING:
    from napari_sam.automatic.thresholds import Threshold

VIEW, PLANE, EVERYTHING = "view", "plane", "everything"
SCORE = 0.7
"""Proposals from this score on are accepted together, unless the person moves the slider."""
STEP = 1e-6
"""Numbers that differ by less are the same."""


class SegmentAll(QWidget):
    """Setters for what is shown, signals for what was asked.

    Signals
    -------
    search_asked : str
        ``"view"``, ``"plane"`` or ``"everything"``.
    cancel_asked, accept_asked, reject_asked, correct_asked
        A button was pressed.
    accept_above_asked, accept_all_asked, bring_back_asked
        A button was pressed.
    step_asked : int
        The next proposal (1) or the last one (-1).
    thresholds_moved
        The search is to be repeated with other numbers.
    score_moved
        Another score parts the sure from the doubtful.
    """

    search_asked = Signal(str)
    cancel_asked = Signal()
    accept_asked = Signal()
    reject_asked = Signal()
    correct_asked = Signal()
    accept_above_asked = Signal()
    accept_all_asked = Signal()
    bring_back_asked = Signal()
    step_asked = Signal(int)
    thresholds_moved = Signal()
    score_moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sliders: dict[str, QLabeledDoubleSlider] = {}
        self.titles: dict[str, QLabel] = {}
        self._offered: Sequence[Threshold] = ()
        self._defaults: dict[str, float | None] = {}
        self.scopes: dict[str, QPushButton] = {}
        self.progress = ProgressRow(self)
        self.progress.cancel_asked.connect(self.cancel_asked)
        self.section = QCollapsible("Segment all", self)
        explain_folding(self.section)
        for part in (self._build_scopes(), self.progress, self._build_thresholds(), self._build_review()):
            self.section.addWidget(part)
        self.section.expand(animate=False)
        self._reveal = Revealing(self._review)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.section)
        self.reset()

    def _build_scopes(self) -> QWidget:
        found = (
            (VIEW, "In view", "Find all objects that are seen now"),
            (PLANE, "Plane", "Find all objects of the plane, window by window if it is large"),
            (EVERYTHING, "Everything", "Find all objects of every plane"),
        )
        for scope, title, tip in found:
            self.scopes[scope] = button(self, title, tip, lambda scope=scope: self.search_asked.emit(scope))
        return _row(*self.scopes.values())

    def _build_thresholds(self) -> QWidget:
        self._thresholds = QWidget(self)
        self._form = QFormLayout(self._thresholds)
        self._form.setContentsMargins(0, 0, 0, 0)
        return self._thresholds

    def _build_review(self) -> QWidget:
        self._review = QWidget(self)
        self.count, self.current = QLabel(self), QLabel(self)
        self.count.setAccessibleName("Proposals")
        self.count.setWordWrap(True)
        self.current.setAccessibleName("Current proposal")
        self.current.setWordWrap(True)
        self.last = button(
            self, "<", "The proposal before this one", lambda: self.step_asked.emit(-1), "previous"
        )
        self.next = button(self, ">", "The next proposal", lambda: self.step_asked.emit(1), "next")
        for each in (self.last, self.next):
            each.setMaximumWidth(32)
        self.accept = button(self, "Accept", "Commit this proposal", self.accept_asked.emit, "accept")
        self.reject = button(
            self, "Reject", "Put this proposal aside; undo brings it back", self.reject_asked.emit, "reject"
        )
        self.correct = button(
            self,
            "Correct",
            "Go on from its prompts with points and boxes",
            self.correct_asked.emit,
            "correct",
        )
        self.score = _slider("Accept from", "Proposals from this score on are drawn solid", 0.0, 1.0)
        self.score.setValue(SCORE)
        self.score.valueChanged.connect(lambda _: self.score_moved.emit())
        self.accept_above = button(
            self, "Accept sure ones", "Commit the solid ones in one step", self.accept_above_asked.emit
        )
        self.accept_all = button(
            self, "Accept all", "Commit all in one step, the doubtful too", self.accept_all_asked.emit
        )
        self.bring_back = button(
            self, "Bring back", "Propose what was rejected again", self.bring_back_asked.emit
        )
        form = QFormLayout()
        form.addRow("Score", self.score)
        layout = QVBoxLayout(self._review)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.count)
        layout.addWidget(_row(self.last, self.next, self.current))
        layout.addWidget(_row(self.accept, self.reject, self.correct))
        layout.addLayout(form)
        layout.addWidget(_row(self.accept_above, self.accept_all))
        layout.addWidget(self.bring_back)
        return self._review

    def reset(self) -> None:
        """Show what there is before anything was searched."""
        self.set_stack(stack=False)
        self.set_thresholds((), {})
        self.set_counts(0, 0, 0)
        self.set_searching(searching=False)
        self.setEnabled(False)

    def set_stack(self, *, stack: bool) -> None:
        """Offer all planes, or the only one."""
        self.scopes[EVERYTHING].setVisible(stack)

    def set_thresholds(self, offered: Sequence[Threshold], values: Mapping[str, float | None]) -> None:
        """Offer thresholds, with these values by their names; None is the end of an endless one."""
        if values == self._defaults:
            return
        self._offered, self._defaults, self.sliders, self.titles = offered, dict(values), {}, {}
        while self._form.rowCount():
            self._form.removeRow(0)
        for each in offered:
            slider = _slider(each.title, each.hint, each.least, each.most)
            slider.setValue(_shown(values[each.name], each))
            slider.valueChanged.connect(self._moved)
            self.sliders[each.name], self.titles[each.name] = slider, QLabel(self)
            self._form.addRow(self.titles[each.name], slider)
        self._name_sliders()
        if values:
            self._form.addRow(button(self, "Defaults", "Put the thresholds back", self._put_back))
        self._thresholds.setVisible(bool(values))

    def _put_back(self) -> None:
        for each in self._offered:
            slider = self.sliders[each.name]
            with QSignalBlocker(slider):
                slider.setValue(_shown(self._defaults[each.name], each))
        self._moved()

    def _moved(self) -> None:
        self._name_sliders()
        self.thresholds_moved.emit()

    def _name_sliders(self) -> None:
        """Write before each slider what it is, and whether its end means any, which its number cannot say."""
        values = self.thresholds
        for each in self._offered:
            self.titles[each.name].setText(f"{each.title}: any" if values[each.name] is None else each.title)

    @property
    def thresholds(self) -> dict[str, float | None]:
        """The numbers as they are read beside the sliders, by their names in the settings."""
        sliders = {each: self.sliders[each.name] for each in self._offered}
        values = {each: round(float(slider.value()), slider.decimals()) for each, slider in sliders.items()}
        return {
            each.name: None if each.endless and value >= each.most else value
            for each, value in values.items()
        }

    @property
    def changed_thresholds(self) -> dict[str, float]:
        """Those of them that are not the default ones; none is endless then."""
        return {
            name: value
            for name, value in self.thresholds.items()
            if value is not None and not _near(value, self._defaults[name])
        }

    def set_searching(self, *, searching: bool) -> None:
        """Let nobody begin another search, or move the thresholds of this one."""
        for control in (*self.scopes.values(), self._thresholds):
            control.setEnabled(not searching)

    def set_counts(self, proposals: int, sure: int, rejected: int) -> None:
        """Say how many proposals there are, how many have the score, and how many were rejected."""
        there = proposals + rejected > 0
        if there and self._review.isHidden():
            self._reveal.start()
        self._review.setVisible(there)
        self.count.setText(f"{amount(proposals, 'proposal')}, the least sure first")
        self.accept_above.setText(f"Accept {sure}")
        self.accept_above.setEnabled(sure > 0)
        self.accept_all.setText(f"Accept all {proposals}")
        for each in (self.accept_all, self.accept, self.reject, self.correct, self.last, self.next):
            each.setEnabled(proposals > 0)
        self.bring_back.setText(f"Bring {rejected} rejected back")
        self.bring_back.setVisible(rejected > 0)

    def set_current(self, text: str) -> None:
        """Say which proposal is looked at."""
        self.current.setText(text)


def _shown(value: float | None, threshold: Threshold) -> float:
    """Return where a slider shows a value."""
    return threshold.most if value is None else value


def _near(one: float, other: float | None) -> bool:
    """Say whether a slider shows both as the same."""
    return other is not None and abs(one - other) < STEP


def _slider(title: str, tip: str, least: float, most: float) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(least, most)
    slider.setDecimals(2 if most <= 1 else 0)
    for part in (slider, *slider.findChildren(QWidget)):  # a slider, and a field with its number
        part.setToolTip(tip)
        part.setAccessibleName(title)
        if isinstance(part, QLineEdit) and part.parent() is slider:
            part.setValidator(TypedNumber(part))
    return slider


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return row
