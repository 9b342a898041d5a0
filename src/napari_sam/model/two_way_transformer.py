"""The two-way transformer: prompt tokens and image tokens update each other (paper, appendix A)."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import SamConfig
from .features import PreparedImage
from .layers import TwoLinear

MANY = 1024
"""Keys from which on plain products attend faster on a CPU than the fused kernel."""


class Attention(nn.Module):
    """Multi-head attention that may work at fewer channels than its inputs have.

    `forward` projects queries, keys and values. Between a few tokens and the thousands of an image, `read`
    one way, `weigh` and `spread` the other give the same result by the cheaper way: with few enough tokens,
    that is to take the projections of the image to the tokens instead.

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

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend from (B, N, width) queries to (B, K, width) keys and values."""
        heads = attend(self.split(self.q_proj(q)), self.split(self.k_proj(k)), self.split(self.v_proj(v)))
        return self.merge(heads)

    def read(self, tokens: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Do as `forward` from (B, N, width) tokens to the (B, hw, width) keys and values of an image."""
        if not self._few(tokens):
            return cast(Tensor, self(tokens, keys, values))
        query = self.split(self.q_proj(tokens))
        scaled = query / math.sqrt(query.shape[-1])
        wide = (scaled @ self.by_head(self.k_proj.weight)).flatten(1, 2)
        # a bias of the keys moves all scores of a query alike and has no effect
        seen = products(wide, keys).softmax(-1) @ values
        seen = seen.view(*query.shape[:3], values.shape[-1])
        # weights sum to one: the bias of the values is added once
        values = self.by_head(self.v_proj.weight)
        return self.merge((values @ seen.transpose(2, 3)).transpose(2, 3), self.v_proj.bias.to(seen.dtype))

    def read_prepared(self, tokens: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Do as `forward` from (B, N, width) tokens to keys and values projected and split before."""
        query = self.split(self.q_proj(tokens))
        keys, values = (x.expand(len(query), -1, -1, -1) for x in (keys, values))
        return self.merge(attend(query, keys, values))

    def weigh(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Weigh (B, N, width) tokens at every query of a (B, hw, width) image; (B, heads, N, hw)."""
        if not self._few(keys):
            return self.weigh_prepared(self.split(self.q_proj(queries)), keys)
        key = self._scaled_key(keys)
        wide = (key @ self.by_head(self.q_proj.weight)).flatten(1, 2)
        bias = (key @ self.q_proj.bias.view(self.heads, -1, 1)).flatten(1, 2)
        scores = products(wide, queries) + bias
        return scores.view(*key.shape[:3], -1).softmax(2)

    def weigh_prepared(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Do as `weigh` with queries projected and split before.

        Many queries are scored by few keys the other way round, so that a softmax runs over long rows.
        """
        return (self._scaled_key(keys) @ queries.transpose(2, 3)).softmax(2)

    def _scaled_key(self, keys: Tensor) -> Tensor:
        """Project the keys of tokens and scale them, so that the long queries need not be."""
        key = self.split(self.k_proj(keys))
        return key / math.sqrt(key.shape[-1])

    def spread(self, weights: Tensor, values: Tensor, image: Tensor) -> Tensor:
        """Add (B, N, width) tokens to a (B, hw, width) image by the weights that `weigh` gave."""
        value = self.split(self.v_proj(values))
        if not self._few(values):
            return image + self.merge(weights.transpose(2, 3) @ value)
        out = self.out_proj.weight.view(-1, self.heads, value.shape[-1]).transpose(0, 1)
        wide = (out @ value.transpose(2, 3)).transpose(2, 3)
        wide = wide + self.out_proj.bias.to(wide.dtype) / self.heads  # of each head, weights sum to one
        return torch.baddbmm(image, weights.flatten(1, 2).transpose(1, 2), wide.flatten(1, 2))

    def _few(self, tokens: Tensor) -> bool:
        """Whether products with all heads of the tokens cost clearly less than a projection."""
        return 4 * self.heads * tokens.shape[1] <= 3 * self.q_proj.out_features

    def split(self, x: Tensor) -> Tensor:
        """Separate the heads: (B, N, inner) to (B, heads, N, inner / heads)."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def merge(self, heads: Tensor, bias: Tensor | float = 0.0) -> Tensor:
        """Project (B, heads, N, inner / heads), with a bias of (inner,) added, to (B, N, width)."""
        out: Tensor = self.out_proj(heads.transpose(1, 2).flatten(2) + bias)
        return out

    def by_head(self, weight: Tensor) -> Tensor:
        """Separate the heads of a weight: (inner, width) to (heads, inner / heads, width)."""
        return weight.reshape(self.heads, -1, weight.shape[-1])


def products(few: Tensor, many: Tensor) -> Tensor:
    """Multiply (B, N, C) vectors with (B, K, C), where K is large; (B, N, K).

    In less than float32, a CPU's matrix product first copies a transposed second factor, so there it is the
    small one that is transposed, and then the small result.
    """
    if many.device.type != "cpu" or few.dtype == torch.float32:
        return few @ many.transpose(1, 2)
    return (many @ few.transpose(1, 2)).transpose(1, 2).contiguous()


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend from (B, heads, N, C) queries to (B, heads, K, C) keys and values, where N is small.

    On a CPU plain products train faster than the fused kernel, and answer faster from `MANY` keys on: that
    kernel shares out queries, of which there are few.
    """
    if q.device.type != "cpu":
        return F.scaled_dot_product_attention(q, k, v)
    if not torch.is_grad_enabled() and k.shape[2] < MANY:
        return F.scaled_dot_product_attention(q, k, v)
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1)
    return scores.softmax(-1) @ v


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
        self.mlp = TwoLinear(width, config.decoder.mlp, F.relu)
        self.norm3 = nn.LayerNorm(width)
        self.norm4 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, width // 2, heads)

    def forward(
        self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Update (B, N, width) tokens and (B, hw, width) image features; `norm4` still has to follow."""
        tokens = self._among_tokens(tokens, token_pe)
        keys = image + image_pe
        tokens = self.norm2(tokens + self.cross_attn_token_to_image.read(tokens + token_pe, keys, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        weights = self.cross_attn_image_to_token.weigh(keys, tokens + token_pe)
        del keys  # as large as the image: it makes room for the next one
        return tokens, self.cross_attn_image_to_token.spread(weights, tokens, image)

    def prepare(self, image: Tensor, image_pe: Tensor) -> PreparedImage:
        """Project (B, hw, width) image features for `forward_prepared`."""
        read, write = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        keys = image + image_pe
        return PreparedImage(
            image,
            image_pe,
            read.split(read.k_proj(keys)).contiguous(),
            read.split(read.v_proj(image)).contiguous(),
            write.split(write.q_proj(keys)).contiguous(),
        )

    def forward_prepared(
        self, tokens: Tensor, token_pe: Tensor, prepared: PreparedImage
    ) -> tuple[Tensor, Tensor]:
        """Do as `forward` with what `prepare` gave of one image, or one a prompt."""
        tokens = self._among_tokens(tokens, token_pe)
        read, write = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        seen = read.read_prepared(tokens + token_pe, prepared.keys, prepared.values)
        tokens = self.norm2(tokens + seen)
        tokens = self.norm3(tokens + self.mlp(tokens))
        weights = write.weigh_prepared(prepared.queries, tokens + token_pe)
        return tokens, write.spread(weights, tokens, prepared.image)

    def _among_tokens(self, tokens: Tensor, token_pe: Tensor) -> Tensor:
        """Let (B, N, width) tokens attend to each other."""
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pe
            tokens = tokens + self.self_attn(q, q, tokens)
        out: Tensor = self.norm1(tokens)
        return out


class TwoWayTransformer(nn.Module):
    """Two-way layers and a last attention from the tokens to the image."""

    def __init__(self, config: SamConfig) -> None:
        super().__init__()
        width = config.width
        self.layers = nn.ModuleList(TwoWayLayer(config, first=i == 0) for i in range(config.decoder.depth))
        self.final_attn_token_to_image = Attention(width, width // 2, config.decoder.heads)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(
        self,
        tokens: Tensor,
        image: Tensor,
        image_pe: Tensor,
        answers: int,
        prepared: PreparedImage | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run all layers.

        Parameters
        ----------
        tokens : (B, N, width)
            Output tokens and sparse prompts; added back as positions wherever tokens are
            queries or keys.
        image, image_pe : (B, hw, width)
            Image features and their position encodings.
        answers : int
            How many of the first tokens are read afterwards: only they attend to the image a last time.
        prepared : PreparedImage, optional
            What `prepare` gave of this image.

        Returns
        -------
        tokens : (B, answers, width)
        image : (B, hw, width)
        """
        token_pe = tokens
        for layer in cast(list[TwoWayLayer], self.layers):
            if layer.first and prepared is not None:
                tokens, image = layer.forward_prepared(tokens, token_pe, prepared)
            else:
                tokens, image = layer(tokens, image, token_pe, image_pe)
            image = layer.norm4(image)  # here, where nothing holds the image before any more
        tokens, queries = tokens[:, :answers], (tokens + token_pe)[:, :answers]
        attended = self.final_attn_token_to_image.read(queries, image + image_pe, image)
        return self.norm_final_attn(tokens + attended), image

    def prepare(self, image: Tensor, image_pe: Tensor) -> PreparedImage:
        """Project (B, hw, width) image features once for all prompts without a mask."""
        first = cast(TwoWayLayer, self.layers[0])
        return first.prepare(image, image_pe)
