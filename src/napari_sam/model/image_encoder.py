"""The vision-transformer image encoder (paper, appendix A; ViTDet's windows)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import ViTConfig
from .features import Features
from .layers import LayerNorm2d, TwoLinear
from .relative_attention import attend

STRIP = 14
"""Rows of tokens that a CPU takes through a perceptron at once, in memory that it has just used: fresh memory
costs nearly as much as the arithmetic."""


class PatchEmbed(nn.Module):
    """Cut the image into patches and project each to a token."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, H / patch, W / patch, width)."""
        tokens: Tensor = self.proj(image)
        return tokens.permute(0, 2, 3, 1)


class RelativeAttention(nn.Module):
    """Self-attention over a rectangle of tokens with decomposed relative positions.

    Parameters
    ----------
    width, heads : int
        Channels of the tokens, number of heads.
    window : int
        Side of the windows that tokens attend within, those at the right and bottom filled with
        tokens of zeros; 0 for global attention.
    size : int
        Side of the image in tokens.
    """

    def __init__(self, width: int, heads: int, window: int, size: int) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        differences = 2 * (window or size) - 1
        self.rel_pos_h = nn.Parameter(torch.zeros(differences, width // heads))
        self.rel_pos_w = nn.Parameter(torch.zeros(differences, width // heads))

    def forward(self, x: Tensor) -> Tensor:
        """Attend among (B, h, w, width) tokens; same shape."""
        parts: Tensor = self.qkv(x)
        if self.window:
            parts = partition(parts, self.window, self.qkv.bias)
        h, w = parts.shape[1:3]
        q, k, v = parts.reshape(len(parts), h * w, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        heads = attend(q, k, v, relative_positions(self.rel_pos_h, h), relative_positions(self.rel_pos_w, w))
        attended = heads.transpose(1, 2).reshape(len(parts), h, w, -1)
        if self.window:
            attended = unpartition(attended, *x.shape[1:3])
        out: Tensor = self.proj(attended)
        return out


class Block(nn.Module):
    """Attention, in windows or over the whole image, and a perceptron; both residual.

    Parameters
    ----------
    encoder : ViTConfig
        Sizes.
    window : int
        Side of an attention window in tokens; 0 for global attention.
    size : int
        Side of the image in tokens.
    """

    def __init__(self, encoder: ViTConfig, window: int, size: int) -> None:
        super().__init__()
        self.window = window
        self.norm1 = nn.LayerNorm(encoder.width, eps=1e-6)
        self.attn = RelativeAttention(encoder.width, encoder.heads, window, size)
        self.norm2 = nn.LayerNorm(encoder.width, eps=1e-6)
        self.mlp = TwoLinear(encoder.width, 4 * encoder.width, F.gelu)

    def forward(self, x: Tensor) -> Tensor:
        """Update (B, h, w, width) tokens."""
        if not self.window:
            x = x + self.attn(self.norm1(x))
        if x.device.type != "cpu":
            return self._apart(x)
        return torch.cat([self._apart(strip) for strip in x.split(self.window or STRIP, dim=1)], dim=1)

    def _apart(self, x: Tensor) -> Tensor:
        """Do to (B, h, w, width) tokens what one strip of windows does not need another for."""
        if self.window:
            x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class ImageEncoderViT(nn.Module):
    """A ViT with windowed and global attention and a convolutional neck.

    Parameters
    ----------
    encoder : ViTConfig
        Sizes; parameters carry the names of Meta's checkpoints.
    size : int
        Side of the image in tokens.
    width : int
        Channels of the embedding.
    """

    def __init__(self, encoder: ViTConfig, size: int, width: int) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(encoder.width, encoder.patch)
        self.pos_embed = nn.Parameter(torch.zeros(1, size, size, encoder.width))
        self.blocks = nn.ModuleList(
            Block(encoder, 0 if i in encoder.global_blocks else encoder.window, size)
            for i in range(encoder.depth)
        )
        self.neck = make_neck(encoder.width, width)

    def forward(self, image: Tensor) -> Features:
        """Encode (B, 3, image_size, image_size) normalised images, zero-padded at the right and bottom."""
        x = self.patch_embed(image) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return Features(self.neck(x.permute(0, 3, 1, 2)))


def make_neck(width: int, out: int) -> nn.Sequential:
    """Return what makes an embedding of `out` channels of an encoder's last features."""
    return nn.Sequential(
        nn.Conv2d(width, out, 1, bias=False),
        LayerNorm2d(out),
        nn.Conv2d(out, out, 3, padding=1, bias=False),
        LayerNorm2d(out),
    )


def relative_positions(table: Tensor, size: int) -> Tensor:
    """Look up the embedding of every pair of positions along one axis.

    Parameters
    ----------
    table : (2 * trained size - 1, C)
        Embeddings of the differences query - key, ascending; resampled linearly if `size`
        is not the trained one.
    size : int
        Tokens along the axis.

    Returns
    -------
    (size, size, C)
        Indexed by query, then key.
    """
    wanted = 2 * size - 1
    if len(table) != wanted:
        table = F.interpolate(table.T[None], wanted, mode="linear")[0].T
    index = torch.arange(size, device=table.device)
    return table[index[:, None] - index + size - 1]


def partition(x: Tensor, window: int, filling: Tensor) -> Tensor:
    """Cut (B, h, w, C) into (B * windows, window, window, C), filled up with a (C,) token."""
    batch, h, w, channels = x.shape
    rows, cols = -(-h // window), -(-w // window)
    filled = x.new_empty(batch, rows * window, cols * window, channels)
    filled[:] = filling
    filled[:, :h, :w] = x
    grid = filled.view(batch, rows, window, cols, window, channels)
    return grid.transpose(2, 3).reshape(-1, window, window, channels)


def unpartition(windows: Tensor, h: int, w: int) -> Tensor:
    """Put the windows of `partition` back together and drop the padding; (B, h, w, C)."""
    window, channels = windows.shape[-2:]
    rows, cols = -(-h // window), -(-w // window)
    grid = windows.reshape(-1, rows, cols, window, window, channels).transpose(2, 3)
    return grid.reshape(-1, rows * window, cols * window, channels)[:, :h, :w]
