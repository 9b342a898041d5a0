"""A small convolutional image encoder with smoothed skips and a dense head, for a laptop's CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import ConvConfig, SamConfig
from .features import Features
from .layers import ConvNorm


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions around an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, channels)
        self.conv2 = ConvNorm(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return features of the shape of `x`."""
        return F.relu(x + self.conv2(F.relu(self.conv1(x))))


class SmallEncoder(nn.Module):
    """Residual stages to stride 32, merged top-down to strides 8, 4 and 2.

    Parameters
    ----------
    encoder : ConvConfig
        Sizes.
    config : SamConfig
        Of the network that it is part of, whose decoder wants features of certain widths.
    """

    def __init__(self, encoder: ConvConfig, config: SamConfig) -> None:
        super().__init__()
        widths = encoder.widths
        ins = (3, *widths[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(ConvNorm(a, b, stride=2), nn.ReLU(), *[ResidualBlock(b) for _ in range(depth)])
            for a, b, depth in zip(ins, widths, encoder.depths, strict=True)
        )
        outs = (*config.decoder.upscale_channels[::-1], config.width)  # strides 2, 4, 8
        self.top = ConvNorm(widths[4], config.width, kernel=1)
        self.lateral16 = ConvNorm(widths[3], config.width, kernel=1)
        self.laterals = nn.ModuleList(ConvNorm(a, b, kernel=1) for a, b in zip(widths, outs, strict=False))
        self.narrow = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in ((outs[1], outs[0]), (outs[2], outs[1])))
        self.smooth = nn.ModuleList(ConvNorm(width, width) for width in outs)
        self.smooth16 = ConvNorm(config.width, config.width)

    def forward(self, image: Tensor) -> Features:
        """Encode (B, 3, H, W) normalised images; H and W are multiples of 32.

        Channels are last in memory from here to the decoder.
        """
        x, levels = image.contiguous(memory_format=torch.channels_last), []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        at2, at4, at8, at16, at32 = levels
        merged = F.relu(self.smooth16(self.lateral16(at16) + upsample(self.top(at32))))
        embedding = F.relu(self.smooth[2](self.laterals[2](at8) + upsample(merged)))
        skip4 = F.relu(self.smooth[1](self.laterals[1](at4) + upsample(self.narrow[1](embedding))))
        skip2 = F.relu(self.smooth[0](self.laterals[0](at2) + upsample(self.narrow[0](skip4))))
        return Features(embedding, (skip4, skip2))


class DenseHead(nn.Module):
    """Foreground, distance and boundary at every second pixel, without a prompt.

    The distance is that to the object's border over the object's own largest one.
    """

    CHANNELS = ("foreground", "distance", "boundary")

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        channels = config.decoder.upscale_channels[1]
        self.conv = ConvNorm(channels, channels)
        self.out = nn.Conv2d(channels, len(self.CHANNELS), 1)

    def forward(self, features: Features) -> Tensor:
        """Return (B, 3, H / 2, W / 2) logits."""
        out: Tensor = self.out(F.relu(self.conv(features.skips[-1])))
        return out


def upsample(x: Tensor) -> Tensor:
    """Double (B, C, H, W) bilinearly."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
