"""Every size of a Segment Anything network, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ViTConfig:
    """Sizes of a vision-transformer image encoder (paper, appendix A).

    Attributes
    ----------
    depth, width, heads : int
        Number of blocks, token width, attention heads.
    global_blocks : tuple of int
        Blocks that attend over the whole image; the others attend in windows.
    window : int
        Side of an attention window, in tokens.
    patch : int
        Side of a patch, in input pixels.
    """

    depth: int
    width: int
    heads: int
    global_blocks: tuple[int, ...]
    window: int = 14
    patch: int = 16

    @property
    def stride(self) -> int:
        """Input pixels per token of the image embedding."""
        return self.patch


@dataclass(frozen=True)
class TinyViTConfig:
    """Sizes of MobileSAM's image encoder; the image embedding has a stride of 16.

    Attributes
    ----------
    widths, depths : tuple of int
        Channels and blocks of the four stages, of which the first has convolutions alone.
    heads, windows : tuple of int
        Attention heads, and side of an attention window in tokens, of the other three.
    """

    widths: tuple[int, int, int, int] = (64, 128, 160, 320)
    depths: tuple[int, int, int, int] = (2, 2, 6, 2)
    heads: tuple[int, int, int] = (4, 5, 10)
    windows: tuple[int, int, int] = (7, 14, 7)

    @property
    def stride(self) -> int:
        """Input pixels per token of the image embedding."""
        return 16


@dataclass(frozen=True)
class ConvConfig:
    """Sizes of the small convolutional image encoder.

    Attributes
    ----------
    widths, depths : tuple of int
        Channels and residual blocks of the stages at strides 2, 4, 8, 16 and 32.
    """

    widths: tuple[int, int, int, int, int] = (24, 48, 96, 160, 224)
    depths: tuple[int, int, int, int, int] = (1, 2, 3, 4, 3)

    @property
    def stride(self) -> int:
        """Input pixels per token of the image embedding."""
        return 8


Encoder = ViTConfig | TinyViTConfig | ConvConfig


@dataclass(frozen=True)
class DecoderConfig:
    """Sizes of the mask decoder and its two-way transformer.

    Attributes
    ----------
    depth, heads, mlp : int
        Two-way layers, attention heads, hidden width of the token MLP.
    upscale_channels : tuple of int
        Channels after each of the two 2 x 2 transposed convolutions.
    iou_hidden : int
        Hidden width of the IoU head.
    quality_hidden : int
        Hidden width of what corrects predicted IoUs by looking at the masks; 0 for none, as Meta's.
    """

    depth: int = 2
    heads: int = 8
    mlp: int = 2048
    upscale_channels: tuple[int, int] = (64, 32)
    iou_hidden: int = 256
    quality_hidden: int = 0


@dataclass(frozen=True)
class SamConfig:
    """One architecture of the Segment Anything family.

    Attributes
    ----------
    name : str
        Family name, such as ``"vit_b"`` or ``"cell-tiny"``.
    encoder : ViTConfig, TinyViTConfig or ConvConfig
        The image encoder.
    decoder : DecoderConfig
        The mask decoder.
    image_size : int
        Side of the square input frame that one decoding covers, in input pixels: the
        whole padded image for a ViT, one window around the prompt for a convolutional
        encoder.
    width : int
        Channels of the image embedding and of every prompt token.
    mask_channels : int
        Channels after the first two convolutions of a mask prompt are this / 4 and this.
    scales : tuple of float
        Input pixels per data pixel at which the image is embedded; empty when the
        longest side is resized to `image_size` instead.
    fine_scales : tuple of float
        Scales above 1, at which only the surroundings of small objects are embedded.
    rating : (int, int)
        Numbers that describe a candidate, and hidden width, of what compares the candidates of
        several scales; hidden width 0 for none.
    """

    name: str
    encoder: Encoder
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    image_size: int = 1024
    width: int = 256
    mask_channels: int = 16
    scales: tuple[float, ...] = ()
    fine_scales: tuple[float, ...] = ()
    rating: tuple[int, int] = (0, 0)

    @property
    def stride(self) -> int:
        """Input pixels per token of the image embedding."""
        return self.encoder.stride

    @property
    def embedding_size(self) -> int:
        """Side of the square of tokens that one decoding covers."""
        return self.image_size // self.stride

    @property
    def low_res_size(self) -> int:
        """Side of the decoder's own logits: 4 times `embedding_size`."""
        return 4 * self.embedding_size

    @property
    def windowed(self) -> bool:
        """Whether prompts are decoded in windows cut from embeddings at fixed scales."""
        return bool(self.scales)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values from which `from_dict` makes an equal config."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SamConfig:
        """Make a config from the values of `to_dict`, read back from JSON."""
        encoder, decoder = _tuples(values["encoder"]), _tuples(values["decoder"])
        kind: type[Encoder] = ConvConfig
        if "patch" in encoder:
            kind = ViTConfig
        elif "windows" in encoder:
            kind = TinyViTConfig
        return cls(**_tuples(values) | {"encoder": kind(**encoder), "decoder": DecoderConfig(**decoder)})


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    """Make tuples of JSON's lists again."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


VIT_B = SamConfig("vit_b", ViTConfig(12, 768, 12, (2, 5, 8, 11)))
VIT_L = SamConfig("vit_l", ViTConfig(24, 1024, 16, (5, 11, 17, 23)))
VIT_H = SamConfig("vit_h", ViTConfig(32, 1280, 16, (7, 15, 23, 31)))
VIT_T = SamConfig("vit_t", TinyViTConfig())
CELL_TINY = SamConfig(
    "cell-tiny",
    ConvConfig(),
    DecoderConfig(mlp=512, quality_hidden=128),
    image_size=128,
    width=128,
    scales=(1.0, 0.5, 0.25, 0.125),
    fine_scales=(2.0,),
    rating=(42, 64),
)

CONFIGS: dict[str, SamConfig] = {config.name: config for config in (VIT_T, VIT_B, VIT_L, VIT_H, CELL_TINY)}
