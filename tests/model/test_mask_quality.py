import torch
from torch.nn import functional as F

from napari_sam.model import CELL_TINY, Sam
from napari_sam.model.mask_quality import RING, STATISTICS, MaskQuality, widened


def test_mask_quality_when_new_then_predicted_ious_stay_as_they_were() -> None:
    torch.manual_seed(0)
    quality = MaskQuality(8, 4, 16)
    added = quality(torch.randn(2, 4, 32, 32), torch.randn(2, 4, 32, 32), torch.randn(2, 4, 8))
    assert added.shape == (2, 4)
    assert added.abs().max() == 0


def test_mask_quality_when_learning_then_masks_themselves_get_no_gradient() -> None:
    torch.manual_seed(0)
    quality = MaskQuality(8, 4, 16)
    torch.nn.init.normal_(quality.out.weight)
    logits = torch.randn(2, 4, 32, 32, requires_grad=True)
    features = torch.randn(2, 4, 32, 32, requires_grad=True)
    quality(logits, features, torch.randn(2, 4, 8)).sum().backward()
    assert logits.grad is None
    assert features.grad is not None
    assert features.grad.abs().max() > 0


def test_widened_when_given_masks_then_each_pixel_is_the_maximum_of_its_square() -> None:
    masks = torch.rand(2, 3, 20, 11, generator=torch.Generator().manual_seed(0))
    assert torch.equal(widened(masks), F.max_pool2d(masks, RING, 1, RING // 2))


def test_statistics_when_a_mask_is_sharp_vague_or_cut_then_tell_them_apart() -> None:
    sharp = torch.full((32, 32), -9.0)
    sharp[8:24, 8:24] = 9.0
    cut = torch.full((32, 32), -9.0)
    cut[:16, 8:24] = 9.0
    logits = torch.stack([sharp, sharp / 9, cut])[None]
    mask = logits.sigmoid()
    numbers = MaskQuality.statistics(logits, mask, mask * (1 - mask))[0]
    assert numbers.shape == (3, STATISTICS)
    vagueness, border, stable = numbers[:, 1], numbers[:, 2], numbers[:, -1]
    assert vagueness[1] > 10 * vagueness[0]
    assert border[2] > 10 * border[0]
    assert stable[0] == 1
    assert stable[1] == 0


def test_decode_when_the_window_is_empty_then_predicted_ious_are_finite() -> None:
    torch.manual_seed(0)
    sam = Sam(CELL_TINY).eval()
    with torch.inference_mode():
        features = sam.encode_image(torch.zeros(1, 3, 128, 128))
        _, iou = sam.decode(features, torch.tensor([[[64.0, 64.0]]]), torch.tensor([[1]]))
    assert iou.shape == (1, 4)
    assert iou.isfinite().all()
