"""The training run, from top to bottom: batches, steps, averaged weights, checkpoints."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_sam.errors import DataError
from napari_sam.files.writing import alone
from napari_sam.model import CONFIGS, Features, Sam

from .adapters import choose_weights, encoder_learns, merge_adapters
from .checkpoint import STATE, check_folder, read_state, write_state
from .config import TrainConfig
from .data import Batch, Batches
from .distributed import Group, own_device, training_group, writes
from .record import NAME, record_start
from .rows import append_row, drop_rows
from .samples import Sample, read_folder
from .schedule import Clock, falls, learning_rate
from .step import step_losses
from .validation import Validation
from .whole import WholeImages

Report = Callable[[dict[str, float]], None]
UNSAVED = 60.0
"""Seconds of work that an interruption may cost, where a checkpoint is written quickly."""
LINGERING = 10.0
"""Seconds after which processes that made batches for a run are gone as well when that was killed."""
WRITING = 0.05
"""Share of the time that may go into writing checkpoints because of that: large ones take long."""


def train(
    config: TrainConfig,
    out: Path,
    *,
    device: str = "cpu",
    resume: bool = False,
    minutes: float | None = None,
    report: Report | None = None,
) -> Sam:
    """Train a promptable model and return it with its averaged weights.

    `out` receives `state.pt` (all that is needed to resume exactly), `run.json` (code, settings and
    hashes of the data), `curve.csv`, what `Validation` writes and, by the caller, the exported weights.
    Started by torchrun, every process draws its own batches, gradients are averaged, and the first
    process alone writes.

    Parameters
    ----------
    config : TrainConfig
    out : Path
        Folder of the run; made if it is missing.
    device : str
        Where to train.
    resume : bool
        Go on from `out/state.pt`.
    minutes : float, optional
        End after this time if `config.steps` are not done; the learning rate falls in its last third. What a
        run took before it was interrupted counts.
    report : callable, optional
        Called with the numbers of every tenth step, and with the share of the time that is ``left``.

    Raises
    ------
    DataError
        If the data are unusable, there is nothing to resume, or a run that is not resumed is there; or if
        one goes on there now.
    """
    check_folder(out, resume=resume)
    out.mkdir(parents=True, exist_ok=True)
    with alone(out / STATE, wait=LINGERING) if writes() else nullcontext():
        return _train(config, out, device, resume, minutes, report)


def _train(
    config: TrainConfig, out: Path, device: str, resume: bool, minutes: float | None, report: Report | None
) -> Sam:
    records = Records(config, out, Validation(config, out), report)
    sets = [(read_folder(entry), entry.weight) for entry in config.data]
    torch.manual_seed(config.seed)
    chosen = own_device(torch.device(device))
    with training_group(chosen) as group:
        run = Run(config, chosen, group)
        start = run.restore(out / STATE) if resume else 0
        if group.first:
            record_start(out / NAME, config, start)
            records.go_on(run, start)
        run.clock = Clock(minutes, run.spent)
        over = start > 0 and group.share_number(run.clock.left(), chosen) == 0
        for step, batch in enumerate(() if over else run.batches(sets, start), start):
            began = time.perf_counter()
            left = group.share_number(run.clock.left(), chosen)
            values = run.step(batch, step, left)
            last = step + 1 == config.steps or left == 0
            if group.first:
                row = {"step": step, **values, "seconds": time.perf_counter() - began, "left": left}
                records.keep(run, row, last=last)
            if last:
                break
    return run.finished()


@dataclass(frozen=True)
class Records:
    """What is written of a run while it goes on.

    Attributes
    ----------
    config : TrainConfig
    out : Path
        Folder of the run.
    validation : Validation
    report : callable, optional
        Called with the numbers of every tenth step.
    """

    config: TrainConfig
    out: Path
    validation: Validation
    report: Report | None

    def go_on(self, run: Run, start: int) -> None:
        """Drop what was written of the steps after the one to go on from: they are done again.

        Where the model is to be looked at after that step, it is: the run may have ended in the look.
        """
        again = self.validation.due(start)
        drop_rows(self.out / "curve.csv", start)
        drop_rows(self.out / "scores.csv", start + (not again))  # which counts the steps that are done
        if again:
            self.validation.look(cast("Sam", run.average.module), start)

    def keep(self, run: Run, row: dict[str, float], *, last: bool) -> None:
        """Write and report what is due after a step, and everything after the last one."""
        done = int(row["step"]) + 1
        if done % 10 == 1 or last:
            append_row(self.out / "curve.csv", row)
            if self.report is not None:
                self.report(row)
        if done % self.config.save_every == 0 or last or run.unsaved() > max(UNSAVED, run.writing / WRITING):
            run.save(self.out / STATE, done)
        if self.validation.due(done):
            self.validation.look(cast("Sam", run.average.module), done)


class Run:
    """What learns, its average over the steps, and its optimizer.

    Parameters
    ----------
    config : TrainConfig
    device : torch.device
    group : Group
        The processes that train together.
    """

    def __init__(self, config: TrainConfig, device: torch.device, group: Group) -> None:
        self.config, self.group = config, group
        self.sam, self.start_hash = initial_model(config)
        choose_weights(self.sam, config.tune)
        self.sam.to(device).train()
        self.sam.image_encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stub
        group.share_start(self.sam)
        average = get_ema_multi_avg_fn(config.ema)
        self.average = AveragedModel(self.sam, multi_avg_fn=average, use_buffers=True)
        groups = parameter_groups(self.sam, config.weight_decay)
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
        self.kept: dict[int, Features] = {}
        self.norms_learn = True
        self.spent = 0.0
        self.clock = Clock(None)
        self.saved = time.monotonic()
        self.writing = 0.0

    def unsaved(self) -> float:
        """Return the seconds since the last checkpoint."""
        return time.monotonic() - self.saved

    def batches(self, sets: Sequence[tuple[list[Sample], float]], start: int) -> Iterable[Batch]:
        """Return this process's batches from a step on, made ahead by a process of their own."""
        config, group = self.config, self.group
        return torch.utils.data.DataLoader(
            Batches(sets, config)
            if self.sam.config.windowed
            else WholeImages(sets, config, self.sam.config, varied=encoder_learns(self.sam)),
            batch_size=None,
            sampler=range(start * group.size + group.rank, config.steps * group.size, group.size),
            num_workers=config.workers,
            prefetch_factor=4 if config.workers else None,
            pin_memory=self.sam.pixel_mean.is_cuda,
        )

    def step(self, batch: Batch, step: int, left: float) -> dict[str, float]:
        """Do one step of the optimizer and take it into the average; return its losses."""
        if self.norms_learn and (self.config.fixed_norms or falls(self.config, step, left)):
            freeze_norms(self.sam, self.average)
            self.norms_learn = False
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, step, left)
        losses = step_losses(self.sam, batch, self.config, step, self.kept)
        self.optimizer.zero_grad(set_to_none=True)
        total = sum(losses.values(), torch.zeros(()))
        if total.requires_grad:
            total.backward()
        self.group.average_gradients(self.sam)
        norm = nn.utils.clip_grad_norm_(self.sam.parameters(), self.config.clip)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.group.share_buffers(self.sam)
        self.average.update_parameters(self.sam)
        return {name: float(value.detach()) for name, value in losses.items()}

    def finished(self) -> Sam:
        """Return the averaged network, adapters merged."""
        sam = cast("Sam", self.average.module).eval()
        merge_adapters(sam)
        return sam

    def save(self, path: Path, step: int) -> None:
        """Write all that is needed to resume, at once or not at all.

        Raises
        ------
        DataError
            If the file cannot be written; an older one stays.
        """
        state = {
            "sam": self.sam.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": step,
            "seconds": self.clock.spent(),
            "init": self.start_hash,
        }
        began = time.monotonic()
        write_state(path, state, self.config)
        self.saved = time.monotonic()
        self.writing = self.saved - began

    def restore(self, path: Path) -> int:
        """Load what `save` wrote; return the step to go on from.

        Raises
        ------
        DataError
            If there is no such file, it is damaged, or it belongs to a run with other settings or from
            another start model.
        """
        state = read_state(path, self.config)
        if state.get("init", self.start_hash) != self.start_hash:  # earlier versions kept none
            raise DataError(
                f"{path} belongs to a run that began with other weights than"
                f" {self.config.init or 'random ones'}; resume with those, or give another --out."
            )
        try:
            self.sam.load_state_dict(state["sam"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise DataError(
                f"{path} belongs to a run of another model; resume with the settings of its start."
            ) from error
        self.spent = float(state.get("seconds", 0.0))  # earlier versions kept none, either
        return int(state["step"])


def initial_model(config: TrainConfig) -> tuple[Sam, str | None]:
    """Build the model, with the weights of `config.init` where given; return also their file's SHA-256.

    Raises
    ------
    DataError
        If there is no such architecture.
    """
    if config.init is None:
        if config.model not in CONFIGS:
            raise DataError(f"There is no architecture {config.model!r}; give one of {', '.join(CONFIGS)}.")
        # what rates candidates is learned from the finished network, see `fit_rating`
        return Sam(replace(CONFIGS[config.model], rating=(0, 0))), None
    from napari_sam.weights import load_model

    start = load_model(config.init, device="cpu", precision="float32")
    return start.sam.requires_grad_(True), start.weights_hash


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay matrices and kernels, but no biases, norms or embeddings of a single vector."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


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
