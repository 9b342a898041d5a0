"""A model before and after training, measured on the same objects."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt

import numpy as np

from napari_sam.wording import amount

from .report import MEASURES, ObjectScore, Report

HELD_OUT = "held-out images"
HEADLINE = ("point", "box", "corrections_3")
"""The mean of these measures says which model is the better one."""


@dataclass(frozen=True)
class Gain:
    """By how much a model does better on a set than another one.

    Attributes
    ----------
    mean : float
        Of the headline measures, over all objects.
    error : float
        Its standard error, from how much objects differ in it: what chance makes of so few objects.
    objects : int
        How many there are; of a single one nobody knows what chance makes.
    """

    mean: float
    error: float
    objects: int

    @property
    def fell(self) -> bool:
        """Whether it does worse, and by more than chance."""
        return self.mean < -self.error

    def __str__(self) -> str:
        if self.objects == 1:
            return f"{self.mean:+.3f} on a single object, which may be chance"
        change = f"{self.mean:+.3f}, give or take {self.error:.3f}"
        return f"no clear change ({change})" if abs(self.mean) <= self.error else change


@dataclass(frozen=True)
class Comparison:
    """A model before and after, on the same objects of the same sets.

    Attributes
    ----------
    before, after : dict of str to Report
        By the set's name.
    """

    before: dict[str, Report]
    after: dict[str, Report]

    def gain(self, name: str) -> Gain:
        """Return by how much the headline measures rose on a set."""
        pairs = zip(self.before[name].objects, self.after[name].objects, strict=True)
        changes = np.array([_headline(after) - _headline(before) for before, after in pairs])
        error = changes.std() / sqrt(max(len(changes) - 1, 1))
        return Gain(float(changes.mean()), float(error), len(changes))

    @property
    def worse(self) -> bool:
        """Whether the new model does worse on the held-out images."""
        return self.gain(HELD_OUT).fell

    @property
    def forgotten(self) -> list[str]:
        """Names of the other sets that the new model does worse on."""
        return [name for name in self.before if name != HELD_OUT and self.gain(name).fell]

    def to_table(self) -> str:
        """Return the means before and after of every set, their change, and what it is worth."""
        lines = []
        for name, before in self.before.items():
            first, second = before.means(), self.after[name].means()
            change = {measure: second[measure] - first[measure] for measure in MEASURES}
            lines.append(f"{name} ({amount(len(before.objects), 'object')})")
            lines.append(f"{'':10}" + "".join(f"{measure:>15}" for measure in MEASURES))
            for title, row, sign in (("before", first, ""), ("after", second, ""), ("change", change, "+")):
                lines.append(f"{title:10}" + "".join(f"{row[measure]:{sign}15.3f}" for measure in MEASURES))
            lines.append(f"point, box and three corrections together: {self.gain(name)}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON values."""
        sets = {
            name: {
                "objects": len(report.objects),
                "before": report.means(),
                "after": self.after[name].means(),
                "gain": asdict(self.gain(name)),
            }
            for name, report in self.before.items()
        }
        return {"worse": self.worse, "sets": sets}


def _headline(score: ObjectScore) -> float:
    """Return the mean of the measures that decide."""
    return float(np.mean([getattr(score, name) for name in HEADLINE]))
