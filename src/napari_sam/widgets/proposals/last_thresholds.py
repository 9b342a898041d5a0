"""The thresholds that a search in the dock was last made with, kept for batches."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from napari_sam.settings import config_folder, read_settings, write_settings

NAME = "thresholds.json"


def keep_thresholds(values: Mapping[str, float]) -> None:
    """Remember thresholds by their names in the settings, if the disk lets one."""
    if last_thresholds() != values:
        with suppress(OSError):  # then a batch has those before
            write_settings(_file(), dict(values))


def last_thresholds() -> dict[str, float]:
    """Return what was kept last; nothing stands for the default ones."""
    return {name: float(value) for name, value in read_settings(_file()).items() if _is_number(value)}


def _file() -> Path:
    return config_folder() / NAME


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
