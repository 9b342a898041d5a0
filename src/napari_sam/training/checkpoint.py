"""A training run's file on disk: written at once, and read by the run that it belongs to alone."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from napari_sam.errors import DataError
from napari_sam.files.writing import at_once, check_link
from napari_sam.weights import check_name

from .config import TrainConfig

STATE = "state.pt"
"""Name of the checkpoint in a run's folder."""
MODEL = "model.safetensors"
"""Name of the trained model there."""
DAMAGED = (
    OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, UnpicklingError,
)  # fmt: skip
"""What torch raises when a file is not what it wrote."""
FREE = frozenset({
    "steps", "decay",  # a run may be made longer
    "workers", "precision",  # what suits the machine
    "save_every", "validation", "validate_every", "validation_limit", "validation_images",
    "rating_prompts",  # come after the training
    "init",  # its file may be somewhere else by now; `Run.restore` compares what is in it
})  # fmt: skip
"""Settings that a run may go on with although they were others at its start."""


def check_folder(out: Path, *, resume: bool) -> None:
    """Say so if a new run would write over an earlier one, has nothing to go on from, or cannot write.

    Raises
    ------
    DataError
        If the folder holds a checkpoint or model and the run does not go on from it, or neither and it does;
        or if it is no folder, may not be written to, or is a link to nothing.
    WeightsError
        If its name is not UTF-8, so that the weights could not be read again.
    """
    check_link(out)
    check_name(out)
    state = out / STATE
    if resume:
        _check_there(state)
    elif state.exists():
        raise DataError(f"{out} holds an earlier run; give another --out, or go on with --resume.")
    elif (out / MODEL).exists():
        raise DataError(f"{out / MODEL} is there already; give another --out, or move it away.")
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        what = "may not be written to" if there.is_dir() else "is no folder"
        raise DataError(f"{there} {what}; give another --out.")


def _check_there(state: Path) -> None:
    if not state.is_file():
        raise DataError(f"{state} does not exist, so there is nothing to resume; start without --resume.")


def steps_done(out: Path) -> int:
    """Return how many steps the run in a folder was trained for, by its checkpoint."""
    return int(torch.load(out / STATE, map_location="cpu", weights_only=True, mmap=True)["step"])


def write_state(path: Path, state: dict[str, Any], config: TrainConfig) -> None:
    """Write a checkpoint with the settings it was made with, at once or not at all.

    Raises
    ------
    DataError
        If the file cannot be written; an older one stays.
    """
    try:
        with at_once(path) as part, part.open("wb") as file:
            torch.save({**state, "settings": json.dumps(fixed_settings(config))}, file)
    except (OSError, RuntimeError) as error:
        cause = error if isinstance(error, OSError) else error.__context__  # torch hides it in its own
        if not isinstance(cause, OSError):
            raise
        raise DataError(
            f"{path} could not be written ({cause.strerror}); free some space there, or choose another place."
        ) from error


def read_state(path: Path, config: TrainConfig) -> dict[str, Any]:
    """Read what `write_state` wrote.

    Raises
    ------
    DataError
        If there is no such file, it is damaged, or it belongs to a run with other settings.
    """
    _check_there(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        settings = json.loads(state.get("settings", "{}"))  # earlier versions kept none
    except DAMAGED as error:
        raise DataError(
            f"{path} is damaged and cannot be resumed; start again with another --out."
        ) from error
    if changes := changed(settings, fixed_settings(config)):
        raise DataError(
            f"{path} belongs to a run with other settings ({'; '.join(changes)}); resume with those of its"
            " start, or give another --out."
        )
    loaded: dict[str, Any] = state
    return loaded


def fixed_settings(config: TrainConfig) -> dict[str, Any]:
    """Return the settings that stay the same throughout a run, as JSON holds them.

    Folders may move, so that of the data only the names, weights and completeness are told.
    """
    settings = {name: value for name, value in asdict(config).items() if name not in FREE}
    settings["data"] = [
        {
            "weight": each.weight,
            "partial": each.partial,
            "stems": each.stems,
            **({"channels": each.channels} if each.channels else {}),  # runs from before have none
        }
        for each in config.data
    ]
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Tell which settings are others now; one that only one version of the program knows is none."""
    names = [name for name in before if name in now and before[name] != now[name]]
    return [
        "other data" if name == "data" else f"{name} was {before[name]}, is {now[name]}" for name in names
    ]
