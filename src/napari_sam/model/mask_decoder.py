"""Prompt tokens and an image embedding to masks and predicted IoUs (paper, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import SamConfig
from .layers import MLP, LayerNorm2d
from .two_way_transformer import TwoWayTransformer


class MaskDecoder(nn.Module):
    """Predict four masks and their IoUs: one for several prompts, three for an ambiguous one.

    Parameters
    ----------
    config : SamConfig
        Sizes; parameters carry the names of Meta's checkpoints.
    """

    MASK_TOKENS = 4

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        width = config.width
        first, second = config.decoder.upscale_channels
        self.transformer = TwoWayTransformer(config)
        self.iou_token = nn.Embedding(1, width)
        self.mask_tokens = nn.Embedding(self.MASK_TOKENS, width)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(width, first, 2, stride=2),
            LayerNorm2d(first),
            nn.GELU(),
            nn.ConvTranspose2d(first, second, 2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(width, width, second, 3) for _ in range(self.MASK_TOKENS)
        )
        self.iou_prediction_head = MLP(width, config.decoder.iou_hidden, self.MASK_TOKENS, 3)

    def forward(
        self, image: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor, skips: Sequence[Tensor] = ()
    ) -> tuple[Tensor, Tensor]:
        """Decode B prompts.

        Parameters
        ----------
        image : (B or 1, width, h, w)
            Image embedding; one is shared by all prompts.
        image_pe : (1, width, h, w)
            Dense position encoding.
        sparse : (B, tokens, width)
            Prompt tokens.
        dense : (B or 1, width, h or 1, w or 1)
            Mask prompts.
        skips : sequence of (B or 1, C, H, W)
            Encoder features added after each upscaling step; none for a ViT.

        Returns
        -------
        logits : (B, 4, 4h, 4w)
        iou_predictions : (B, 4)
        """
        batch, (h, w) = len(sparse), image.shape[-2:]
        output_tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        tokens = torch.cat([output_tokens.expand(batch, -1, -1), sparse], dim=1)
        source = (image + dense).flatten(2).transpose(1, 2).expand(batch, -1, -1)
        tokens, source = self.transformer(tokens, source, image_pe.flatten(2).transpose(1, 2))
        features = self._upscale(source.transpose(1, 2).unflatten(2, (h, w)), skips)
        weights = torch.stack(
            [mlp(tokens[:, 1 + i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1
        )
        logits = (weights @ features.flatten(2)).unflatten(2, features.shape[-2:])
        return logits, self.iou_prediction_head(tokens[:, 0])

    def _upscale(self, features: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """Upscale (B, width, h, w) fourfold, adding the encoder's skips on the way."""
        up1, norm, gelu, up2, _ = self.output_upscaling
        features = up1(features)
        features = F.gelu(norm(features + skips[0] if skips else features))
        features = up2(features)
        out: Tensor = gelu(features + skips[1] if skips else features)
        return out
