"""The two-way transformer: prompt tokens and image tokens update each other (paper, appendix A)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from .config import SamConfig


class Attention(nn.Module):
    """Multi-head attention that may work at fewer channels than its inputs have.

    Parameters
    ----------
    width, inner, heads : int
        Channels of the inputs and outputs, channels inside, number of heads.
    """

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)

    def split(self, x: Tensor) -> Tensor:
        """Separate the heads: (B, N, inner) to (B, heads, N, inner / heads)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend from (B, N, width) queries to (B, K, width) keys and values."""
        heads = F.scaled_dot_product_attention(
            self.split(self.q_proj(q)), self.split(self.k_proj(k)), self.split(self.v_proj(v))
        )
        out: Tensor = self.out_proj(heads.transpose(1, 2).flatten(2))
        return out


class TokenMLP(nn.Module):
    """The two-layer perceptron of a two-way layer."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(width, hidden)
        self.lin2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        out: Tensor = self.lin2(F.relu(self.lin1(x)))
        return out


class TwoWayLayer(nn.Module):
    """Self-attention of tokens, tokens to image, MLP, image to tokens.

    Parameters
    ----------
    config : SamConfig
        Sizes.
    first : bool
        The first layer's self-attention adds no positions and has no residual.
    """

    def __init__(self, config: SamConfig, first: bool) -> None:
        super().__init__()
        width, heads = config.width, config.decoder.heads
        self.first = first
        self.self_attn = Attention(width, width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width, width // 2, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = TokenMLP(width, config.decoder.mlp)
        self.norm3 = nn.LayerNorm(width)
        self.norm4 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, width // 2, heads)

    def forward(self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor) -> tuple[Tensor, Tensor]:
        """Update (B, N, width) tokens and (B, hw, width) image features."""
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pe
            tokens = tokens + self.self_attn(q, q, tokens)
        tokens = self.norm1(tokens)
        keys = image + image_pe
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + token_pe, keys, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.cross_attn_image_to_token(keys, tokens + token_pe, tokens))
        return tokens, image


class TwoWayTransformer(nn.Module):
    """Two-way layers and a last attention from the tokens to the image."""

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        width = config.width
        self.layers = nn.ModuleList(TwoWayLayer(config, first=i == 0) for i in range(config.decoder.depth))
        self.final_attn_token_to_image = Attention(width, width // 2, config.decoder.heads)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, image: Tensor, image_pe: Tensor) -> tuple[Tensor, Tensor]:
        """Run all layers.

        Parameters
        ----------
        tokens : (B, N, width)
            Output tokens and sparse prompts; added back as positions wherever tokens are
            queries or keys.
        image, image_pe : (B, hw, width)
            Image features and their position encodings.

        Returns
        -------
        tokens : (B, N, width)
        image : (B, hw, width)
        """
        token_pe = tokens
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pe, image_pe)
        attended = self.final_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        return self.norm_final_attn(tokens + attended), image
