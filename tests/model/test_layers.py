"""Layers shared by the encoders and the decoder."""

from __future__ import annotations

import torch
from torch import nn

from napari_sam.model.layers import ConvNorm


def learned(seed: int = 0) -> ConvNorm:
    """Return a convolution and a norm with statistics and an affine of their own."""
    torch.manual_seed(seed)
    both = ConvNorm(5, 7, stride=2).requires_grad_(False)
    norm = both[1]
    assert isinstance(norm, nn.BatchNorm2d)
    for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        assert values is not None
        values.uniform_(0.5, 2)
    return both.eval()


def one_after_the_other(both: ConvNorm, x: torch.Tensor) -> torch.Tensor:
    out: torch.Tensor = both[1](both[0](x))
    return out


def test_conv_norm_when_nothing_learns_then_one_convolution_gives_what_both_give() -> None:
    both, x = learned(), torch.randn(2, 5, 12, 10)
    with torch.inference_mode():
        torch.testing.assert_close(both(x), one_after_the_other(both, x), rtol=1e-5, atol=1e-5)
        with torch.autocast("cpu", torch.bfloat16):
            reduced = both(x)
        assert reduced.dtype == torch.bfloat16
        torch.testing.assert_close(reduced.float(), both(x), rtol=0.03, atol=0.03)
    assert both.state_dict().keys() == {"0.weight", *(f"1.{name}" for name in both[1].state_dict())}


def test_conv_norm_when_its_weights_change_then_it_does_not_answer_with_those_before() -> None:
    both, other, x = learned(), learned(1), torch.randn(2, 5, 12, 10)
    with torch.no_grad():
        before = both(x)
        both.load_state_dict(other.state_dict())
        assert torch.equal(both(x), other(x))
        both[1].bias.add_(1)  # type: ignore[operator]  # a tensor, which the stub does not say
        torch.testing.assert_close(both(x), other(x) + 1)
        both.train()(3 * x)  # moves the statistics
        both.eval()
        torch.testing.assert_close(both(x), one_after_the_other(both, x), rtol=1e-5, atol=1e-5)
        both.double()
        torch.testing.assert_close(both(x.double()), one_after_the_other(both, x.double()))
    assert not torch.equal(before, both(x.double()).float())


def test_conv_norm_when_gradients_are_wanted_then_all_its_weights_get_some() -> None:
    both, x = learned().requires_grad_(True), torch.randn(2, 5, 12, 10)
    with torch.no_grad():
        both(x)
    both(x).sum().backward()
    assert all(parameter.grad is not None for parameter in both.parameters())
