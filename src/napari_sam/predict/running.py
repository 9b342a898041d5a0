"""How a network is run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch

from napari_sam.weights import LoadedModel, memory_errors


@contextmanager
def running(model: LoadedModel) -> Iterator[None]:
    """Run the network: no gradients, the model's precision, and a clear error when memory runs out.

    Raises
    ------
    OutOfMemoryError
        In place of torch's own errors.
    """
    reduced = model.dtype != torch.float32
    autocast = torch.autocast(model.device.type, dtype=model.dtype) if reduced else nullcontext()
    with memory_errors(model.device, model.name), torch.inference_mode(), autocast:
        yield
