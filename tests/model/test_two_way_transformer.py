from __future__ import annotations

import pytest
import torch

from napari_sam.model import DecoderConfig, SamConfig, ViTConfig
from napari_sam.model.mask_decoder import MaskDecoder, four_pixels, pixel_weights
from napari_sam.model.two_way_transformer import Attention

CONFIG = SamConfig("small", ViTConfig(1, 32, 2, (0,)), DecoderConfig(heads=2, mlp=32), 128, 64)


@pytest.fixture
def attention() -> Attention:
    torch.manual_seed(0)
    return Attention(width=64, inner=32, heads=2).double()


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("count", [1, 7, 12, 13, 40])
def test_read_when_of_any_count_of_tokens_then_equals_plain_attention(
    attention: Attention, count: int
) -> None:
    tokens, keys, image = rows(3, count, 64), rows(3, 50, 64), rows(3, 50, 64).flip(1)
    torch.testing.assert_close(attention.read(tokens, keys, image), attention(tokens, keys, image))


@pytest.mark.parametrize("count", [1, 7, 12, 13, 40])
def test_spread_when_of_any_count_of_tokens_then_adds_plain_attention(
    attention: Attention, count: int
) -> None:
    image, queries, keys = rows(3, 50, 64), rows(3, 50, 64).flip(1), rows(3, count, 64)
    values = keys + rows(1, 1, 64)
    expected = image + attention(queries, keys, values)
    weights = attention.weigh(queries, keys)
    torch.testing.assert_close(attention.spread(weights, values, image), expected)


def test_read_and_spread_when_differentiated_then_give_the_gradients_of_plain_attention(
    attention: Attention,
) -> None:
    tokens, image = rows(2, 5, 64), rows(2, 30, 64)
    gradients = []
    for plain in (True, False):
        attention.zero_grad()
        if plain:
            out = image + attention(image, attention(tokens, image, image), tokens)
        else:
            weights = attention.weigh(image, attention.read(tokens, image, image))
            out = attention.spread(weights, tokens, image)
        out.square().mean().backward()
        gradients.append([parameter.grad for parameter in attention.parameters()])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("count", [2, 30])
def test_prepared_image_when_shared_by_prompts_then_decodes_as_unprepared(count: int) -> None:
    torch.manual_seed(0)
    decoder = MaskDecoder(CONFIG).double().eval()
    image, positions, sparse = rows(1, 64, 8, 8), rows(1, 64, 8, 8).flip(1), rows(3, count, 64)
    dense = rows(1, 64, 1, 1)
    expected = decoder(image, positions, sparse, dense)
    answered = decoder.decode_prepared(decoder.prepare(image + dense, positions), sparse)
    torch.testing.assert_close(answered, expected)


def test_upscaling_when_without_skips_then_equals_transposed_convolutions() -> None:
    torch.manual_seed(0)
    decoder = MaskDecoder(CONFIG).double().eval()
    image, positions, sparse, dense = rows(1, 64, 6, 6), rows(1, 64, 6, 6), rows(2, 3, 64), rows(1, 64, 1, 1)
    nothing = (rows(1, 64, 12, 12) * 0, rows(1, 32, 24, 24) * 0)
    torch.testing.assert_close(
        decoder(image, positions, sparse, dense), decoder(image, positions, sparse, dense, nothing)
    )


def test_four_pixels_when_put_in_order_then_are_a_transposed_convolution() -> None:
    convolution = torch.nn.ConvTranspose2d(5, 3, 2, stride=2).double()
    image = rows(2, 5, 4, 6)
    pixels = four_pixels(image.permute(0, 2, 3, 1), *pixel_weights(convolution))
    ordered = pixels.view(2, 4, 6, 2, 2, 3).permute(0, 5, 1, 3, 2, 4).reshape(2, 3, 8, 12)
    torch.testing.assert_close(ordered, convolution(image))
