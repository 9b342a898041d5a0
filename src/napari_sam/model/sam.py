"""The whole network: image encoder, prompt encoder, mask decoder and, where there is one, dense head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .candidate_rating import CandidateRating
from .config import ConvConfig, SamConfig, TinyViTConfig, ViTConfig
from .features import Features
from .image_encoder import ImageEncoderViT
from .mask_decoder import MaskDecoder
from .prompt_encoder import PromptEncoder
from .small_encoder import DenseHead, SmallEncoder
from .tiny_vit import ImageEncoderTinyViT

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


class Sam(nn.Module):
    """Segment Anything, of the sizes that a config describes.

    Parameters
    ----------
    config : SamConfig
        Sizes. A `ViTConfig` gives Meta's network with Meta's parameter names, a `TinyViTConfig` MobileSAM's
        with its own, a `ConvConfig` the small encoder with a dense head.

    Attributes
    ----------
    config : SamConfig
    pixel_mean, pixel_std : (3, 1, 1) float32 tensors
        Normalisation of RGB values of 0 to 255; not part of a checkpoint.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        self.config = config
        self.image_encoder = make_encoder(config)
        self.prompt_encoder = PromptEncoder(config)
        self.mask_decoder = MaskDecoder(config)
        self.dense_head = DenseHead(config) if isinstance(config.encoder, ConvConfig) else None
        features, hidden = config.rating
        self.candidate_rating = CandidateRating(features, hidden) if hidden else None
        self.register_buffer("pixel_mean", torch.empty(3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.empty(3, 1, 1), persistent=False)
        self.set_pixel_statistics()

    def set_pixel_statistics(self) -> None:
        """Fill in the pixels' mean and standard deviation, which no checkpoint holds."""
        self.pixel_mean = torch.tensor(PIXEL_MEAN).view(3, 1, 1)
        self.pixel_std = torch.tensor(PIXEL_STD).view(3, 1, 1)

    def normalize(self, pixels: Tensor) -> Tensor:
        """Normalise (..., 3, H, W) RGB pixels of 0 to 255 for the encoder."""
        return (pixels - self.pixel_mean) / self.pixel_std

    def encode_image(self, image: Tensor) -> Features:
        """Encode (B, 3, H, W) normalised images."""
        features: Features = self.image_encoder(image)
        if not self.config.windowed:
            return self.prepare(features)
        return features if self.dense_head is None else features._replace(dense=self.predict_dense(features))

    def prepare(self, features: Features) -> Features:
        """Do once what every prompt without a mask on these whole frames would do again."""
        positions = self.prompt_encoder.dense_positions().to(features.embedding.dtype)
        no_mask = self.prompt_encoder.no_mask_embed.weight[:, :, None, None]
        image = features.embedding + no_mask.to(features.embedding.dtype)
        return features._replace(prepared=self.mask_decoder.prepare(image, positions))

    def predict_dense(self, features: Features) -> Tensor:
        """Return the dense head's (B, 3, H / 2, W / 2) logits: foreground, distance, boundary.

        Raises
        ------
        ValueError
            If this architecture has no dense head.
        """
        if self.dense_head is None:
            raise ValueError(f"{self.config.name} has no dense head")
        out: Tensor = self.dense_head(features)
        return out

    def decode(
        self,
        features: Features,
        points: Tensor | None = None,
        labels: Tensor | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
        text: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Decode B prompts on features of one frame (shared) or B frames (one a prompt).

        Parameters
        ----------
        features : Features
            What `encode_image` gave, or windows of it of `config.embedding_size` tokens.
        points, labels, boxes, masks, text : Tensor, optional
            As `PromptEncoder.forward` takes them, in input pixels of the frame.

        Returns
        -------
        logits : (B, 4, low_res_size, low_res_size)
            Mask 0 is for several prompts, masks 1 to 3 for an ambiguous one.
        iou_predictions : (B, 4)
        """
        sparse, dense = self.prompt_encoder(points, labels, boxes, masks, text)
        if features.prepared is not None and masks is None:
            return self.mask_decoder.decode_prepared(features.prepared, sparse)
        positions = self.prompt_encoder.dense_positions().to(features.embedding.dtype)
        logits: Tensor
        iou: Tensor
        logits, iou = self.mask_decoder(features.embedding, positions, sparse, dense, features.skips)
        return logits, iou


def make_encoder(config: SamConfig) -> nn.Module:
    """Return the image encoder that a config describes."""
    encoder = config.encoder
    if isinstance(encoder, ViTConfig):
        return ImageEncoderViT(encoder, config.embedding_size, config.width)
    if isinstance(encoder, TinyViTConfig):
        return ImageEncoderTinyViT(encoder, config.width)
    return SmallEncoder(encoder, config)
