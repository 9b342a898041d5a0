import torch

from napari_sam.model import Features
from napari_sam.model.windows import cut_windows


def test_cut_windows_when_learning_then_gives_what_use_gives_and_gradients_to_what_was_seen() -> None:
    torch.manual_seed(0)
    planes = [torch.randn(3, 5, 20 * times, 24 * times) for times in (1, 2, 4)]
    features = Features(planes[0], tuple(planes[1:]))
    index, origin = torch.tensor([2, 0, 2, 1]), torch.tensor([[4, 6], [-3, -40], [15, -2], [-2, 20]])
    used = cut_windows(features, index, origin, 8)
    learning = cut_windows(features.each(lambda plane, _: plane.clone().requires_grad_()), index, origin, 8)
    for one, other in zip((used.embedding, *used.skips), (learning.embedding, *learning.skips), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
        assert one.stride() == other.stride()
    assert not used.embedding[1].any()  # beside the image
    torch.testing.assert_close(used.embedding[0], planes[0][2, :, 4:12, 6:14], rtol=0, atol=0)
    assert not used.embedding[2, :, 5:].any()

    plane = planes[0].clone().requires_grad_()
    windows = cut_windows(Features(plane, ()), index, origin, 8).embedding
    windows.sum().backward()
    assert plane.grad is not None
    assert plane.grad.sum() == 5 * (64 + 5 * 6 + 6 * 4)
    assert (plane.grad[2, :, 4:12, 6:14] == 1).all()
