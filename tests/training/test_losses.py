import pytest
import torch

from napari_sam.training.losses import ambiguous_loss, mask_losses, single_loss, true_ious


def square(top: int, left: int, side: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., top : top + side, left : left + side] = 1
    return mask


def logits_of(*masks: torch.Tensor) -> torch.Tensor:
    return torch.cat([(mask - 0.5) * 40 for mask in masks], dim=1)


def test_mask_losses_when_the_mask_is_right_then_zero_and_otherwise_worse_with_error() -> None:
    truth = square(10, 10, 20)
    losses = mask_losses(logits_of(truth, square(12, 10, 20), square(40, 40, 20)), truth)[0]
    assert losses[0] == pytest.approx(0, abs=1e-3)
    assert losses[0] < losses[1] < losses[2]


def test_true_ious_when_the_object_leaves_the_window_then_the_rest_counts_as_missed() -> None:
    truth = square(0, 0, 20)
    ious = true_ious(logits_of(truth, square(0, 0, 10)), truth, area=torch.tensor([800.0]))
    assert ious.tolist() == [[pytest.approx(0.5), pytest.approx(100 / 800)]]


def test_ambiguous_loss_when_one_of_three_is_right_then_the_others_hardly_count() -> None:
    truth, wrong = square(10, 10, 20), square(30, 30, 20)
    area = torch.tensor([400.0])
    right_iou = true_ious(logits_of(truth, wrong, truth, wrong), truth, area)
    one_right = ambiguous_loss(logits_of(truth, wrong, truth, wrong), right_iou, truth, area)
    none_right = ambiguous_loss(logits_of(truth, wrong, wrong, wrong), torch.zeros(1, 4), truth, area)
    assert one_right < 0.15 * none_right


def test_single_loss_when_only_the_three_masks_are_wrong_then_zero() -> None:
    truth, wrong = square(10, 10, 20), square(30, 30, 20)
    logits = logits_of(truth, wrong, wrong, wrong)
    iou = torch.tensor([[1.0, 9.0, 9.0, 9.0]])
    assert single_loss(logits, iou, truth, torch.tensor([400.0])) == pytest.approx(0, abs=1e-3)
