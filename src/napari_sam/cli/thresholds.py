"""Options for the numbers of an automatic search, under the names that the dock gives them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..automatic import AutomaticSettings

OPTIONS = {
    "foreground": ("--foreground", "P", "how likely an object's pixels are; higher finds fewer (0.5)"),
    "prominence": ("--separation", "P", "lower parts what touches, higher joins it (0.1)"),
    "smallest": ("--smallest", "PX", "leave out objects of a smaller diameter"),
    "largest": ("--largest", "PX", "leave out objects of a larger diameter"),
    "predicted_iou": ("--predicted-iou", "P", "of a grid's masks, at least"),
    "stability": ("--stability", "P", "of a grid's masks, at least"),
}
"""Each threshold's option, what stands for its value, and what it does."""


def add_threshold_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each threshold."""
    group = parser.add_argument_group("thresholds, as in the dock's Segment all")
    for name, (option, value, told) in OPTIONS.items():
        group.add_argument(option, dest=name, type=float, metavar=value, help=told)


def chosen(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the thresholds that were given, by their names in the settings."""
    given = {name: getattr(arguments, name) for name in OPTIONS}
    return {name: value for name, value in given.items() if value is not None}


def chosen_settings(arguments: argparse.Namespace) -> AutomaticSettings:
    """Return the settings of a search with the thresholds that were given.

    Raises
    ------
    ImageError
        If a number makes no sense.
    """
    from ..automatic.thresholds import with_thresholds

    return with_thresholds(chosen(arguments))
