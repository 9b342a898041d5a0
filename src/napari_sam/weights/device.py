"""Where and how precisely to compute, decided by what the machine can do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import torch

from napari_sam.errors import OutOfMemoryError, WeightsError

Precision = Literal["auto", "float32", "bfloat16"]


def choose_device(device: str = "auto") -> torch.device:
    """Return a device that is there: as asked, or CUDA, then MPS, then the CPU.

    Parameters
    ----------
    device : str
        ``"auto"`` (where ``NAPARI_SAM_DEVICE`` may say another), ``"cpu"``, ``"cuda"``, ``"cuda:1"``
        or ``"mps"``.

    Raises
    ------
    WeightsError
        If there is no such device.
    """
    if device == "auto":
        device = os.environ.get("NAPARI_SAM_DEVICE") or "auto"
    if device == "auto":
        device = next((kind for kind in ("cuda", "mps") if _count(kind)), "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise WeightsError(f"{device!r} is no device; choose auto, cpu, cuda or mps.") from error
    if (chosen.index or 0) >= _count(chosen.type):
        raise WeightsError(f"There is no device {device!r} on this computer; choose auto or cpu.")
    return chosen


def _count(kind: str) -> int:
    if kind == "cuda":
        return torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    return int(kind == "cpu")


def choose_dtype(device: torch.device, precision: Precision = "auto") -> torch.dtype:
    """Return the dtype to compute in: bfloat16 only where the hardware is quicker in it.

    Parameters
    ----------
    device : torch.device
    precision : "auto", "float32" or "bfloat16"

    Raises
    ------
    WeightsError
        If the precision is unknown.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise WeightsError(f"The precision {precision!r} is unknown; choose auto, float32 or bfloat16.")
    if precision == "auto":
        precision = "bfloat16" if _is_quicker_in_bfloat16(device) else "float32"
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def _is_quicker_in_bfloat16(device: torch.device) -> bool:
    """Say so of graphics cards since 2020, CPUs with matrix instructions, and AMD's with bfloat16 ones.

    Intel's CPUs without matrix instructions have the same bfloat16 ones, but take 1.5 times as long in them
    as in float32, where AMD's take half as long (`benchmarks/README.md`).
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    has_matrices = getattr(torch.cpu, "_is_amx_tile_supported", bool)
    known: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(has_matrices() or (known.get("avx512_bf16") and "AMD" in known.get("cpu_name", "")))


@contextmanager
def memory_errors(device: torch.device, name: str) -> Iterator[None]:
    """Turn torch's and numpy's ways of running out of memory into one sentence.

    Raises
    ------
    OutOfMemoryError
        In place of their own errors.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_memory_error(error):
            raise
        full = "cpu" if _is_of_the_computer(error) else device
        raise OutOfMemoryError(
            f"The device {full} ran out of memory with {name}; close other programs, choose the CPU or"
            " use a smaller image or model."
        ) from error


def is_memory_error(error: Exception) -> bool:
    """Tell whether an error means that a device or the computer has no memory left."""
    text = str(error).lower()
    # CUDA and MPS, CUDA's libraries, MPS, Linux, Windows; of processes that make batches, numpy and Linux
    phrases = (
        "out of memory", "status_alloc_failed", "invalid buffer size", "can't allocate memory",
        "not enough memory", "unable to allocate", "killed by signal: killed", "out of shared memory",
    )  # fmt: skip
    return isinstance(error, MemoryError) or any(phrase in text for phrase in phrases)


def _is_of_the_computer(error: Exception) -> bool:
    """Tell whether it is the computer's own memory that an error speaks of, whatever device is used."""
    return isinstance(error, MemoryError) or "DefaultCPUAllocator" in str(error)
