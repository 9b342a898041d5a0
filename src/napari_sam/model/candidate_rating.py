"""Candidates of one prompt rated side by side, so that those of different scales can be compared."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CandidateRating(nn.Module):
    """Predict each candidate's IoU from a description of it and of all candidates together.

    Parameters
    ----------
    features : int
        Numbers that describe a candidate.
    hidden : int
        Width inside.

    Attributes
    ----------
    mean, spread : (features,) float32
        Of the descriptions in training; part of a checkpoint.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.each = nn.Linear(features, hidden)
        self.together = nn.Linear(2 * hidden, hidden)
        self.out = nn.Linear(hidden, 3)
        self.dropout = nn.Dropout(0.2)  # a few thousand prompts are soon known by heart

    def forward(self, descriptions: Tensor, known: Tensor | None = None) -> Tensor:
        """Rate the candidates of B prompts.

        Parameters
        ----------
        descriptions : (B, N, features)
        known : (B, N), optional
            1 for a candidate, 0 for padding.

        Returns
        -------
        (B, N, 3)
            0 to 1: expected IoU with whichever object at the prompt is nearest; with the finest one
            there, which people mean most often; and the median of the first, which is what to tell:
            most masks are good and a few are all wrong, and the mean of that is neither.
        """
        known = torch.ones_like(descriptions[..., 0]) if known is None else known
        each = self.dropout(F.relu(self.each((descriptions - self.mean) / self.spread)))
        common = (each * known[..., None]).sum(1, keepdim=True) / known.sum(1)[:, None, None].clamp(min=1)
        joined = torch.cat([each, common.expand_as(each)], dim=-1)
        ratings: Tensor = self.out(self.dropout(F.relu(self.together(joined)))).sigmoid()
        return ratings
