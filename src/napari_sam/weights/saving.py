"""Weights into a file: written at once, and the same ones always as the same bytes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from napari_sam.errors import WeightsError
from napari_sam.files.writing import at_once
from napari_sam.model import Sam

from .checkpoint import CONFIG_KEY

LENGTH = 8
"""Bytes at the beginning of a file that tell how long its header is, as its format has it."""


def save_checkpoint(
    path: str | os.PathLike[str],
    sam: Sam,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write weights as safetensors with their architecture; a failure leaves an older file as it was.

    The same weights and words give the same bytes.

    Parameters
    ----------
    path : str or path
    sam : Sam
    metadata : mapping of str to str, optional
        Whatever else the file should say of itself.
    dtype : torch.dtype
        Of the floating-point weights in the file.

    Raises
    ------
    WeightsError
        If the file cannot be written.
    """
    path = Path(path)
    state = {
        key: (value.to(dtype) if value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in sam.state_dict().items()
    }
    config = json.dumps(sam.config.to_dict())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with at_once(path) as part:
            save_file(state, part, {**_as_text(metadata or {}), CONFIG_KEY: config})
            _put_in_order(part)
            part.chmod(part.parent.stat().st_mode & 0o666)  # some safetensors let nobody else read it
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path} could not be written ({error}); free some space or choose another place."
        ) from error


def _as_text(metadata: Mapping[str, str]) -> dict[str, str]:
    """Write out bytes of names that are not UTF-8, which the file cannot hold."""
    return {key: value.encode(errors="backslashreplace").decode() for key, value in metadata.items()}


def _put_in_order(path: Path) -> None:
    """Sort what a file says of itself, which safetensors writes in a random order."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        file.seek(LENGTH)
        file.write(text.ljust(length))
