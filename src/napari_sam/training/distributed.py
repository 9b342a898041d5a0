"""One run on several processes, as torchrun starts them: gradients are averaged, the first one writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Group:
    """A process's place among those that train together.

    Attributes
    ----------
    rank, size : int
        Number of this process, and of all; 0 and 1 without torchrun.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files and reports."""
        return self.rank == 0

    def share_start(self, module: nn.Module) -> None:
        """Give every process the first one's weights and buffers."""
        if self.size > 1:
            for value in module.state_dict().values():
                dist.broadcast(value, 0)

    def share_buffers(self, module: nn.Module) -> None:
        """Give every process the first one's buffers, such as the statistics of batch normalisation."""
        if self.size > 1:
            for buffer in module.buffers():
                dist.broadcast(buffer, 0)

    def share_number(self, number: float, device: torch.device) -> float:
        """Return the first process's number."""
        if self.size == 1:
            return number
        shared = torch.tensor(number, dtype=torch.float32, device=device)
        dist.broadcast(shared, 0)
        return float(shared)

    def average_gradients(self, module: nn.Module) -> None:
        """Replace every process's gradients by their mean; a weight without any in all keeps none."""
        if self.size == 1:
            return
        learning = [p for p in module.parameters() if p.requires_grad]
        known = torch.tensor([p.grad is not None for p in learning], dtype=torch.float32)
        known = known.to(learning[0].device)
        dist.all_reduce(known)
        used = [p for p, count in zip(learning, known.tolist(), strict=True) if count]
        if not used:
            return
        total = torch.cat([_gradient(p).flatten() for p in used])
        dist.all_reduce(total)
        parts = (total / self.size).split([p.numel() for p in used])
        for parameter, part in zip(used, parts, strict=True):
            parameter.grad = part.view_as(parameter).clone()


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


@contextmanager
def training_group(device: torch.device) -> Iterator[Group]:
    """Join the processes that torchrun started, if it did, while the block runs.

    Parameters
    ----------
    device : torch.device
        What this process trains on: nccl connects GPUs, gloo all else.

    Yields
    ------
    Group
    """
    size = processes()
    if size == 1:
        yield Group()
        return
    if dist.is_initialized():  # the caller has joined, and leaves
        yield Group(dist.get_rank(), size)
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Group(dist.get_rank(), size)
        dist.barrier()
    finally:
        dist.destroy_process_group()


def processes() -> int:
    """Return how many processes torchrun started, 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def writes() -> bool:
    """Tell whether this process is the first of those that torchrun started, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def own_device(device: torch.device) -> torch.device:
    """Return this process's own GPU where torchrun started one process for each."""
    local = os.environ.get("LOCAL_RANK")
    return torch.device(f"cuda:{local}") if local and str(device) == "cuda" else device
