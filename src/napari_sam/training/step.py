"""One training step: a batch through the network, rounds of prompts, losses."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_sam.model import Features, Sam
from napari_sam.model.windows import cut_windows

from .config import TrainConfig
from .data import Batch
from .losses import ambiguous_loss, corrective_loss, dense_loss, true_ious
from .simulate import InitialPrompts, corrective_points

WITHOUT_POINT = 0.25
"""Share of the corrective rounds that get their mask back and no new point (paper, appendix A)."""
KEPT = 512
"""Most images whose features are kept, 4 MB each for Meta's frames: a card has no room for any number."""


def step_losses(
    sam: Sam, batch: Batch, config: TrainConfig, step: int, kept: dict[int, Features]
) -> dict[str, Tensor]:
    """Return a step's losses by name.

    Parameters
    ----------
    sam : Sam
    batch : Batch
    config : TrainConfig
    step : int
    kept : dict of int to Features
        What a frozen encoder made of images that come again; filled here.
    """
    device = sam.pixel_mean.device
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    losses = {}
    with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
        features = encode(sam, batch, kept)
        head = sam.dense_head
        if head is not None and any(p.requires_grad for p in head.parameters()):
            target = batch.dense.to(device, non_blocking=True)
            losses["dense"] = dense_loss(sam.predict_dense(features), target)
        if step >= config.dense_steps and len(batch.prompts):
            chosen = int(torch.randint(len(config.corrections), (), generator=generator))
            rounds = config.corrections[chosen] if step % 2 else 0
            losses |= prompt_losses(sam, features, batch.prompts, rounds, generator)
    return losses


def encode(sam: Sam, batch: Batch, kept: dict[int, Features]) -> Features:
    """Encode a batch's images, or return what was kept of them; keep what a frozen encoder makes of some."""
    if batch.key is not None and batch.key in kept:
        return kept[batch.key]
    images = sam.normalize(batch.images.to(sam.pixel_mean.device, non_blocking=True))
    features: Features = sam.image_encoder(images)
    if batch.key is not None and len(kept) < KEPT:
        kept[batch.key] = features
    return features


def prompt_losses(
    sam: Sam, features: Features, prompts: InitialPrompts, rounds: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Return the losses of a first round on all prompts and of corrective rounds on some.

    The more rounds, the fewer prompts, so that every step costs about the same.
    """
    size = sam.config.embedding_size
    step = sam.config.image_size // sam.config.low_res_size
    windows = cut_windows(features, prompts.crop, prompts.origin, size)
    device = features.embedding.device
    points, labels, targets, area = (
        part.to(device, non_blocking=True)
        for part in (prompts.points, prompts.labels, prompts.targets, prompts.area)
    )
    logits, iou = decode_points(sam, windows, points, labels, None)
    losses = {"first": ambiguous_loss(logits, iou, targets, area)}
    if not rounds:
        return losses
    count = max(len(prompts) // (1 + rounds), 1)
    some = torch.randperm(len(prompts), generator=generator)[:count].to(device)
    windows = Features(windows.embedding[some], tuple(skip[some] for skip in windows.skips))
    points, labels, target = points[some], labels[some], targets[some, :1]
    fed = chosen_masks(logits[some], iou[some], target, area[some])
    area = area[some, :1]
    corrected = []
    for _ in range(rounds):
        fed = fed.detach().float()
        if torch.rand((), generator=generator) >= WITHOUT_POINT:
            xy, kind = corrective_points(fed, target, generator, step)
            points = torch.cat([points, xy], dim=1)
            labels = torch.cat([labels, kind], dim=1)
        logits, iou = decode_points(sam, windows, points, labels, fed)
        corrected.append(corrective_loss(logits, iou, target, area))
        fed = best_masks(logits, iou)
    losses["corrected"] = 0.5 * torch.stack(corrected).mean()
    return losses


def chosen_masks(logits: Tensor, iou: Tensor, target: Tensor, area: Tensor) -> Tensor:
    """Return the mask of the first round that is corrected, (B, 1, h, w): the one with the best prediction.

    Where a prompt may mean several objects it is the one most like the target, as a person has chosen it:
    else a click outside would come to mean that a part was wanted, and shrink cells to their nuclei.

    Parameters
    ----------
    logits : (B, 4, h, w)
    iou : (B, 4)
    target : (B, 1, h, w)
    area : (B, 3)
        Areas of what the prompt may mean, the target's first; 0 where there is less.
    """
    true = true_ious(logits[:, 1:], target, area[:, :1])[:, :, 0]
    several = area[:, 1:2] > 0
    return best_masks(logits[:, 1:], torch.where(several, true, iou[:, 1:].detach().float()))


def best_masks(logits: Tensor, worth: Tensor) -> Tensor:
    """Return the one of (B, M, h, w) masks that is worth most by (B, M) numbers; (B, 1, h, w)."""
    best = worth.argmax(dim=1)
    return logits[torch.arange(len(best)), best][:, None]


def decode_points(
    sam: Sam, windows: Features, points: Tensor, labels: Tensor, masks: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Decode prompts that are points, corners of boxes and padding, all told apart by their labels."""
    sparse = sam.prompt_encoder.embed_points(points, labels)
    if masks is None:
        dense = sam.prompt_encoder.no_mask_embed.weight[:, :, None, None]
    else:
        dense = sam.prompt_encoder.mask_downscaling(masks)
    positions = sam.prompt_encoder.dense_positions().to(windows.embedding.dtype)
    logits: Tensor
    iou: Tensor
    logits, iou = sam.mask_decoder(windows.embedding, positions, sparse, dense, windows.skips)
    return logits, iou
