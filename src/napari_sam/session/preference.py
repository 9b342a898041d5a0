"""Which candidate this person would choose, learned from what they chose before.

A conditional logit over the candidates that are offered together: each has a utility, a weighted sum of
five features, and is chosen with the probability that the softmax of the utilities gives it. Every choice
moves the weights one step up the gradient of its log probability. Nothing chosen yet, only the model's own
suggestion counts.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sam.settings import config_folder, read_settings, write_settings

from .offer import CLUSTER, PART, Offer

RATE = 0.3
"""How far one choice moves the weights."""
MEMORY = 0.2
"""Share of the newest choice in the usual area."""
FARTHEST = 3.0
"""Areas that differ by more doublings than this are equally unusual."""


@dataclass(frozen=True)
class Preference:
    """The weights, and what they were learned from; never changed in place.

    Attributes
    ----------
    suggested : float
        Weight of being the model's own suggestion.
    part, cluster : float
        Weights of being called a part, or a cluster; relative to the cell.
    iou : float
        Weight of the predicted IoU, in units of 0.1.
    area : float
        Weight of having the usual area, a doubling or halving counts -1.
    usual_area : float
        Pixels; 0 when nothing was chosen yet.
    choices : int
        How many choices it has seen.
    """

    suggested: float = 1.0
    part: float = 0.0
    cluster: float = 0.0
    iou: float = 0.0
    area: float = 0.0
    usual_area: float = 0.0
    choices: int = 0

    @property
    def weights(self) -> NDArray[np.float64]:
        """The five weights, (5,)."""
        return np.array([self.suggested, self.part, self.cluster, self.iou, self.area])

    def probabilities(self, offer: Offer) -> NDArray[np.float64]:
        """Return how likely each of the shown candidates is chosen, (S,)."""
        utilities = self._features(offer) @ self.weights
        likely: NDArray[np.float64] = np.exp(utilities - utilities.max())
        likely /= likely.sum()
        return likely

    def suggest(self, offer: Offer) -> int:
        """Return the index of the candidate to suggest."""
        if not self.choices:
            return offer.candidates.best
        return offer.shown[int(np.argmax(self.probabilities(offer)))]

    def learn(self, offer: Offer, chosen: int) -> Preference:
        """Return what one more choice teaches; an offer of one candidate teaches nothing."""
        if len(offer.shown) < 2 or chosen not in offer.shown:
            return self
        features = self._features(offer)
        surprise = features[offer.shown.index(chosen)] - self.probabilities(offer) @ features
        suggested, part, cluster, trust, size = (self.weights + RATE * surprise).tolist()
        area = float(max(offer.candidates.items[chosen].area, 1))
        usual = self.usual_area or area
        usual = math.exp((1 - MEMORY) * math.log(usual) + MEMORY * math.log(area))
        return Preference(suggested, part, cluster, trust, size, usual, self.choices + 1)

    def _features(self, offer: Offer) -> NDArray[np.float64]:
        """Return the features of the shown candidates, (S, 5)."""
        items = [offer.candidates.items[index] for index in offer.shown]
        areas = np.array([max(item.area, 1) for item in items], float)
        doublings = np.abs(np.log2(areas / self.usual_area)) if self.usual_area else np.zeros(len(items))
        return np.stack(
            [
                np.array([index == offer.candidates.best for index in offer.shown], float),
                np.array([name == PART for name in offer.names], float),
                np.array([name == CLUSTER for name in offer.names], float),
                10 * np.array([item.iou_prediction for item in items]),
                -np.minimum(doublings, FARTHEST),
            ],
            axis=1,
        )


class Habit:
    """A preference and its file, which other windows of the same person may write, too.

    Parameters
    ----------
    path : Path
        Where it is kept; without a folder to write to, it is for this session only.

    Attributes
    ----------
    preference : Preference
        What is known by now.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = self.preference = load_preference(path)

    def learn(self, offer: Offer, chosen: int) -> bool:
        """Learn from a choice, on top of what other windows have learnt; say if anything is otherwise now."""
        before, there = self.preference, load_preference(self._path)
        if there != self._read:
            self._read = self.preference = there
        self._keep(self.preference.learn(offer, chosen))
        return self.preference != before

    def forget(self) -> None:
        """Begin anew, whatever this window or another one has learnt."""
        self._keep(Preference())

    def _keep(self, preference: Preference) -> None:
        self.preference = preference
        with suppress(OSError):
            save_preference(preference, self._path)
            self._read = preference


def preference_file() -> Path:
    """Return where this person's preference is kept."""
    return config_folder() / "preference.json"


def load_preference(path: Path) -> Preference:
    """Return the preference kept in a file; a fresh one if there is none, or it makes no sense."""
    values = read_settings(path)
    names = {field.name for field in fields(Preference)}
    numbers = all(isinstance(value, (int, float)) and math.isfinite(value) for value in values.values())
    if set(values) != names or not numbers or values["usual_area"] < 0 or values["choices"] < 0:
        return Preference()
    return Preference(**values)


def save_preference(preference: Preference, path: Path) -> None:
    """Keep a preference in a file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_settings(path, asdict(preference))
