"""From a name or a file to a network with verified weights."""

from typing import TYPE_CHECKING

from napari_sam.lazily import names_from

if TYPE_CHECKING:
    from .checkpoint import Checkpoint, check_name, read_checkpoint, read_metadata
    from .device import choose_device, choose_dtype, memory_errors
    from .downloading import download
    from .loading import TRAINED, LoadedModel, load_model, locate, on_cpu
    from .registry import ModelEntry, find_model, list_models
    from .saving import save_checkpoint

__getattr__, __dir__ = names_from(
    __name__,
    {
        "TRAINED": "loading",
        "Checkpoint": "checkpoint",
        "LoadedModel": "loading",
        "ModelEntry": "registry",
        "check_name": "checkpoint",
        "choose_device": "device",
        "choose_dtype": "device",
        "download": "downloading",
        "find_model": "registry",
        "list_models": "registry",
        "load_model": "loading",
        "locate": "loading",
        "memory_errors": "device",
        "on_cpu": "loading",
        "read_checkpoint": "checkpoint",
        "read_metadata": "checkpoint",
        "save_checkpoint": "saving",
    },
)

__all__ = [
    "TRAINED",
    "Checkpoint",
    "LoadedModel",
    "ModelEntry",
    "check_name",
    "choose_device",
    "choose_dtype",
    "download",
    "find_model",
    "list_models",
    "load_model",
    "locate",
    "memory_errors",
    "on_cpu",
    "read_checkpoint",
    "read_metadata",
    "save_checkpoint",
]
