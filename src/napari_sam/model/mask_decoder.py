"""Prompt tokens and an image embedding to masks and predicted IoUs (paper, section 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import SamConfig
from .features import PreparedImage
from .layers import MLP, LayerNorm2d, side_by_side
from .mask_quality import MaskQuality
from .two_way_transformer import TwoWayTransformer

PART = 4096
"""Bytes of each channel that a CPU upscales at once, in memory that it has just used: fresh memory costs
more than the arithmetic."""


class MaskDecoder(nn.Module):
    """Predict four masks and their IoUs: one for several prompts, three for an ambiguous one.

    Parameters
    ----------
    config : SamConfig
        Sizes; parameters carry the names of Meta's checkpoints.
    """

    MASK_TOKENS = 4
    ANSWERS = 1 + MASK_TOKENS  # the IoUs' token comes first

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
        hidden = config.decoder.quality_hidden
        self.mask_quality = MaskQuality(width, second, hidden) if hidden else None

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
        source = tokens_of(image + dense).expand(len(sparse), -1, -1)
        tokens, source = self.transformer(self._tokens(sparse), source, tokens_of(image_pe), self.ANSWERS)
        return self._answer(tokens, source, image.shape[-2:], skips)

    def prepare(self, image: Tensor, image_pe: Tensor) -> PreparedImage:
        """Do the first steps of decoding that no prompt without a mask changes.

        Parameters
        ----------
        image : (B, width, h, h)
            Image embedding, the vector for "no mask" added.
        image_pe : (1, width, h, h)
            Dense position encoding.
        """
        return self.transformer.prepare(tokens_of(image), tokens_of(image_pe))

    def decode_prepared(self, prepared: PreparedImage, sparse: Tensor) -> tuple[Tensor, Tensor]:
        """Decode (B, tokens, width) prompts without masks on what `prepare` gave; returns as `forward`."""
        tokens, source = self.transformer(
            self._tokens(sparse), prepared.image, prepared.positions, self.ANSWERS, prepared
        )
        side = math.isqrt(source.shape[1])
        return self._answer(tokens, source, (side, side), ())

    def _tokens(self, sparse: Tensor) -> Tensor:
        """Put the output tokens before the prompts."""
        output_tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        return torch.cat([output_tokens.expand(len(sparse), -1, -1), sparse], dim=1)

    def _answer(
        self, tokens: Tensor, source: Tensor, shape: Sequence[int], skips: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Turn what the transformer gave for h x w image tokens into logits and predicted IoUs."""
        batch, (h, w) = len(source), shape
        weights = side_by_side(self.output_hypernetworks_mlps, tokens[:, 1:])
        iou = self.iou_prediction_head(tokens[:, 0])
        if not skips:
            return self._classify(source, weights, h, w), iou
        features = self._upscale(source.transpose(1, 2).reshape(batch, -1, h, w), skips)
        logits = (weights @ features.flatten(2)).view(batch, -1, 4 * h, 4 * w)
        if self.mask_quality is not None:
            iou = iou + self.mask_quality(logits, features, tokens[:, 1:])
        return logits, iou

    def _upscale(self, features: Tensor, skips: Sequence[Tensor]) -> Tensor:
        """Upscale (B, width, h, w) fourfold, adding the encoder's skips on the way."""
        up1, norm, gelu, up2, _ = self.output_upscaling
        features = F.gelu(norm(up1(features) + skips[0]))
        out: Tensor = gelu(up2(features) + skips[1])
        return out

    def _classify(self, source: Tensor, weights: Tensor, h: int, w: int) -> Tensor:
        """Upscale (B, hw, width) fourfold and apply the (B, 4, C) weights to every pixel.

        A transposed 2 x 2 convolution maps each pixel to four on its own: a matrix product. The four
        stay together, and pixels are put in order when only one number a mask is left of each.
        """
        up1, up2 = (cast(nn.ConvTranspose2d, self.output_upscaling[i]) for i in (0, 3))
        norm = cast(LayerNorm2d, self.output_upscaling[1])
        first, second = pixel_weights(up1), pixel_weights(up2)

        classes = for_four(weights)

        def classified(tokens: Tensor) -> Tensor:
            x = four_pixels(tokens, *first)
            x = norm.over_last(x)
            x = F.gelu(x)
            x = four_pixels(x, *second)
            x = F.gelu(x)
            return x.reshape(len(x), -1, classes.shape[1]) @ classes

        part = PART // source.element_size() if source.device.type == "cpu" else h * w
        logits = torch.cat([classified(tokens) for tokens in source.split(part, dim=1)], dim=1)
        return in_order(logits.view(len(logits), h, w, 2, 2, -1, 2, 2))


def for_four(weights: Tensor) -> Tensor:
    """Lay the weights of M masks, (B, M, C), out for the features of four pixels at once: (B, 4 C, M 4).

    Products with so few columns cost no more with four times as many, and have a quarter of the rows.
    """
    each = torch.eye(4, dtype=weights.dtype, device=weights.device)[:, None, None]
    blocks = each * weights.transpose(1, 2)[:, None, ..., None]
    return blocks.reshape(len(weights), 4 * weights.shape[2], -1)


def tokens_of(image: Tensor) -> Tensor:
    """Lay (B, C, h, w) out as (B, hw, C), row by row."""
    return image.flatten(2).transpose(1, 2)


def in_order(blocks: Tensor) -> Tensor:
    """Lay (B, h, w, 2, 2, M, 2, 2), rows and columns of four of four of M masks, out as (B, M, 4h, 4w).

    Two neighbours move as one number of twice their size, five times as quickly as one by one.
    """
    batch, h, w, masks = (blocks.shape[axis] for axis in (0, 1, 2, 5))
    pair = torch.int32 if blocks.element_size() == 2 else torch.int64
    if not blocks.requires_grad:
        pairs = blocks.view(pair).squeeze(-1)  # rows, columns: coarse, middle; and fine rows
        return pairs.permute(0, 5, 1, 3, 6, 2, 4).reshape(batch, masks, 4 * h, 2 * w).view(blocks.dtype)
    return blocks.permute(0, 5, 1, 3, 6, 2, 4, 7).reshape(batch, masks, 4 * h, 4 * w)


def pixel_weights(convolution: nn.ConvTranspose2d) -> tuple[Tensor, Tensor | None]:
    """Lay a transposed 2 x 2 convolution of stride 2 out for `four_pixels`: (4 D, C) and (4 D,)."""
    weight = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)
    return weight, None if convolution.bias is None else convolution.bias.expand(4, -1).flatten()


def four_pixels(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Map (B, ..., C) pixels to (B, ..., 4, D) as a transposed 2 x 2 convolution of stride 2 does."""
    return F.linear(x, weight, bias).view(*x.shape[:-1], 4, -1)
