"""The dock's section on channels: which ones the model sees, and in which colours."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFrame, QGridLayout, QScrollArea, QWidget
from superqt import QCollapsible, QElidingLabel

from napari_sam.session.channels import COLOURS, NONE, Channel, Mix

from ..controls.buttons import explain_folding, narrow
from .channel_habit import ChannelHabit

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from ..layers.mixed import Choice

    Kept = dict[Hashable, tuple[str, float]]
    """Colour and weight of channels, by their keys."""

AS_IT_IS = "as it is"
ROW, HEIGHT = 58, 240
"""Pixels: height of a channel and, at most, of their list, which scrolls."""
COLOUR, WEIGHT = 112, 80
"""Widths of a colour and of a weight, in pixels, at the least."""
PADDING = 12
"""Pixels beside the text of a label, in napari's style."""
LEAST = 0.05
"""The smallest weight of a channel."""


class ChannelBox(QCollapsible):
    """A list of channels with a colour and a weight each; folded unless channels are mixed.

    Parameters
    ----------
    parent : QWidget, optional

    Attributes
    ----------
    habit : ChannelHabit
        How channels were mixed the last time, and are suggested.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Channels", parent)
        explain_folding(self)
        self.habit = ChannelHabit()
        self._choices: tuple[Choice, ...] = ()
        self._image: Hashable = None
        self._file = ""
        self._rows: list[tuple[QComboBox, QDoubleSpinBox]] = []
        self.how = QComboBox(self)
        self.how.setAccessibleName("What the channels are")
        self.how.setToolTip(
            "Let the model see several channels at once, of an axis or layers, each in a colour"
        )
        narrow(self.how)
        self.how.currentIndexChanged.connect(lambda _: self._show({}))
        self._list = QScrollArea(self)
        self._list.setWidgetResizable(True)
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setMaximumHeight(HEIGHT)
        self.addWidget(self.how)
        self.addWidget(self._list)
        self.collapse(animate=False)
        self.setVisible(False)  # until there is something to choose

    def offer(self, choices: Sequence[Choice], image: Hashable = None, file: str = "") -> None:
        """Offer what the channels can be; what was chosen for the same image stays, whatever layers come.

        Parameters
        ----------
        choices : sequence of Choice
            One whose axis is named for channels, or that was mixed the last time, is taken at once.
        image : hashable
            What the image is known by while its layer is there.
        file : str
            What it is known by longer.
        """
        if (tuple(choices), image) == (self._choices, self._image):
            return
        same, chosen, kept = image == self._image, self._choice, self._kept
        known = {each.title for each in self._choices} if same else set()
        self._choices, self._image, self._file = tuple(choices), image, file
        again = next((each for each in choices if same and chosen and each.axis == chosen.axis), None)
        fresh = None if again else self._taken_at_once([each for each in choices if each.title not in known])
        taken = again or fresh
        with QSignalBlocker(self.how):
            self.how.clear()
            self.how.addItems([AS_IT_IS, *(each.title for each in choices)])
            self.how.setCurrentIndex(choices.index(taken) + 1 if taken else 0)
        self._show(kept if same else {})
        if fresh is not None:
            self.expand(animate=False)
        self.setVisible(bool(choices))

    def _taken_at_once(self, choices: Sequence[Choice]) -> Choice | None:
        """Return which of the choices that are new is meant if nobody says so."""
        usual = (each for each in choices if self.habit.is_meant(each, self._file))
        return next(chain(usual, (each for each in choices if each.named)), None)

    def remember(self) -> ChannelHabit:
        """Take what is chosen now as the habit, and return it; an image taken as it is ends its own."""
        choice = self._choice
        if choice is not None:
            self.habit = ChannelHabit(choice.title, choice.names, tuple(self._kept.values()), self._file)
        elif any(self.habit.is_meant(each, self._file) for each in self._choices):
            self.habit = ChannelHabit()
        return self.habit

    @property
    def mixed(self) -> bool:
        """Whether the image is not taken as it is."""
        return self._choice is not None

    @property
    def _choice(self) -> Choice | None:
        index = self.how.currentIndex()
        return self._choices[index - 1] if index > 0 else None

    @property
    def _kept(self) -> Kept:
        """What is chosen for each channel."""
        keys = () if self._choice is None else self._choice.keys
        rows = ((colours.currentText(), weight.value()) for colours, weight in self._rows)
        return dict(zip(keys, rows, strict=True))

    def _show(self, kept: Kept) -> None:
        """List the channels of what is chosen: what was there stays, and what came is not seen."""
        page, self._rows = QWidget(), []
        grid = QGridLayout(page)
        grid.setContentsMargins(0, 0, 0, 0)
        choice = self._choice
        listed = [] if choice is None else list(zip(choice.keys, choice.names, choice.colours, strict=True))
        if choice is not None and not kept and self.habit.fits(choice):
            kept = dict(zip(choice.keys, self.habit.chosen, strict=True))
        for row, (key, name, suggested) in enumerate(listed):
            colour, value = kept.get(key, (NONE if kept else suggested, 1.0))
            colours, weight = _colours(name, colour), _weight(name, value)
            label = QElidingLabel(name)
            label.setElideMode(Qt.TextElideMode.ElideMiddle)  # names of one file's channels begin alike
            label.setEllipsesWidth(PADDING)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setToolTip(name)
            label.setMinimumWidth(30)
            # above, since names of layers are long and docks narrow
            grid.addWidget(label, 2 * row, 0, 1, 2)
            grid.addWidget(colours, 2 * row + 1, 0)
            grid.addWidget(weight, 2 * row + 1, 1)
            self._rows.append((colours, weight))
        self._list.setWidget(page)
        for one, other in pairwise([self.how, *chain.from_iterable(self._rows)]):
            self.setTabOrder(one, other)
        self._list.setVisible(bool(listed))
        self._list.setMinimumHeight(min(ROW * len(listed), HEIGHT))

    def mix(self) -> Mix | None:
        """Return the channels that the model is to see; None for the image as it is.

        Raises
        ------
        ImageError
            If it would see none.
        """
        choice = self._choice
        if choice is None:
            return None
        seen = [
            Channel(source, colours.currentText(), weight.value())
            for source, (colours, weight) in zip(choice.sources, self._rows, strict=True)
            if colours.currentText() != NONE
        ]
        return Mix(tuple(seen), choice.axis)


def _colours(name: str, chosen: str) -> QComboBox:
    combo = QComboBox()
    combo.addItems([NONE, *COLOURS])
    combo.setMinimumWidth(COLOUR)
    combo.setCurrentText(chosen)
    combo.setAccessibleName(f"Colour of {name}")
    combo.setToolTip("In which colour the model sees this channel")
    return combo


def _weight(name: str, value: float) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setRange(LEAST, 1)
    spin.setMinimumWidth(WEIGHT)
    spin.setSingleStep(0.1)
    spin.setValue(value)
    spin.setAccessibleName(f"Weight of {name}")
    spin.setToolTip("How bright this channel is in the mixture")
    return spin
