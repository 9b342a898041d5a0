import pytest
import torch

from napari_sam.training.losses import (
    ambiguous_loss,
    assigned,
    corrective_loss,
    iou_loss,
    mask_losses,
    true_ious,
)
from napari_sam.training.step import chosen_masks


def square(top: int, left: int, side: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., top : top + side, left : left + side] = 1
    return mask


def logits_of(*masks: torch.Tensor) -> torch.Tensor:
    return torch.cat([(mask - 0.5) * 40 for mask in masks], dim=1)


def test_mask_losses_when_the_mask_is_right_then_zero_and_otherwise_worse_with_error() -> None:
    truth = square(10, 10, 20)
    losses = mask_losses(logits_of(truth, square(12, 10, 20), square(40, 40, 20)), truth)[0, :, 0]
    assert losses[0] == pytest.approx(0, abs=1e-3)
    assert losses[0] < losses[1] < losses[2]


def test_true_ious_when_the_object_leaves_the_window_then_the_rest_counts_as_missed() -> None:
    truth = square(0, 0, 20)
    ious = true_ious(logits_of(truth, square(0, 0, 10)), truth, area=torch.tensor([[800.0]]))
    assert ious[..., 0].tolist() == [[pytest.approx(0.5), pytest.approx(100 / 800)]]


def alone(target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return targets and areas of a prompt that can mean one object only."""
    targets = torch.cat([target, torch.zeros(1, 2, 64, 64)], dim=1)
    return targets, targets.sum(dim=(2, 3))


def test_ambiguous_loss_when_one_of_three_is_right_then_the_others_hardly_count() -> None:
    truth, wrong = square(10, 10, 20), square(30, 30, 20)
    targets, area = alone(truth)
    right_iou = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    one_right = ambiguous_loss(logits_of(truth, wrong, truth, wrong), right_iou, targets, area)
    none_right = ambiguous_loss(logits_of(truth, wrong, wrong, wrong), torch.zeros(1, 4), targets, area)
    assert one_right < 0.15 * none_right


def test_ambiguous_loss_when_three_objects_are_meant_then_each_needs_a_mask_in_any_order() -> None:
    part, whole, group = square(20, 20, 8), square(14, 14, 20), square(4, 4, 50)
    targets = torch.cat([whole, part, group], dim=1)
    area = targets.sum(dim=(2, 3))
    iou = torch.ones(1, 4)
    every = [
        ambiguous_loss(logits_of(whole, *order), iou, targets, area)
        for order in ((part, whole, group), (group, part, whole))
    ]
    twice = ambiguous_loss(logits_of(whole, part, whole, whole), iou, targets, area)
    assert every[0] == pytest.approx(float(every[1]), abs=1e-5)
    assert every[0] < 1e-2
    assert twice > 0.5


def test_assigned_when_targets_are_unknown_then_they_cost_nothing() -> None:
    losses = torch.tensor([[[1.0, 9.0, 9.0], [2.0, 3.0, 9.0], [5.0, 4.0, 9.0]]])
    assert assigned(losses, torch.tensor([[1.0, 0.0, 0.0]])).tolist() == [1.0]
    assert assigned(losses, torch.tensor([[1.0, 1.0, 0.0]])).tolist() == [2.0]


def test_iou_loss_when_a_mask_is_another_meaning_then_it_counts_as_right() -> None:
    part, whole = square(20, 20, 8), square(14, 14, 20)
    targets = torch.cat([whole, part, torch.zeros_like(part)], dim=1)
    area = targets.sum(dim=(2, 3))
    logits = logits_of(part, part, whole, square(50, 50, 5))
    predicted = torch.tensor([[0.16, 1.0, 1.0, 0.0]])
    assert iou_loss(logits, predicted, targets, area) == pytest.approx(0, abs=1e-6)


def test_corrective_loss_when_mask_0_and_one_of_three_are_right_then_little() -> None:
    truth, wrong = square(10, 10, 20), square(30, 30, 20)
    area = torch.tensor([[400.0]])
    right = corrective_loss(
        logits_of(truth, wrong, truth, wrong), torch.tensor([[1.0, 0, 1, 0]]), truth, area
    )
    late = corrective_loss(logits_of(wrong, wrong, truth, wrong), torch.tensor([[0.0, 0, 1, 0]]), truth, area)
    sure = corrective_loss(logits_of(truth, wrong, truth, wrong), torch.tensor([[1.0, 1, 1, 0]]), truth, area)
    alone = mask_losses(logits_of(truth, wrong, truth, wrong), truth)[0, 1:, 0].mean()
    assert right == pytest.approx(0.05 * float(alone), abs=1e-3)
    assert late > right + 1
    assert sure == pytest.approx(float(right) + 3, abs=1e-3)


def test_chosen_masks_when_a_prompt_may_mean_several_then_the_one_like_the_target_is_corrected() -> None:
    part, whole = square(20, 20, 8), square(14, 14, 20)
    logits = logits_of(part, part, whole, square(50, 50, 5)).repeat(2, 1, 1, 1)
    iou = torch.tensor([[0.0, 0.5, 0.9, 0.1]]).repeat(2, 1)
    target = part.repeat(2, 1, 1, 1)
    area = torch.tensor([[64.0, 400.0, 0.0], [64.0, 0.0, 0.0]])
    fed = chosen_masks(logits, iou, target, area)
    assert fed.shape == (2, 1, *part.shape[-2:])
    assert torch.equal(fed[0, 0], logits[0, 1])  # chosen by a person
    assert torch.equal(fed[1, 0], logits[1, 2])  # as it is predicted
