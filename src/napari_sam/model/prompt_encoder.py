"""Prompts to tokens: points, boxes and text are sparse, masks are dense (paper, section 3)."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from .config import SamConfig
from .layers import LayerNorm2d


class RandomPositionEncoding(nn.Module):
    """Positions as sines and cosines of random Gaussian projections.

    Parameters
    ----------
    features : int
        Half the width of an encoding.
    """

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, features))

    def forward(self, xy: Tensor) -> Tensor:
        """Encode (..., 2) positions (x, y) in [0, 1] as (..., 2 * features) float32."""
        with torch.autocast(xy.device.type, enabled=False):  # in bfloat16, a pixel of 1,024 would be lost
            projected = 2 * math.pi * ((2 * xy - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([projected.sin(), projected.cos()], dim=-1)

    def grid(self, size: int) -> Tensor:
        """Encode the centres of a square of tokens; (2 * features, size, size)."""
        matrix = self.positional_encoding_gaussian_matrix
        centres = (torch.arange(size, device=matrix.device, dtype=matrix.dtype) + 0.5) / size
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        encoded: Tensor = self(torch.stack([x, y], dim=-1))
        return encoded.permute(2, 0, 1)


class PromptEncoder(nn.Module):
    """Embed points, boxes, masks and text for the mask decoder.

    Parameters
    ----------
    config : SamConfig
        Sizes; parameters carry the names of Meta's checkpoints.
    """

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        width, channels = config.width, config.mask_channels
        self.image_size = config.image_size
        self.embedding_size = config.embedding_size
        self.pe_layer = RandomPositionEncoding(width // 2)
        # background point, foreground point, top-left corner, bottom-right corner
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, width) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, width)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, channels // 4, 2, stride=2),
            LayerNorm2d(channels // 4),
            nn.GELU(),
            nn.Conv2d(channels // 4, channels, 2, stride=2),
            LayerNorm2d(channels),
            nn.GELU(),
            nn.Conv2d(channels, width, 1),
        )
        self.no_mask_embed = nn.Embedding(1, width)

    def dense_positions(self) -> Tensor:
        """Return the encodings of the embedding's tokens, (1, width, h, w)."""
        return self.pe_layer.grid(self.embedding_size)[None]

    def forward(
        self,
        points: Tensor | None = None,
        labels: Tensor | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
        text: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Embed B prompts.

        Parameters
        ----------
        points : (B, N, 2) float, optional
            Point prompts (x, y) in input pixels.
        labels : (B, N) int, optional
            As `embed_points` takes them; one padding point is added when there is no box.
        boxes : (B, 4) float, optional
            Boxes (x0, y0, x1, y1) in input pixels.
        masks : (B, 1, h, w) float, optional
            Logits at the decoder's own resolution.
        text : (B, T, width) float, optional
            Text embeddings, passed on as further sparse prompts.

        Returns
        -------
        sparse : (B, tokens, width) float
        dense : (B, width, h / 4, w / 4) float, or (1, width, 1, 1) without masks
        """
        sparse = []
        if points is not None and labels is not None:
            sparse.append(self.embed_points(points, labels))
            if boxes is None:
                sparse.append(self.not_a_point_embed.weight.expand(len(points), 1, -1))
        if boxes is not None:
            corners = boxes.reshape(-1, 2, 2)
            corner_labels = torch.tensor([2, 3], device=boxes.device).expand(len(corners), 2)
            sparse.append(self.embed_points(corners, corner_labels))
        if text is not None:
            sparse.append(text)
        if masks is None:
            dense = self.no_mask_embed.weight[:, :, None, None]
            batch = len(sparse[0]) if sparse else 1
        else:
            dense = self.mask_downscaling(masks)
            batch = len(masks)
        empty = self.no_mask_embed.weight.new_zeros(batch, 0, self.no_mask_embed.embedding_dim)
        return torch.cat(sparse, dim=1) if sparse else empty, dense

    def embed_points(self, points: Tensor, labels: Tensor) -> Tensor:
        """Encode points and add the embedding that each label asks for.

        Parameters
        ----------
        points : (B, N, 2) float
            Positions (x, y) in input pixels.
        labels : (B, N) int
            1 foreground, 0 background, 2 and 3 corners of a box, -1 a padding point.

        Returns
        -------
        (B, N, width) float
        """
        encoded = self.pe_layer((points + 0.5) / self.image_size)
        kinds = [cast(nn.Embedding, embedding).weight for embedding in self.point_embeddings]
        table = torch.cat([self.not_a_point_embed.weight, *kinds])
        embedded: Tensor = encoded * (labels >= 0).unsqueeze(-1) + table[labels.long() + 1]
        return embedded
