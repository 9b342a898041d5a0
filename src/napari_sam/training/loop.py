"""The training run, from top to bottom: batches, losses, averaged weights, checkpoints."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_sam.errors import DataError
from napari_sam.model import CONFIGS, Features, Sam
from napari_sam.model.windows import cut_windows

from .config import TrainConfig
from .data import Batch, Batches
from .losses import ambiguous_loss, dense_loss, single_loss
from .samples import read_folder
from .simulate import InitialPrompts, corrective_points

Report = Callable[[dict[str, float]], None]


def train(
    config: TrainConfig, out: Path, *, device: str = "cpu", resume: bool = False, report: Report | None = None
) -> Sam:
    """Train a promptable model and return it with its averaged weights.

    `out` receives `state.pt` (all that is needed to resume exactly), `curve.csv` and, by the
    caller, the exported weights.

    Parameters
    ----------
    config : TrainConfig
    out : Path
        Folder of the run; made if it is missing.
    device : str
        Where to train.
    resume : bool
        Go on from `out/state.pt`.
    report : callable, optional
        Called with the numbers of every tenth step.

    Raises
    ------
    DataError
        If the data are unusable, or there is nothing to resume.
    """
    out.mkdir(parents=True, exist_ok=True)
    sets = [(read_folder(entry), entry.weight) for entry in config.data]
    torch.manual_seed(config.seed)
    sam = initial_model(config).to(device)
    sam.image_encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stub
    sam.train()
    average = AveragedModel(sam, multi_avg_fn=get_ema_multi_avg_fn(config.ema), use_buffers=True)
    optimizer = torch.optim.AdamW(
        parameter_groups(sam, config.weight_decay), lr=config.learning_rate, fused=True
    )
    start = restore(out / "state.pt", sam, average, optimizer) if resume else 0
    loader = torch.utils.data.DataLoader(
        Batches(sets, config),
        batch_size=None,
        sampler=range(start, config.steps),
        num_workers=1,
        prefetch_factor=4,
    )
    for step, batch in enumerate(loader, start):
        began = time.perf_counter()
        if step == max(config.decay_start, start):
            freeze_norms(sam, average)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, step)
        values = training_step(sam, batch, config, step, optimizer)
        average.update_parameters(sam)
        last = step + 1 == config.steps
        if report is not None and (step % 10 == 0 or last):
            row = {"step": step, **values, "seconds": time.perf_counter() - began}
            append_row(out / "curve.csv", row)
            report(row)
        if (step + 1) % config.save_every == 0 or last:
            save_state(out / "state.pt", sam, average, optimizer, step + 1)
    return cast("Sam", average.module).eval()


def initial_model(config: TrainConfig) -> Sam:
    """Build the model, with the weights of `config.init` where given."""
    if config.init is None:
        return Sam(CONFIGS[config.model])
    from napari_sam.weights import load_model

    return load_model(config.init, device="cpu").sam.requires_grad_(True)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay matrices and kernels, but no biases, norms or embeddings of a single vector."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def learning_rate(config: TrainConfig, step: int) -> float:
    """Rise linearly for `warmup` steps, stay, and fall linearly to zero in the last `decay`."""
    rise = (step + 1) / max(config.warmup, 1)
    fall = (config.steps - step) / max(config.steps - config.decay_start, 1)
    return config.learning_rate * min(rise, 1.0, fall)


def freeze_norms(sam: Sam, average: nn.Module) -> None:
    """Let batch normalisation use the averaged statistics from now on, as it will when it is used.

    The statistics of a few crops of several kinds are not those of any image.
    """
    kept = dict(average.named_buffers())
    for name, buffer in sam.named_buffers():
        buffer.copy_(kept[f"module.{name}"])
    for module in sam.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def training_step(
    sam: Sam, batch: Batch, config: TrainConfig, step: int, optimizer: torch.optim.Optimizer
) -> dict[str, float]:
    """Do one step of the optimizer; return its losses."""
    device = sam.pixel_mean.device
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
        images = sam.normalize(batch.images.to(device)).contiguous(memory_format=torch.channels_last)
        features = sam.encode_image(images)
        losses = {"dense": dense_loss(sam.predict_dense(features), batch.dense.to(device))}
        if step >= config.dense_steps and len(batch.prompts):
            chosen = int(torch.randint(len(config.corrections), (), generator=generator))
            rounds = config.corrections[chosen] if step % 2 else 0
            losses |= prompt_losses(sam, features, batch.prompts, rounds, generator)
    total = losses["dense"] * (1.0 if step < config.dense_steps else 0.5)
    total = total + sum(value for name, value in losses.items() if name != "dense")
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    norm = nn.utils.clip_grad_norm_(sam.parameters(), config.clip)
    if torch.isfinite(norm):
        optimizer.step()
    return {name: float(value.detach()) for name, value in losses.items()}


def prompt_losses(
    sam: Sam, features: Features, prompts: InitialPrompts, rounds: int, generator: torch.Generator
) -> dict[str, Tensor]:
    """Return the losses of a first round on all prompts and of corrective rounds on some.

    The more rounds, the fewer prompts, so that every step costs about the same.
    """
    size = sam.config.embedding_size
    windows = cut_windows(features, prompts.crop, prompts.origin, size)
    device = features.embedding.device
    points, labels = prompts.points.to(device), prompts.labels.to(device)
    targets, area = prompts.targets.to(device), prompts.area.to(device)
    logits, iou = decode_points(sam, windows, points, labels, None)
    losses = {"first": ambiguous_loss(logits, iou, targets, area)}
    if not rounds:
        return losses
    count = max(len(prompts) // (1 + rounds), 1)
    some = torch.randperm(len(prompts), generator=generator)[:count].to(device)
    windows = Features(windows.embedding[some], tuple(skip[some] for skip in windows.skips))
    points, labels, target, area = points[some], labels[some], targets[some, :1], area[some, :1]
    best = iou[some, 1:].argmax(dim=1)
    fed = logits[some, 1 + best][:, None]
    corrected = []
    for _ in range(rounds):
        fed = fed.detach().float()
        xy, kind = corrective_points(fed.cpu(), target.cpu(), generator)
        points = torch.cat([points, xy.to(device)], dim=1)
        labels = torch.cat([labels, kind.to(device)], dim=1)
        logits, iou = decode_points(sam, windows, points, labels, fed)
        corrected.append(single_loss(logits, iou, target, area))
        fed = logits[:, :1]
    losses["corrected"] = 0.5 * torch.stack(corrected).mean()
    return losses


def decode_points(
    sam: Sam, windows: Features, points: Tensor, labels: Tensor, masks: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Decode prompts that are points, corners of boxes and padding, all told apart by their labels."""
    sparse = sam.prompt_encoder.embed_points(points, labels)
    if masks is None:
        dense = sam.prompt_encoder.no_mask_embed.weight[:, :, None, None]
    else:
        dense = sam.prompt_encoder.mask_downscaling(masks)
    positions = sam.prompt_encoder.dense_positions()
    logits: Tensor
    iou: Tensor
    logits, iou = sam.mask_decoder(windows.embedding, positions, sparse, dense, windows.skips)
    return logits, iou


def save_state(path: Path, sam: Sam, average: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Write all that is needed to resume, atomically."""
    state = {"sam": sam.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
    part = path.with_suffix(".part")
    torch.save({**state, "step": step}, part)
    part.replace(path)


def restore(path: Path, sam: Sam, average: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Load what `save_state` wrote; return the step to go on from.

    Raises
    ------
    DataError
        If there is no such file.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist, so there is nothing to resume; start without --resume.")
    state = torch.load(path, weights_only=True)
    sam.load_state_dict(state["sam"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def append_row(path: Path, row: dict[str, float]) -> None:
    """Append one row of numbers to a CSV file, with a header when it is new."""
    columns = ("step", "dense", "first", "corrected", "seconds")
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns)
        if new:
            writer.writeheader()
        writer.writerow({name: f"{value:.4g}" for name, value in row.items()})
