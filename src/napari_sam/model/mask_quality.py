"""How good a mask is, judged from the mask itself and what lies under it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RING = 7
"""Side of the square, in pixels of the logits, by which a mask is widened to see its surroundings."""
OFFSETS = (1.0, 2.0, 4.0)
"""Logits by which the threshold is moved to see how stable a mask is (paper, appendix B)."""
STATISTICS = 4 + len(OFFSETS)


class MaskQuality(nn.Module):
    """Correct predicted IoUs by looking at the masks.

    The IoU token has attended to the image before there was a mask. Whether a mask is vague, leaves
    the window, or has the same texture inside and outside shows only afterwards; candidates of several
    scales differ in just that.

    Parameters
    ----------
    width : int
        Channels of the tokens.
    channels : int
        Channels of the upscaled features that masks are made from.
    hidden : int
        Width inside.
    """

    def __init__(self, width: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.inside = nn.Linear(width + 3 * channels + STATISTICS, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, logits: Tensor, features: Tensor, tokens: Tensor) -> Tensor:
        """Return what to add to the predicted IoUs.

        Parameters
        ----------
        logits : (B, M, h, w)
        features : (B, channels, h, w)
            Upscaled features.
        tokens : (B, M, width)
            The mask tokens.

        Returns
        -------
        (B, M)
        """
        logits = logits.detach().float()
        mask = logits.sigmoid()
        ring = widened(mask) - mask
        edge = mask * (1 - mask)
        flat = features.flatten(2).transpose(1, 2)
        pooled = [average(weights, flat) for weights in (mask, ring, edge)]
        seen = torch.cat([tokens, *pooled, self.statistics(logits, mask, edge).to(tokens.dtype)], dim=-1)
        x = F.relu(self.middle(F.relu(self.inside(seen))))
        out: Tensor = self.out(x)[..., 0]
        return out

    @staticmethod
    def statistics(logits: Tensor, mask: Tensor, edge: Tensor) -> Tensor:
        """Describe (B, M, h, w) masks by numbers of about one: size, vagueness, cuts, stability."""
        area = mask.mean(dim=(2, 3))
        border = [mask[:, :, 0], mask[:, :, -1], mask[..., 0], mask[..., -1]]
        cut = torch.cat(border, dim=-1).mean(dim=-1)
        total = area + 1e-4
        numbers = [total.log() / 4, edge.mean(dim=(2, 3)) / total, cut, cut / total.sqrt()]
        for offset in OFFSETS:
            narrow, wide = (logits > offset).flatten(2).sum(2), (logits > -offset).flatten(2).sum(2)
            numbers.append(narrow / wide.clamp(min=1))
        return torch.stack(numbers, dim=-1)


def widened(mask: Tensor) -> Tensor:
    """Return each pixel's maximum over a square of `RING` pixels, of a mask of 0 and more.

    Down, then across, by shifting: on a CPU some 15 times as quick as `max_pool2d`.
    """
    for axis, edges in ((-2, (0, 0, RING // 2, RING // 2)), (-1, (RING // 2, RING // 2))):
        length, padded = mask.shape[axis], F.pad(mask, edges)
        mask = padded.narrow(axis, 0, length)
        for shift in range(1, RING):
            mask = torch.maximum(mask, padded.narrow(axis, shift, length))
    return mask


def average(weights: Tensor, features: Tensor) -> Tensor:
    """Average (B, hw, C) features by (B, M, h, w) weights; (B, M, C)."""
    flat = weights.flatten(2)
    normalised = flat / (flat.sum(dim=-1, keepdim=True) + 1e-3)
    return normalised.to(features.dtype) @ features
