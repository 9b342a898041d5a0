from __future__ import annotations

import pytest
import torch
from transformers.models.sam.modeling_sam import SamVisionAttention

from napari_sam.model import ViTConfig
from napari_sam.model.image_encoder import ImageEncoderViT, partition, relative_positions, unpartition
from napari_sam.model.relative_attention import attend, attend_by_products, attend_folded, attend_in_blocks


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("attention", [attend_in_blocks, attend_folded, attend_by_products])
@pytest.mark.parametrize(("h", "w", "channels"), [(5, 7, 12), (14, 14, 64)])
def test_attention_when_biased_by_row_and_column_then_equals_the_plain_formula(
    attention: type[attend_folded], h: int, w: int, channels: int
) -> None:
    q, k, v = numbers(3, 2, 3, h * w, channels)
    by_row, by_col = numbers(2, 3, h * w, h, seed=1), numbers(2, 3, h * w, w, seed=2)
    scores = q @ k.transpose(-1, -2) * channels**-0.5
    scores += by_row.repeat_interleave(w, dim=-1) + by_col.repeat(1, 1, 1, h)
    torch.testing.assert_close(attention(q, k, v, by_row, by_col), scores.softmax(-1) @ v)


def test_attention_when_the_scores_are_too_many_then_blocks_equal_folding() -> None:
    side, heads = 48, 4  # 21 million numbers of bias, in blocks that do not divide the queries
    q, k, v = numbers(3, 1, heads, side * side, 8)
    by_row, by_col = numbers(2, 1, heads, side * side, side, seed=1)
    blocks = attend_in_blocks(q, k, v, by_row, by_col)
    whole = attend_folded(q, k, v, by_row, by_col)
    torch.testing.assert_close(blocks, whole, atol=2e-5, rtol=0)
    torch.testing.assert_close(attend_by_products(q, k, v, by_row, by_col), whole, atol=2e-5, rtol=0)


def test_attend_in_bfloat16_without_gradients_is_as_near_the_exact_answer_as_the_fused_kernel() -> None:
    q, k, v = numbers(3, 1, 2, 256, 64)
    rel = numbers(2, 16, 16, 64, seed=1) / 8
    exact = attend(q, k, v, *rel)
    half = [x.bfloat16() for x in (q, k, v)]
    fused = attend(*half, *rel)  # gradients might be wanted, so the fused kernel
    with torch.inference_mode():
        products = attend(*half, *rel)
    assert products.dtype == torch.bfloat16
    assert not torch.equal(products, fused)
    errors = [(answer.float() - exact).abs().mean() / exact.abs().mean() for answer in (products, fused)]
    assert errors[0] < 2 * errors[1]
    assert errors[1] < 0.02


def test_attend_when_positions_are_relative_then_biases_by_the_query_alone() -> None:
    h, w = 2, 3
    q, k, v = numbers(3, 1, 1, h * w, 4)
    rel_h, rel_w = numbers(h, h, 4, seed=1), numbers(w, w, 4, seed=2)
    scores = q[0, 0] @ k[0, 0].T / 2
    for i in range(h * w):
        for j in range(h * w):
            scores[i, j] += q[0, 0, i] @ (rel_h[i // w, j // w] + rel_w[i % w, j % w])
    torch.testing.assert_close(attend(q, k, v, rel_h, rel_w)[0, 0], scores.softmax(-1) @ v[0, 0])


@pytest.mark.parametrize("size", [7, 5, 10])
def test_relative_positions_when_of_any_size_then_are_the_references(size: int) -> None:
    table = numbers(13, 4)
    expected = SamVisionAttention.get_rel_pos(None, size, size, table)
    torch.testing.assert_close(relative_positions(table, size), expected)


@pytest.mark.parametrize(("h", "w"), [(7, 7), (8, 13), (3, 14)])
def test_windows_when_put_back_then_are_the_image(h: int, w: int) -> None:
    x = numbers(2, h, w, 3)
    windows = partition(x, 7, torch.full((3,), 9.0))
    assert windows.shape == (2 * -(-h // 7) * -(-w // 7), 7, 7, 3)
    assert (windows == 9).sum() == windows.numel() - x.numel()
    torch.testing.assert_close(unpartition(windows, h, w), x)


def test_encoder_when_trained_then_every_parameter_has_a_gradient() -> None:
    encoder = ImageEncoderViT(ViTConfig(2, 16, 2, (1,), window=3), size=4, width=8)
    encoder(numbers(2, 3, 64, 64)).embedding.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
