"""Weights kept in the precision that they are multiplied in."""

from __future__ import annotations

import torch
from torch import nn

from .layers import ConvNorm
from .sam import Sam


def keep_in(sam: Sam, dtype: torch.dtype) -> Sam:
    """Keep the weights of products and convolutions in a dtype, to which autocast would bring them each time.

    For one prompt on a CPU, that takes as long as a tenth of the arithmetic. Answers under autocast are
    the same. What runs without autocast, the comparison of candidates, stays in float32.

    Parameters
    ----------
    sam : Sam
        Changed in place; it cannot be trained any more.
    dtype : torch.dtype

    Returns
    -------
    Sam
        The same.
    """
    for part in (sam.image_encoder, sam.prompt_encoder, sam.mask_decoder, sam.dense_head):
        for module in () if part is None else part.children():
            _keep_products(module, dtype)
    return sam


def _keep_products(module: nn.Module, dtype: torch.dtype) -> None:
    """Bring a module's products to a dtype; a `ConvNorm` keeps what it makes of its own exact weights."""
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        module.to(dtype)
    elif not isinstance(module, ConvNorm):
        for child in module.children():
            _keep_products(child, dtype)
