"""Layers shared by the encoders and the decoder."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels of (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W) over C at every pixel; same shape and dtype."""
        return self.over_last(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    def over_last(self, x: Tensor) -> Tensor:
        """Normalise (..., C) over C."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class ConvNorm(nn.Sequential):
    """A convolution and the batch normalisation after it, which are one convolution where nothing learns.

    In evaluation mode and without gradients, the norm is multiplied into the kernels, once for as long as
    the weights stay what they are.

    Parameters
    ----------
    channels_in, channels_out, stride, kernel, groups : int

    Attributes
    ----------
    NAMES : (str, str)
        Of both in a checkpoint.
    """

    NAMES = ("0", "1")

    def __init__(
        self, channels_in: int, channels_out: int, stride: int = 1, kernel: int = 3, groups: int = 1
    ) -> None:
        conv = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(OrderedDict(zip(self.NAMES, (conv, nn.BatchNorm2d(channels_out)), strict=True)))
        self._folded: tuple[object, Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels_in, H, W) to (B, channels_out, H / stride, W / stride)."""
        if self.training or torch.is_grad_enabled():
            self._folded = None  # the statistics change without telling
            return cast(Tensor, super().forward(x))  # type: ignore[no-untyped-call]  # not in its stub
        conv = cast(nn.Conv2d, self[0])
        weight, bias = self._one_convolution(computed_in(x, conv.weight))
        return F.conv2d(x, weight, bias, conv.stride, conv.padding, groups=conv.groups)

    def _one_convolution(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return kernels and biases that do both, in the dtype that is computed in."""
        kernels, norm = cast(nn.Conv2d, self[0]).weight, cast(nn.BatchNorm2d, self[1])
        mean, var = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        now = dtype, *map(_state, (kernels, mean, var, norm.weight, norm.bias))
        folded = self._folded
        if folded is None or folded[0] != now:
            weight, bias = fuse_conv_bn_weights(kernels, None, mean, var, norm.eps, norm.weight, norm.bias)
            folded = now, weight.to(dtype, memory_format=torch.channels_last), bias.to(dtype)
            self._folded = folded
        return folded[1:]


def _state(tensor: Tensor) -> tuple[int, int]:
    """Return what changes when a tensor does."""
    return tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version


def computed_in(x: Tensor, weight: Tensor) -> torch.dtype:
    """Return the dtype in which a convolution of `x` is computed: autocast's, or the weights'."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


class MLP(nn.Module):
    """Linear layers with ReLU between them (hypernetworks and IoU head).

    Parameters
    ----------
    width, hidden, out : int
        Channels in, in the middle, and out.
    depth : int
        Number of linear layers.
    """

    def __init__(self, width: int, hidden: int, out: int, depth: int) -> None:
        super().__init__()
        sizes = [width, *[hidden] * (depth - 1), out]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., out)."""
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        out: Tensor = self.layers[-1](x)
        return out


class TwoLinear(nn.Module):
    """The perceptron of a transformer's layer: there to more channels and back.

    Parameters
    ----------
    width, hidden : int
        Channels of the input and output, and in the middle.
    between : callable
        The activation.
    """

    def __init__(self, width: int, hidden: int, between: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.between = between
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        out: Tensor = self.lin2(self.between(self.lin1(x)))
        return out


def side_by_side(perceptrons: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Run M `MLP`s of the same sizes at once, each on vectors of its own: (B, M, width) to (B, M, out).

    For one prompt, what takes the time is to start an operation, not to do it.
    """
    depths = list(zip(*(cast(MLP, each).layers for each in perceptrons), strict=True))
    x = x.transpose(0, 1)
    for depth, layers in enumerate(depths):
        weight = torch.stack([cast(nn.Linear, layer).weight for layer in layers])
        bias = torch.stack([cast(nn.Linear, layer).bias for layer in layers])
        x = torch.baddbmm(bias[:, None], F.relu(x) if depth else x, weight.transpose(1, 2))
    return x.transpose(0, 1)
