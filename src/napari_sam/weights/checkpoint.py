"""Checkpoint files, read without running code."""

from __future__ import annotations

import json
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from napari_sam.errors import WeightsError
from napari_sam.model import SamConfig

from .device import is_memory_error
from .recognising import recognise

State = dict[str, Tensor]
WRAPPINGS = ("model_state", "model_state_dict", "state_dict", "model")
ENCODER = ".image_encoder."
COMPILED = "_orig_mod."
"""What torch.compile puts before the names in a module."""
NOT_WEIGHTS = ("pixel_mean", "pixel_std")
CLASSIFIER = ("image_encoder.norm_head.", "image_encoder.head.")
"""What MobileSAM's encoder was trained with before, and its checkpoint still holds."""
CONFIG_KEY = "napari_sam.config"
MORE_THAN_WEIGHTS = (
    "holds more than weights and could run code when opened, so it was not opened; ask its author for a file"
    " of weights alone (.safetensors), or export it as such: of training by micro-sam, with its"
    " export_custom_sam_model."
)
NEWER_PICKLE = "Unsupported operand 149"
"""What torch says of the first instruction of protocols from 4 on; it reads 2 and 3."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds.

    Attributes
    ----------
    state : dict of str to Tensor
        Under Meta's names, on the CPU, as stored.
    config : SamConfig
        The architecture they belong to.
    metadata : dict of str to str
        What the file says of itself; empty for Meta's.
    """

    state: State
    config: SamConfig
    metadata: dict[str, str]


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a .pth or .safetensors file of Meta's, micro-sam's or our own.

    Raises
    ------
    WeightsError
        If the file is missing, damaged, holds code, or is no SAM.
    """
    path = Path(path)
    _check_file(path)
    stored, metadata = _read_safetensors(path) if _is_safetensors(path) else (_read_pickle(path), {})
    state = unwrap(stored, path.name)
    text = metadata.get(CONFIG_KEY)
    config = recognise(state, path.name) if text is None else _parse_config(text, path.name)
    return Checkpoint(state, config, metadata)


def _check_file(path: Path) -> None:
    """Raise `WeightsError` if there is no file that may be read."""
    try:
        regular = S_ISREG(path.stat().st_mode)
        if regular:
            path.open("rb").close()
    except PermissionError as error:  # of the file, or of a folder that it lies in
        told = f"You may not read {path}; change its permissions, or its folder's, or choose another file."
        raise WeightsError(told) from error
    except (OSError, ValueError):
        regular = False
    if not regular:
        raise WeightsError(f"There is no file {path}; give the path of a .pth or .safetensors checkpoint.")


def _parse_config(text: str, name: str) -> SamConfig:
    with described(name):
        return SamConfig.from_dict(json.loads(text))


@contextmanager
def described(name: str) -> Iterator[None]:
    """Say in one sentence that the description of an architecture in a file is none that is known here.

    Raises
    ------
    WeightsError
        In place of whatever comes of odd values.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(
            f"The description of the architecture in {name} cannot be read ({error}); it may come from a"
            " newer napari-sam: update it, or choose another checkpoint."
        ) from error


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        return path.suffix == ".safetensors" or file.read(9)[8:] == b"{"


def _read_safetensors(path: Path) -> tuple[State, dict[str, str]]:
    with _opened(path) as file:
        # copies: what is given are views of the file, which may be written anew while its model is in use
        state = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
        return state, dict(file.metadata() or {})


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return what a file says of itself, without reading its weights; nothing for a pickle.

    Raises
    ------
    WeightsError
        If the file is missing or damaged.
    """
    path = Path(path)
    _check_file(path)
    if not _is_safetensors(path):
        return {}
    with _opened(path) as file:
        return dict(file.metadata() or {})


def check_name(path: Path) -> None:
    """Make sure that safetensors can read a file of this name.

    Raises
    ------
    WeightsError
        If the name, or that of a folder that it lies in, is not UTF-8.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError as error:
        raise WeightsError(
            f"{path} has a name, or lies in a folder of a name, that is not UTF-8; rename it."
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    check_name(path)
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path.name} is damaged or cut short; download or copy it again.") from error


def _read_pickle(path: Path) -> Any:
    try:
        with warnings.catch_warnings():  # of protocol 3, which torch reads
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):  # the pickle's instruction to import something
            raise WeightsError(f"{path.name} {MORE_THAN_WEIGHTS}") from error
        if NEWER_PICKLE in str(error):
            raise WeightsError(
                f"{path.name} is pickled by protocol 4 or 5, which cannot be read without running code in it;"
                " ask its author to save it by torch.save as that is by default, or as .safetensors."
            ) from error
        raise WeightsError(f"{path.name} is no checkpoint, or is damaged; download it again.") from error
    except Exception as error:  # damaged bytes lead the unpickler into errors of any kind
        if is_memory_error(error):
            raise
        if "TorchScript" in str(error):
            raise WeightsError(f"{path.name} {MORE_THAN_WEIGHTS}") from error
        raise WeightsError(f"{path.name} is damaged or cut short; download or copy it again.") from error


def unwrap(stored: Any, name: str) -> State:
    """Find the weights in what a file held, whatever they are wrapped in.

    Raises
    ------
    WeightsError
        If there are none.
    """
    for key in WRAPPINGS:
        if isinstance(stored, Mapping) and isinstance(stored.get(key), Mapping):
            stored = stored[key]
    items = stored.items() if isinstance(stored, Mapping) else ()
    named = ((key, value) for key, value in items if isinstance(key, str) and isinstance(value, Tensor))
    state = {key.replace(COMPILED, ""): value for key, value in named}
    first = next((key for key in state if ENCODER in f".{key}"), None)
    if first is None:
        raise WeightsError(
            f"{name} holds no Segment Anything weights by Meta's names, which transformers and others change;"
            " choose a SAM checkpoint in Meta's layout."
        )
    prefix = first[: f".{first}".index(ENCODER)]  # of DataParallel, Lightning, micro-sam
    state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return {k: v for k, v in state.items() if k not in NOT_WEIGHTS and not k.startswith(CLASSIFIER)}
