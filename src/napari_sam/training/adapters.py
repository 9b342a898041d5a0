"""Which weights learn: all, the decoder's, or low-rank adapters beside frozen projections of a ViT."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam.errors import DataError
from napari_sam.model import Sam
from napari_sam.model.image_encoder import RelativeAttention
from napari_sam.model.tiny_vit import WindowAttention

Tune = Literal["all", "decoder", "lora"]
RANK = 4
"""Rank of what an adapter adds to a projection."""
ATTENTION = (RelativeAttention, WindowAttention)


class LowRankLinear(nn.Module):
    """A frozen linear layer and a learnt change of low rank, zero at first (LoRA).

    Parameters
    ----------
    base : nn.Linear
        The layer to adapt; it is kept, frozen.
    rank : int
        Rank of the change.
    """

    def __init__(self, base: nn.Linear, rank: int = RANK) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(rank, base.in_features, device=base.weight.device))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank, device=base.weight.device))
        nn.init.normal_(self.down, std=base.in_features**-0.5)

    @property
    def bias(self) -> Tensor:
        """What zeros are mapped to: (out,)."""
        return self.base.bias

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., in) to (..., out)."""
        out: Tensor = self.base(x)
        return out + F.linear(F.linear(x, self.down), self.up)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return the layer with its change added to its weights."""
        self.base.weight += self.up @ self.down
        return self.base


def choose_weights(sam: Sam, tune: Tune) -> None:
    """Let some of a network's weights learn and freeze the others.

    Parameters
    ----------
    sam : Sam
        Changed in place; ``"lora"`` puts adapters in, which `merge_adapters` takes out again.
    tune : "all", "decoder" or "lora"
        ``"decoder"`` is the prompt encoder and the mask decoder, ``"lora"`` the mask decoder and
        adapters of the encoder's attention.

    Raises
    ------
    DataError
        If adapters are asked for and the encoder is no ViT.
    """
    sam.requires_grad_(tune == "all")
    if tune == "all":
        return
    sam.mask_decoder.requires_grad_(True)
    if tune == "decoder":
        sam.prompt_encoder.requires_grad_(True)
    elif not add_adapters(sam):
        raise DataError(f"{sam.config.name} has no attention to adapt; use --tune all or --tune decoder.")


def add_adapters(sam: Sam) -> int:
    """Put an adapter beside every query, key and value projection of a ViT; return how many."""
    attentions = [m for m in sam.image_encoder.modules() if isinstance(m, ATTENTION)]
    for attention in attentions:
        attention.qkv = LowRankLinear(attention.qkv)  # type: ignore[assignment]  # computes the same
    return len(attentions)


def merge_adapters(sam: Sam) -> None:
    """Add what the adapters learnt to the weights, in place; the network is a plain one again."""
    for attention in sam.image_encoder.modules():
        if isinstance(attention, ATTENTION) and isinstance(attention.qkv, LowRankLinear):
            attention.qkv = attention.qkv.merged()


def encoder_learns(sam: Sam) -> bool:
    """Tell whether any weight of the image encoder learns."""
    return any(parameter.requires_grad for parameter in sam.image_encoder.parameters())
