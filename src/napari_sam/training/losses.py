"""Losses of promptable segmentation: best of three masks, predicted IoU, dense head."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

IOU_WEIGHT = 3.0
"""More than the paper's 1: candidates of several scales are told apart by predicted IoU alone."""


def mask_losses(logits: Tensor, target: Tensor, area_offset: float = 30.0) -> Tensor:
    """Return cross-entropy over the object's area, plus dice loss, of every mask.

    Dividing by the object's area (and not the window's) lets small objects count as much
    as large ones.

    Parameters
    ----------
    logits : (B, M, h, w)
    target : (B, 1, h, w) of 0 to 1
    area_offset : float
        Added to the area, so that tiny objects do not dominate.

    Returns
    -------
    (B, M) float32
    """
    logits = logits.float()
    target = target.expand_as(logits)
    area = target.sum(dim=(2, 3))
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(dim=(2, 3))
    probability = logits.sigmoid()
    overlap = (probability * target).sum(dim=(2, 3))
    dice = 1 - (2 * overlap + 1) / (probability.sum(dim=(2, 3)) + area + 1)
    return entropy / (area + area_offset) + dice


@torch.no_grad()
def true_ious(logits: Tensor, target: Tensor, area: Tensor) -> Tensor:
    """Return each mask's IoU with the whole object, also the part outside the window.

    Parameters
    ----------
    logits : (B, M, h, w)
    target : (B, 1, h, w)
    area : (B,)
        The whole object's area, in the same pixels.

    Returns
    -------
    (B, M) float32
    """
    predicted = logits > 0
    overlap = (predicted * target).sum(dim=(2, 3)).float()
    union = predicted.sum(dim=(2, 3)) + area[:, None] - overlap
    return overlap / union.clamp(min=1)


def ambiguous_loss(logits: Tensor, iou: Tensor, target: Tensor, area: Tensor) -> Tensor:
    """Return the first round's loss: the best of masks 1 to 3, a little of all, and mask 0.

    The small share of all three keeps an unlucky mask token alive.

    Parameters
    ----------
    logits : (B, 4, h, w)
    iou : (B, 4)
    target, area
        As `true_ious` takes them.
    """
    losses = mask_losses(logits, target)
    three = losses[:, 1:]
    masks = three.min(dim=1).values + 0.05 * three.mean(dim=1) + 0.2 * losses[:, 0]
    return (masks + iou_loss(logits, iou, target, area)).mean()


def single_loss(logits: Tensor, iou: Tensor, target: Tensor, area: Tensor) -> Tensor:
    """Return a corrective round's loss, of mask 0 alone."""
    logits, iou = logits[:, :1], iou[:, :1]
    return (mask_losses(logits, target)[:, 0] + iou_loss(logits, iou, target, area)).mean()


def iou_loss(logits: Tensor, iou: Tensor, target: Tensor, area: Tensor) -> Tensor:
    """Return the weighted squared error of the predicted IoUs, summed over masks; (B,)."""
    return IOU_WEIGHT * (iou.float() - true_ious(logits, target, area)).square().sum(dim=1)


def dense_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the loss of the dense head: cross-entropies and the distance's absolute error.

    Parameters
    ----------
    logits, target : (B, 3, h, w)
        Foreground, distance, boundary.
    """
    logits = logits.float()
    foreground = F.binary_cross_entropy_with_logits(logits[:, 0], target[:, 0])
    distance = F.l1_loss(logits[:, 1].sigmoid(), target[:, 1])
    boundary = F.binary_cross_entropy_with_logits(logits[:, 2], target[:, 2])
    return foreground + 2 * distance + boundary
