"""Choosing among candidates on the image: with the pointer, the wheel and the keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_sam.session.offer import Offer
from napari_sam.session.preference import Habit, Preference, preference_file

from ..layers.planes import flat

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari.components import ViewerModel

    from napari_sam.predict.prompts import MaskPrompt
    from napari_sam.session import Proposal

    from .candidate_view import CandidateView

CHOOSE = "Shift"
"""The key to hold: napari has Control for its sliders, Alt for its layers, and zooms with none."""


class Chooser:
    """Keeps what is offered, which candidate is marked, and what this person prefers.

    Marking is a choice that is not committed yet: Enter takes the marked candidate, and further points
    refine it.

    Signals
    -------
    marked : int
        Another candidate is the one that Enter takes; its index.
    taken : int
        The person chose the candidate of this index for good.
    learned : Preference
        What this person prefers is known better now, or forgotten.

    Parameters
    ----------
    viewer : napari.Viewer
    view : CandidateView
    """

    marked = Signal(int)
    taken = Signal(int)
    learned = Signal(object)

    def __init__(self, viewer: ViewerModel, view: CandidateView) -> None:
        self._viewer, self._view = viewer, view
        self._habit = Habit(preference_file())
        self.offer: Offer | None = None
        self.index: int | None = None
        self._by_hand = False
        viewer.mouse_move_callbacks.append(self._pointed)
        viewer.mouse_wheel_callbacks.append(self._wheeled)
        viewer.mouse_drag_callbacks.append(self._clicked)

    def close(self) -> None:
        """Stop listening."""
        self._viewer.mouse_move_callbacks.remove(self._pointed)
        self._viewer.mouse_wheel_callbacks.remove(self._wheeled)
        self._viewer.mouse_drag_callbacks.remove(self._clicked)

    @property
    def preference(self) -> Preference:
        """What this person prefers, as far as it is known."""
        return self._habit.preference

    @property
    def refining(self) -> MaskPrompt | None:
        """The mask that further points refine: of a candidate that the person marked."""
        if not self._by_hand or self.offer is None or self.index is None:
            return None
        return self.offer.candidates.mask_prompt(self.index)

    def show(self, proposals: Sequence[Proposal]) -> None:
        """Offer the candidates of one object, with one of them marked; several objects have no choice."""
        self.offer, self.index, self._by_hand = None, None, False
        if len(proposals) != 1:
            self._view.show_many(proposals)
            return
        self.offer = self.suggested(proposals[0])
        self.index = self.offer.suggested
        self._view.show(self.offer, proposals[0].plane)

    def suggested(self, proposal: Proposal) -> Offer:
        """Return what is offered of a proposal, with the suggestion for this person."""
        candidates = proposal.candidates
        offer = Offer(candidates, candidates.best)
        return replace(offer, suggested=self.preference.suggest(offer))

    def mark(self, index: int) -> None:
        """Choose a candidate without committing it."""
        if self.offer is None or index not in self.offer.shown:
            return
        self.index, self._by_hand = index, True
        self._view.mark(index)
        self._view.fill(index)
        self.marked.emit(index)

    def step(self, by: int) -> None:
        """Mark the next larger candidate, or the next smaller one for a negative number."""
        if self.offer is None or self.index not in self.offer.shown:
            return
        shown = self.offer.shown
        self.mark(shown[int(np.clip(shown.index(self.index) + by, 0, len(shown) - 1))])

    def numbered(self, number: int) -> int | None:
        """Return the index of the candidate with a number, from 0; None if it is not shown."""
        return self.offer.shown[number] if self.offer is not None and number < len(self.offer.shown) else None

    def learn(self, offer: Offer, chosen: int) -> None:
        """Learn from a commit, and keep it; without a folder to write to, for this session only."""
        if self._habit.learn(offer, chosen):
            self.learned.emit(self.preference)

    def forget(self) -> None:
        """Suggest what the model does, as if nothing had been chosen yet."""
        self._habit.forget()
        self.learned.emit(self.preference)

    def under(self, event: Any) -> int | None:
        """Return the index of the candidate under the pointer."""
        if self.offer is None or not flat(self._viewer.dims):
            return None
        row, col = self._view.outlines.world_to_data(event.position)[-2:]
        return self.offer.at(row, col)

    def _pointed(self, _: Any, event: Any) -> None:
        """Fill what the pointer is over."""
        self._view.fill(self.under(event))

    def _wheeled(self, _: Any, event: Any) -> None:
        """With Shift, mark a larger or a smaller candidate."""
        if shift_only(event) and self.offer is not None:
            self.step(int(np.sign(np.sum(event.delta))))  # macOS turns the wheel's axis with Shift
            event.handled = True

    def _clicked(self, _: Any, event: Any) -> Generator[None, None, None]:
        """With Shift, take the candidate under the pointer instead of adding a point."""
        layer, index = self._viewer.layers.selection.active, self.under(event)
        if index is None or layer is None or not shift_only(event):
            return
        yield from held_still(layer, event)
        self.taken.emit(index)


def held_still(layer: Any, event: Any) -> Generator[None, None, None]:
    """Keep a layer from adding to itself until the mouse button is released."""
    mode = layer.mode
    layer.mode = "pan_zoom"  # the layer hears of this press after the viewer
    yield
    while event.type == "mouse_move":
        event.handled = True
        yield
    layer.mode = mode


def shift_only(event: Any) -> bool:
    """Say whether the key to choose with is held, and no other."""
    # the canvas gives keys, which equal their names but are not strings
    return list(event.modifiers) == [CHOOSE]
