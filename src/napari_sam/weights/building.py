"""The network of a checkpoint, with every weight in its place."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from napari_sam.errors import WeightsError
from napari_sam.model import Sam, ViTConfig

from .checkpoint import Checkpoint, described


def build(checkpoint: Checkpoint, name: str) -> Sam:
    """Make the network of a checkpoint, in float32, on the CPU, in evaluation mode.

    Raises
    ------
    WeightsError
        If there is no such network, keys are unknown or missing, shapes differ, or a weight is not finite.
    """
    with torch.device("meta"), _Unfilled(), described(name):
        _check_depths(checkpoint)
        sam = Sam(checkpoint.config)
    expected = sam.state_dict()
    state = {k: v.float() if v.is_floating_point() else v for k, v in checkpoint.state.items()}
    shapes = [key for key in expected.keys() & state.keys() if not _fits(state[key], expected[key])]
    problems = {
        "unknown": sorted(state.keys() - expected.keys()),
        "missing": sorted(expected.keys() - state.keys()),
        "of another shape or kind": sorted(shapes),
    }
    found = [f"{len(keys)} {what} (such as {', '.join(keys[:3])})" for what, keys in problems.items() if keys]
    if found:
        raise WeightsError(
            f"{name} does not fit the {checkpoint.config.name} architecture: weights {', '.join(found)};"
            " choose an unmodified SAM checkpoint."
        )
    if broken := next((key for key in expected if not _is_finite(state[key])), None):
        raise WeightsError(
            f"{name} holds weights that are not finite (NaN or infinite), {broken} first, with which nothing"
            " can be found; download or copy it again, or choose another checkpoint."
        )
    sam.load_state_dict(state, assign=True)
    sam.set_pixel_statistics()
    return sam.requires_grad_(False).eval()


def _check_depths(checkpoint: Checkpoint) -> None:
    """Raise `ValueError` if a network has more blocks than there are weights: a billion take for ever."""
    encoder, decoder = checkpoint.config.encoder, checkpoint.config.decoder
    depths = (encoder.depth,) if isinstance(encoder, ViTConfig) else encoder.depths
    if (deepest := max(*depths, decoder.depth)) > len(checkpoint.state):
        raise ValueError(f"{deepest} blocks, of only {len(checkpoint.state)} weights")


class _Unfilled(TorchFunctionMode):
    """Fills no weights, which are replaced at once: for random ones torch imports half of itself first."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Return weights as they are, and empty ones in place of random ones."""
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return (torch.empty if func is torch.randn else func)(*args, **kwargs)


def _fits(value: Tensor, wanted: Tensor) -> bool:
    if value.is_meta or value.is_nested or value.layout != torch.strided:  # empty, ragged or sparse
        return False
    return value.shape == wanted.shape and value.is_floating_point() == wanted.is_floating_point()


def _is_finite(value: Tensor) -> bool:
    # a sum is not finite if a number is not, and takes a tenth of the time; that of huge ones may overflow
    return bool(value.sum().isfinite() or value.isfinite().all())
