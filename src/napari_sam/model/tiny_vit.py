"""MobileSAM's image encoder: a TinyViT of convolutions, then attention in windows, with Meta's neck.

The architecture is that of arXiv 2207.10666, without its last reduction, as arXiv 2306.14289 trained it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import TinyViTConfig
from .features import Features
from .image_encoder import make_neck, partition, unpartition
from .layers import ConvNorm

EXPANSION = 4
"""Channels in the middle of a block over those at its ends."""
STRIDES = (2, 2, 1)
"""Of the reductions between the four stages."""


class NamedConvNorm(ConvNorm):
    """A convolution and its norm by the names of TinyViT's checkpoints."""

    NAMES = ("c", "bn")


class Embed(nn.Module):
    """Two strided convolutions, to a quarter of the image's side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.seq = nn.Sequential(
            NamedConvNorm(3, width // 2, stride=2), nn.GELU(), NamedConvNorm(width // 2, width, stride=2)
        )

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, width, H / 4, W / 4)."""
        out: Tensor = self.seq(image)
        return out


class Bottleneck(nn.Module):
    """To other channels, each of which is filtered by itself, and from these to those of the output."""

    def __init__(self, width: int, hidden: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = NamedConvNorm(width, hidden, kernel=1)
        self.conv2 = NamedConvNorm(hidden, hidden, stride, groups=hidden)
        self.conv3 = NamedConvNorm(hidden, out, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, h, w) to (B, out, h / stride, w / stride)."""
        out: Tensor = self.conv3(F.gelu(self.conv2(F.gelu(self.conv1(x)))))
        return out


class ConvBlock(Bottleneck):
    """An inverted bottleneck: channels expanded, filtered and brought back; residual."""

    def __init__(self, width: int) -> None:
        super().__init__(width, EXPANSION * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Update (B, width, h, w)."""
        return F.gelu(x + super().forward(x))


class WindowAttention(nn.Module):
    """Self-attention in windows, with a bias for how far apart two tokens are along each axis."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.attention_biases = nn.Parameter(torch.zeros(heads, window**2))

    def forward(self, x: Tensor) -> Tensor:
        """Attend among (B, h, w, width) tokens; same shape. Windows are filled up with tokens of zeros."""
        parts = partition(self.norm(x), self.window, self.norm.bias).flatten(1, 2)
        # head by head queries, keys and values, where Meta has the queries of all heads first
        q, k, v = self.qkv(parts).unflatten(-1, (self.heads, 3, -1)).permute(3, 0, 2, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, self._bias().to(q.dtype))
        out: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return unpartition(out.unflatten(1, (self.window, self.window)), *x.shape[1:3])

    def _bias(self) -> Tensor:
        """Return the bias of each query at each key of a window: (heads, window**2, window**2)."""
        axis = torch.arange(self.window, device=self.attention_biases.device)
        apart = (axis[:, None] - axis).abs()
        index = self.window * apart[:, None, :, None] + apart[None, :, None, :]
        return self.attention_biases[:, index.flatten(2).flatten(0, 1)]


class Perceptron(nn.Module):
    """A norm and two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, EXPANSION * width)
        self.fc2 = nn.Linear(EXPANSION * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(self.norm(x))))
        return out


class AttentionBlock(nn.Module):
    """Attention in windows, a convolution across their borders, and a perceptron."""

    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.attn = WindowAttention(width, heads, window)
        self.local_conv = NamedConvNorm(width, width, groups=width)
        self.mlp = Perceptron(width)

    def forward(self, x: Tensor) -> Tensor:
        """Update (B, width, h, w), whose channels are last in memory."""
        tokens = x.permute(0, 2, 3, 1)
        x = self.local_conv((tokens + self.attn(tokens)).permute(0, 3, 1, 2))
        tokens = x.permute(0, 2, 3, 1)
        out: Tensor = tokens + self.mlp(tokens)
        return out.permute(0, 3, 1, 2)


class Stage(nn.Module):
    """Blocks of one resolution, and the way to the next stage, if there is one."""

    def __init__(self, blocks: list[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        """Map the features of one stage to those that the next one begins with."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class ImageEncoderTinyViT(nn.Module):
    """A TinyViT at strides 4, 8 and 16, and a convolutional neck.

    Parameters
    ----------
    encoder : TinyViTConfig
        Sizes; parameters carry the names of MobileSAM's checkpoint.
    out : int
        Channels of the embedding.
    """

    def __init__(self, encoder: TinyViTConfig, out: int) -> None:
        super().__init__()
        widths, depths = encoder.widths, encoder.depths
        stages: list[list[nn.Module]] = [[ConvBlock(widths[0]) for _ in range(depths[0])]]
        for width, heads, window, depth in zip(
            widths[1:], encoder.heads, encoder.windows, depths[1:], strict=True
        ):
            stages.append([AttentionBlock(width, heads, window) for _ in range(depth)])
        reductions = [
            Bottleneck(width, wider, wider, stride)
            for width, wider, stride in zip(widths, widths[1:], STRIDES, strict=False)
        ]
        self.patch_embed = Embed(widths[0])
        self.layers = nn.ModuleList(map(Stage, stages, (*reductions, None)))
        self.neck = make_neck(widths[-1], out)

    def forward(self, image: Tensor) -> Features:
        """Encode (B, 3, image_size, image_size) normalised images, zero-padded at the right and bottom."""
        x = self.patch_embed(image.contiguous(memory_format=torch.channels_last))
        for stage in self.layers:
            x = stage(x)
        return Features(self.neck(x))
