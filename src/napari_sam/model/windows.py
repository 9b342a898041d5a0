"""Windows of features around prompts, with nothing where the image ends."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .features import Features


def cut_windows(features: Features, index: Tensor, origin: Tensor, size: int) -> Features:
    """Cut one window a prompt from features at strides 8, 4 and 2.

    Parameters
    ----------
    features : Features
        Of B images.
    index : (P,) int
        The image each window is cut from.
    origin : (P, 2) int
        Row and column of each window's first token; windows may leave the image.
    size : int
        Side of a window, in tokens.

    Returns
    -------
    Features
        Of P windows: (P, C, size, size), and the others 2 and 4 times as large; zeros outside the image.
    """
    return features.each(lambda plane, finer: _cut(plane, index, origin << finer, size << finer))


def _cut(plane: Tensor, index: Tensor, origin: Tensor, size: int) -> Tensor:
    """Cut with the channels last in memory: the decoder adds and multiplies them pixel by pixel."""
    images = plane.permute(0, 2, 3, 1)
    sliced = plane.device.type == "cpu" and not plane.requires_grad
    return (_slices if sliced else _gathered)(images, index, origin, size).permute(0, 3, 1, 2)


def _slices(images: Tensor, index: Tensor, origin: Tensor, size: int) -> Tensor:
    """Cut (P, size, size, C) windows out of (B, H, W, C) images one by one, the fastest way of a CPU."""
    windows = []
    for image, (top, left) in zip(index.tolist(), origin.tolist(), strict=True):
        inside = images[image, max(top, 0) : max(top + size, 0), max(left, 0) : max(left + size, 0)]
        if inside.shape[:2] != (size, size):
            before_row, before_col = min(max(-top, 0), size), min(max(-left, 0), size)
            after_row = size - before_row - inside.shape[0]
            after_col = size - before_col - inside.shape[1]
            inside = F.pad(inside, (0, 0, before_col, after_col, before_row, after_row))
        windows.append(inside)
    return torch.stack(windows) if len(windows) > 1 else windows[0][None]


def _gathered(images: Tensor, index: Tensor, origin: Tensor, size: int) -> Tensor:
    """Cut the same at once: few kernels for a GPU, and no gradient of a whole image for each window."""
    height, width, channels = images.shape[1:]
    index, steps = index.to(images.device), torch.arange(size, device=images.device)
    top, left = origin.to(images.device).split(1, dim=1)
    rows, cols = (top + steps)[:, :, None], (left + steps)[:, None]
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
    lines = index[:, None, None] * height + rows.clamp(0, height - 1)
    places = lines * width + cols.clamp(0, width - 1)
    found = images.reshape(-1, channels).index_select(0, places.flatten())
    windows: Tensor = found.view(*places.shape, channels) * inside[..., None]
    return windows
