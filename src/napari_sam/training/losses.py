"""Losses of promptable segmentation: three masks shared out, predicted IoU, dense head."""

from __future__ import annotations

from itertools import permutations

import torch
from torch import Tensor
from torch.nn import functional as F

IOU_WEIGHT = 3.0
"""More than the paper's 1: candidates of several scales are told apart by predicted IoU alone."""
AREA_OFFSET = 30.0
"""Pixels added to an object's area, so that tiny objects do not dominate."""


def mask_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Return cross-entropy over the object's area, plus dice loss, of every mask against every target.

    Dividing by the object's area (and not the window's) lets small objects count as much
    as large ones.

    Parameters
    ----------
    logits : (B, M, h, w)
    targets : (B, K, h, w) of 0 to 1

    Returns
    -------
    (B, M, K) float32
    """
    x, truth = logits.float().flatten(2), targets.flatten(2).transpose(1, 2)
    area = truth.sum(dim=1)[:, None]
    entropy = F.softplus(x).sum(dim=2, keepdim=True) - x @ truth
    probability = x.sigmoid()
    size = probability.sum(dim=2, keepdim=True)
    dice = 1 - (2 * (probability @ truth) + 1) / (size + area + 1)
    return entropy / (area + AREA_OFFSET) + dice


@torch.no_grad()
def true_ious(logits: Tensor, targets: Tensor, area: Tensor) -> Tensor:
    """Return each mask's IoU with each whole object, also the part outside the window.

    Parameters
    ----------
    logits : (B, M, h, w)
    targets : (B, K, h, w)
    area : (B, K)
        The whole objects' areas, in the same pixels.

    Returns
    -------
    (B, M, K) float32
    """
    predicted = (logits > 0).float().flatten(2)
    overlap = predicted @ targets.flatten(2).transpose(1, 2)
    union = predicted.sum(dim=2, keepdim=True) + area[:, None] - overlap
    return overlap / union.clamp(min=1)


def ambiguous_loss(logits: Tensor, iou: Tensor, targets: Tensor, area: Tensor) -> Tensor:
    """Return the first round's loss: masks 1 to 3 shared out among the targets, a little of all, and mask 0.

    An ambiguous prompt has up to three targets (part, whole, group), and each takes another of the
    three masks, in the way that costs least; with one target this is the paper's loss of the best mask.
    The small share of all three keeps an unlucky mask token alive.

    Parameters
    ----------
    logits : (B, 4, h, w)
    iou : (B, 4)
    targets : (B, 3, h, w)
        Objects that the prompt may mean, the one that was drawn first; zeros where there are fewer.
    area : (B, 3)
        Their whole areas; 0 where there are fewer.
    """
    losses = mask_losses(logits, targets)
    three, known = losses[:, 1:], (area > 0).float()
    shared = assigned(three, known)
    nearest = three.masked_fill(known[:, None] == 0, torch.inf).min(dim=2).values
    masks = shared + 0.05 * nearest.mean(dim=1) + 0.2 * losses[:, 0, 0]
    return (masks + iou_loss(logits, iou, targets, area)).mean()


def assigned(losses: Tensor, known: Tensor) -> Tensor:
    """Give every known target a mask of its own so that the mean loss is least.

    Parameters
    ----------
    losses : (B, 3, 3)
        Of each mask against each target.
    known : (B, 3)
        1 for a target, 0 for none.

    Returns
    -------
    (B,)
    """
    orders = torch.tensor(list(permutations(range(3))), device=losses.device)
    given = losses[:, orders, torch.arange(3, device=losses.device)]  # (B, 6, 3): by order and target
    costs = (given * known[:, None]).sum(dim=2)
    return costs.min(dim=1).values / known.sum(dim=1)


def corrective_loss(logits: Tensor, iou: Tensor, target: Tensor, area: Tensor) -> Tensor:
    """Return a corrective round's loss against one target: mask 0, and the best of masks 1 to 3.

    The paper has mask 0 alone answer several prompts. In the windows of a small network the best of
    the four is clearly better than mask 0, so all four learn here, and their predicted IoUs tell which.

    Parameters
    ----------
    logits : (B, 4, h, w)
    iou : (B, 4)
    target : (B, 1, h, w)
    area : (B, 1)
    """
    losses = mask_losses(logits, target)[:, :, 0]
    three = losses[:, 1:]
    masks = losses[:, 0] + three.min(dim=1).values + 0.05 * three.mean(dim=1)
    return (masks + iou_loss(logits, iou, target, area)).mean()


def iou_loss(logits: Tensor, iou: Tensor, targets: Tensor, area: Tensor) -> Tensor:
    """Return the weighted squared error of the predicted IoUs, summed over masks; (B,).

    Mask 0 is held against the first target, the others against the one that each is nearest to.
    """
    every = true_ious(logits, targets, area)
    truth = torch.cat([every[:, :1, 0], every[:, 1:].max(dim=2).values], dim=1)
    return IOU_WEIGHT * (iou.float() - truth).square().sum(dim=1)


def dense_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the loss of the dense head: cross-entropies and the distance's absolute error.

    Parameters
    ----------
    logits : (B, 3, h, w)
        Foreground, distance, boundary.
    target : (B, 4, h, w)
        The same, and the weight of each pixel.
    """
    logits, weight = logits.float(), target[:, 3]
    foreground = F.binary_cross_entropy_with_logits(logits[:, 0], target[:, 0], reduction="none")
    distance = (logits[:, 1].sigmoid() - target[:, 1]).abs()
    boundary = F.binary_cross_entropy_with_logits(logits[:, 2], target[:, 2], reduction="none")
    return ((foreground + 2 * distance + boundary) * weight).sum() / weight.sum().clamp(min=1)
