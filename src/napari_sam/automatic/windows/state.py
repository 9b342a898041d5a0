"""How far the labels of a large image are, and what they are made with: a small file beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_sam.errors import DataError
from napari_sam.predict import Normalization

from .stitch import Stitched

FORMAT = 1
"""Counts up whenever the file changes its meaning."""
MadeWith = dict[str, Any]
WORDS = {
    "automatic": "set of thresholds",
    "settings": "set of thresholds",
    "channels": "choice of channels",
    "channel_axis": "channel axis",
    "windows": "size of windows",
}
"""What a person is told that some values are of which labels are made."""


@dataclass(frozen=True)
class State:
    """How far the labels of an image are.

    Attributes
    ----------
    made_with : dict
        JSON values that tell image, model and settings from others.
    normalization : Normalization, optional
        Of the whole image; None before it was surveyed.
    done : int
        Windows.
    next_label : int
        Higher labels are of a window that was not finished.
    merged : dict
        Labels that are to become another one.
    objects : int
    score : float
        Sum of those of all labels, also of such that were merged.
    """

    made_with: MadeWith
    normalization: Normalization | None = None
    done: int = 0
    next_label: int = 1
    merged: dict[int, int] = field(default_factory=dict)
    objects: int = 0
    score: float = 0.0

    @property
    def mean_score(self) -> float:
        """Of a label; 0 without any."""
        return self.score / (self.next_label - 1) if self.objects else 0.0

    def after(self, stitched: Stitched, score: float) -> State:
        """Return the state with one more window, whose new objects have a sum of scores."""
        return replace(
            self,
            done=self.done + 1,
            next_label=self.next_label + len(stitched.new),
            merged={**self.merged, **stitched.merged},
            objects=self.objects + len(stitched.new) - len(stitched.merged),
            score=self.score + score,
        )

    def to_json(self) -> str:
        """Return it as text."""
        content = {**vars(self), "format": FORMAT, "merged": list(self.merged.items())}
        if self.normalization is not None:
            content["normalization"] = self.normalization.to_dict()
        return json.dumps(content)

    @classmethod
    def from_json(cls, text: str) -> State:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is something else.
        """
        content = json.loads(text)
        if content.pop("format") != FORMAT:
            raise ValueError("another format")
        content["merged"] = dict(content["merged"])
        if (held := content["normalization"]) is not None:
            content["normalization"] = Normalization.from_dict(held)
        return cls(**content)


def state_path(path: Path) -> Path:
    """Return the file that tells how far labels are."""
    return path.with_name(f"{path.name}.state.json")


def read_state(path: Path) -> State:
    """Read how far labels are.

    Raises
    ------
    DataError
        If nothing tells.
    """
    try:
        return State.from_json(state_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} exists, and nothing tells how it was made; choose another output, or overwrite it."
        ) from error


def differing(made_with: MadeWith, wanted: MadeWith) -> list[str]:
    """Return what differs, in words that go after "another"."""
    names = made_with.keys() | wanted.keys()
    return sorted(WORDS.get(name, name) for name in names if made_with.get(name) != wanted.get(name))
