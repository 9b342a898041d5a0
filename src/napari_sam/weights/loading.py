"""A name or a file becomes a network that is ready to use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pooch
import torch

from napari_sam.errors import WeightsError
from napari_sam.model import Sam, keep_in
from napari_sam.progress import Progress

from .building import build
from .checkpoint import Checkpoint, read_checkpoint
from .device import Precision, choose_device, choose_dtype, memory_errors
from .downloading import download
from .registry import find_model

TRAINED = ("model", "model-worse")
"""What `napari-sam train` calls its files, each in the folder of its run."""


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A network with verified weights.

    Attributes
    ----------
    name : str
        The registry's name, or the file's stem; of what `napari-sam train` made the run's name.
    sam : Sam
        In evaluation mode, on `device`.
    device : torch.device
    dtype : torch.dtype
        What to compute in under autocast; float32 for no autocast.
    weights_hash : str
        SHA-256 of the file.
    """

    name: str
    sam: Sam = field(repr=False)
    device: torch.device
    dtype: torch.dtype
    weights_hash: str


def load_model(
    model: str | os.PathLike[str],
    device: str = "auto",
    *,
    precision: Precision = "auto",
    progress: Progress | None = None,
) -> LoadedModel:
    """Load a model by name, downloading it if need be, or from a file.

    Parameters
    ----------
    model : str or path
        A name that `list_models` gives, or a .pth or .safetensors file.
    device : str
        ``"auto"`` takes what ``NAPARI_SAM_DEVICE`` names, or CUDA, then MPS, then the CPU.
    precision : "auto", "float32" or "bfloat16"
        ``"auto"`` takes bfloat16 where the hardware is quicker in it.
    progress : callable, optional
        Called with the bytes downloaded and their number; may raise `Cancelled`.

    Raises
    ------
    WeightsError
        If the model is unknown, its file unusable, or the device is not there.
    DownloadError
        If it cannot be downloaded.
    OutOfMemoryError
        If the device has too little memory.
    """
    chosen = choose_device(device)
    dtype = choose_dtype(chosen, precision)
    path, name = locate(model, progress)
    with memory_errors(chosen, name):
        checkpoint = read_checkpoint(path)
        sam = _prepared(build(checkpoint, path.name), chosen, dtype)
    name = name_of(path, name, checkpoint.metadata)
    return LoadedModel(name, sam, chosen, dtype, pooch.file_hash(str(path), alg="sha256"))


def name_of(path: Path, name: str, metadata: Mapping[str, str]) -> str:
    """Return what a model is called: by its run, if its file has the name that those of all runs have."""
    return (metadata.get("name") or name) if path.stem in TRAINED else name


def on_cpu(model: LoadedModel) -> LoadedModel:
    """Return the same weights on the CPU; the model stays where it is.

    Nothing is allocated on the model's device, which may be full.
    """
    state = {name: value.cpu() for name, value in model.sam.state_dict().items()}
    cpu = torch.device("cpu")
    dtype = choose_dtype(cpu)
    sam = _prepared(build(Checkpoint(state, model.sam.config, {}), model.name), cpu, dtype)
    return replace(model, sam=sam, device=cpu, dtype=dtype)


def _prepared(sam: Sam, device: torch.device, dtype: torch.dtype) -> Sam:
    """Bring a network to its device; a CPU multiplies in less than float32 without converting each time."""
    # elsewhere weights stay exact, since an image that is too large for the device goes on on the CPU
    reduced = device.type == "cpu" and dtype != torch.float32
    return keep_in(sam, dtype) if reduced else sam.to(device)


def locate(model: str | os.PathLike[str], progress: Progress | None = None) -> tuple[Path, str]:
    """Return a model's file, downloaded if need be, and its name."""
    if not isinstance(model, str | os.PathLike):
        raise WeightsError(f"{model!r} is no model; give a name that list_models gives, or a file's path.")
    path = Path(model)
    if path.suffix or os.path.isfile(path):  # noqa: PTH113 (Path's raises in a folder that may not be read)
        return path, path.stem
    entry = find_model(os.fspath(model))
    return (entry.path if entry.bundled else download(entry, progress)), entry.name
