"""Layers shared by the encoders and the decoder."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
