"""From a name or a file to a network with verified weights."""

from .checkpoint import Checkpoint, check_name, read_checkpoint, read_metadata
from .device import choose_device, choose_dtype, memory_errors
from .download import download
from .loading import TRAINED, LoadedModel, load_model, locate, on_cpu
from .registry import ModelEntry, find_model, list_models
from .saving import save_checkpoint

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
