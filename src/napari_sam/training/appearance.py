"""What an image looks like, varied so that shapes are learned and not one laboratory's textures."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from .synthetic.layouts import log_uniform
from .synthetic.optics import uneven_light
from .synthetic.shapes import Rng


def augment(image: Tensor, rng: Rng) -> Tensor:
    """Vary colour, texture, contrast, light, sharpness and noise of (3, Y, X) pixels of 0 to 255."""
    x = recoloured(image / 255, rng)
    if rng.random() < 0.2:
        x = retextured(x, rng)
    if rng.random() < 0.25:
        x = 1 - x
    if rng.random() < 0.6:
        x = x.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.4)))
    if rng.random() < 0.2:
        x = retoned(x, rng)
    if rng.random() < 0.5:
        x = (x - x.mean()) * log_uniform(rng, 0.5, 2.0) + x.mean() + rng.normal(0, 0.08)
    x = in_range(x)
    if rng.random() < 0.3:
        x = x * torch.from_numpy(uneven_light((x.shape[1], x.shape[2]), rng))
    if rng.random() < 0.4:
        x = refocused(x, rng)
    if rng.random() < 0.4:
        noise = rng.standard_normal(x.shape if rng.random() < 0.5 else x.shape[1:], dtype=np.float32)
        x = x + torch.from_numpy(noise) * rng.uniform(0.01, 0.08)
    return (x.clamp(0, 1) * 255).contiguous()


def in_range(x: Tensor) -> Tensor:
    """Bring (3, Y, X) pixels into 0 to 1 where they are not: what is cut off, nobody could outline."""
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=1)
    return (x - low) / (high - low)


def recoloured(x: Tensor, rng: Rng) -> Tensor:
    """Swap, mix or drop the colours of (3, Y, X) pixels of 0 to 1."""
    if rng.random() < 0.5:
        x = x[torch.from_numpy(rng.permutation(3))]
    if rng.random() < 0.3:
        mix = torch.from_numpy(rng.dirichlet(np.ones(3), size=3)).float()
        x = (mix @ x.flatten(1)).view_as(x)
    if rng.random() < 0.2:
        x = x.mean(0, keepdim=True).expand(3, -1, -1)
    return x


def retextured(x: Tensor, rng: Rng) -> Tensor:
    """Blend (3, Y, X) pixels with themselves behind a random filter of 3 x 3, of the same mean and contrast.

    Shapes stay where they are and textures change (Xu et al., "Robust and generalizable visual
    representation learning via random convolutions", ICLR 2021); all channels get the same filter.
    """
    kernel = torch.from_numpy(rng.standard_normal((1, 1, 3, 3), dtype=np.float32))
    other = F.conv2d(F.pad(x[:, None], (1, 1, 1, 1), mode="replicate"), kernel)[:, 0]
    contrast = x.std() / other.std().clamp(min=1e-6)
    share = float(rng.uniform(0.2, 0.8))
    return (1 - share) * x + share * ((other - other.mean()) * contrast + x.mean())


def retoned(x: Tensor, rng: Rng) -> Tensor:
    """Send (3, Y, X) pixels of 0 to 1 through a random rising curve, the same for all channels."""
    rises = rng.dirichlet(np.full(5, 1.5))
    curve = np.concatenate([[0.0], np.cumsum(rises)])
    toned = np.interp(x.clamp(0, 1).numpy(), np.linspace(0, 1, len(curve)), curve)
    return torch.from_numpy(toned.astype(np.float32))


def refocused(x: Tensor, rng: Rng) -> Tensor:
    """Blur (3, Y, X) pixels, or sharpen them, which rings at borders as some cameras' software does."""
    blurred = torch.from_numpy(ndimage.gaussian_filter(x.numpy(), (0, *[rng.uniform(0.3, 1.8)] * 2)))
    return blurred if rng.random() < 0.75 else x + float(rng.uniform(0.3, 1.5)) * (x - blurred)
