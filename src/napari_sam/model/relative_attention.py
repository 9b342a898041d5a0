"""Attention with decomposed relative positions, without its bias matrix in memory.

The bias of a query at a key is the sum of one number for the key's row and one for its column. On
a CPU the bias of a block of queries is made where it is needed and stays in the cache; elsewhere
both numbers become part of the dot product, and the fused kernel needs no bias at all. In bfloat16 a
CPU multiplies so fast that plain products take half the time of its fused kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

MAX_BIAS = 1 << 24  # numbers of bias at once, when the whole of it would not fit a cache anyway
BLOCK = 1024  # queries of one head, whose bias (16 MB at 64 x 64 tokens) does fit
SCORES = 1 << 21  # scores at once, 4 MB in bfloat16
SHORT = 32  # tokens in a row, below which sums along it are slower than a product


def attend(q: Tensor, k: Tensor, v: Tensor, rel_h: Tensor, rel_w: Tensor) -> Tensor:
    """Attend over a rectangle of h x w tokens with a bias for relative positions.

    Parameters
    ----------
    q, k, v : (B, heads, h * w, C)
        Queries, keys and values, row by row.
    rel_h : (h, h, C)
        Embedding of every pair of rows, by query, then key.
    rel_w : (w, w, C)
        The same for columns.

    Returns
    -------
    (B, heads, h * w, C)
    """
    grid = q.reshape(*q.shape[:2], len(rel_h), len(rel_w), -1)
    by_row = torch.einsum("bnhwc,hkc->bnhwk", grid, rel_h.to(q.dtype)).flatten(2, 3)
    by_col = torch.einsum("bnhwc,wkc->bnhwk", grid, rel_w.to(q.dtype)).flatten(2, 3)
    if q.device.type != "cpu":
        return attend_folded(q, k, v, by_row, by_col)
    if q.dtype == torch.bfloat16 and not torch.is_grad_enabled():
        return attend_by_products(q, k, v, by_row, by_col)
    return attend_in_blocks(q, k, v, by_row, by_col)


def attend_in_blocks(q: Tensor, k: Tensor, v: Tensor, by_row: Tensor, by_col: Tensor) -> Tensor:
    """Attend with an additive bias that is never in memory as a whole, unless it is small.

    Parameters
    ----------
    q, k, v : (B, heads, h * w, C)
    by_row : (B, heads, h * w, h)
        Bias of each query at the keys of each row.
    by_col : (B, heads, h * w, w)
        Bias of each query at the keys of each column.

    Returns
    -------
    (B, heads, h * w, C)
    """
    if by_row.numel() * by_col.shape[-1] <= MAX_BIAS:
        return attend_biased(q, k, v, by_row, by_col)
    heads = zip(*(torch.split(x, 1, dim=1) for x in (q, k, v, by_row, by_col)), strict=True)
    return torch.cat([attend_head_in_blocks(*head) for head in heads], dim=1)


def attend_head_in_blocks(q: Tensor, k: Tensor, v: Tensor, by_row: Tensor, by_col: Tensor) -> Tensor:
    """Attend block by block of queries; parameters as `attend_in_blocks`, heads being 1."""
    blocks = zip(*(torch.split(x, BLOCK, dim=2) for x in (q, by_row, by_col)), strict=True)
    return torch.cat([attend_biased(queries, k, v, rows, cols) for queries, rows, cols in blocks], dim=2)


def attend_biased(q: Tensor, k: Tensor, v: Tensor, by_row: Tensor, by_col: Tensor) -> Tensor:
    """Attend with the whole bias in memory; parameters as `attend_in_blocks`."""
    return F.scaled_dot_product_attention(q, k, v, bias_of(by_row, by_col))


def bias_of(by_row: Tensor, by_col: Tensor) -> Tensor:
    """Add (..., h) and (..., w) biases at the keys of each row and each column to (..., h * w)."""
    if by_col.shape[-1] < SHORT:
        return torch.cat([by_row, by_col], dim=-1) @ codes_of(by_row, by_col).T
    return (by_row[..., None] + by_col[..., None, :]).flatten(-2)


def codes_of(by_row: Tensor, by_col: Tensor) -> Tensor:
    """Tell the row and the column of each key by ones among zeros: (h * w, h + w)."""
    h, w = by_row.shape[-1], by_col.shape[-1]
    eye_h, eye_w = (torch.eye(n, dtype=by_row.dtype, device=by_row.device) for n in (h, w))
    return torch.cat([eye_h.repeat_interleave(w, 0), eye_w.repeat(h, 1)], dim=1)


def attend_folded(q: Tensor, k: Tensor, v: Tensor, by_row: Tensor, by_col: Tensor) -> Tensor:
    """Attend with the bias folded into the head dimension; parameters as `attend_in_blocks`.

    Queries get their bias at each row and column appended, keys a one-hot code of their row and
    column, so that the bias is part of the dot product.
    """
    h, w, channels = by_row.shape[-1], by_col.shape[-1], q.shape[-1]
    codes = codes_of(by_row, by_col)
    pad = -(channels + h + w) % 8
    scale = channels**-0.5
    queries = torch.cat([q, by_row / scale, by_col / scale, q.new_zeros(*q.shape[:3], pad)], dim=-1)
    keys = torch.cat([k, F.pad(codes, (0, pad)).expand(*k.shape[:2], -1, -1)], dim=-1)
    values = F.pad(v, (0, h + w + pad))  # fused kernels want one size for all three
    return F.scaled_dot_product_attention(queries, keys, values, scale=scale)[..., :channels]


def attend_by_products(q: Tensor, k: Tensor, v: Tensor, by_row: Tensor, by_col: Tensor) -> Tensor:
    """Attend by plain products, as many heads or queries at once as fit a cache, and without gradients.

    Parameters as `attend_in_blocks`.
    """
    queries, keys, values, rows, cols = (
        x.flatten(0, 1) for x in (q * q.shape[-1] ** -0.5, k, v, by_row, by_col)
    )
    out, (heads, tokens) = torch.empty(values.shape, dtype=v.dtype), values.shape[:2]
    group, count = max(SCORES // tokens**2, 1), max(SCORES // tokens, 1)
    for first in range(0, heads, group):
        some = slice(first, first + group)
        turned, valued = (
            keys[some].transpose(1, 2).contiguous(),
            values[some].contiguous(),
        )  # else each product copies
        for start in range(0, tokens, count):
            block = slice(start, start + count)
            scores = bias_of(rows[some, block], cols[some, block])
            torch.baddbmm(scores, queries[some, block], turned, out=scores)
            torch.bmm(scores.softmax(-1), valued, out=out[some, block])
    return out.view_as(v)
