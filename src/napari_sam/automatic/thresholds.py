"""The numbers of an automatic search that a person may choose, in a window or in a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from napari_sam.weights import LoadedModel

from .segment import method_for
from .settings import AutomaticSettings

Way = Literal["instances", "grid"]


@dataclass(frozen=True)
class Threshold:
    """A number of the search: its name in the settings, title, hint and range.

    Attributes
    ----------
    name, title, hint : str
    least, most : float
    endless : bool
        Whether the end of the range means any number.
    """

    name: str
    title: str
    hint: str
    least: float
    most: float
    endless: bool = False


SIZES = (
    Threshold("smallest", "Smallest", "Diameter of the smallest object, in pixels", 0.0, 100.0),
    Threshold(
        "largest", "Largest", "Diameter of the largest object, in pixels; at the end any", 10.0, 500.0, True
    ),
)
THRESHOLDS: dict[Way, tuple[Threshold, ...]] = {
    "instances": (
        Threshold("foreground", "Foreground", "Lower finds fainter objects, higher fewer ones", 0.05, 0.95),
        Threshold("prominence", "Separation", "Lower parts what touches, higher joins it", 0.02, 0.6),
        *SIZES,
    ),
    "grid": (
        Threshold("predicted_iou", "Predicted IoU", "Lower keeps masks that promise less", 0.5, 1.0),
        Threshold("stability", "Stability", "Lower keeps masks with vaguer borders", 0.5, 1.0),
        *SIZES,
    ),
}
"""What can be chosen of each way to search."""


def way_of(model: LoadedModel) -> Way:
    """Return how a model searches unless it is told otherwise."""
    return method_for(model, "auto")


def defaults_for(model: LoadedModel) -> dict[str, float | None]:
    """Return the thresholds that a model's search begins with; None for any number."""
    base = AutomaticSettings()
    values = {**vars(base.grid_for(model)), **vars(base.dense)}
    return {each.name: values[each.name] for each in THRESHOLDS[way_of(model)]}


def with_thresholds(values: Mapping[str, float | None]) -> AutomaticSettings:
    """Return the settings of a search with some thresholds; the others are the default ones.

    Parameters
    ----------
    values : mapping
        By their names, of whatever ways to search; other names are passed over.

    Raises
    ------
    ImageError
        If a number makes no sense.
    """
    names = {way: {each.name for each in THRESHOLDS[way]} for way in THRESHOLDS}
    dense: dict[str, Any] = {name: values[name] for name in names["instances"] & values.keys()}
    grid: dict[str, Any] = {
        name: values[name] for name in (names["grid"] - names["instances"]) & values.keys()
    }
    base = AutomaticSettings()
    return replace(base, dense=replace(base.dense, **dense), **grid)
