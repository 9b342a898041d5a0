"""A start model made better on a user's own images, and compared with what it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from napari_sam.errors import DataError
from napari_sam.files.writing import write_picture, write_text
from napari_sam.model import Sam, SamConfig
from napari_sam.progress import Progress
from napari_sam.weights import LoadedModel, load_model, save_checkpoint

from .adapters import Tune
from .alike import alike
from .checkpoint import MODEL, steps_done
from .config import DataConfig, TrainConfig
from .held_out import digests, hold_out, learnt_by, told_of
from .loop import train
from .measuring.comparison import HELD_OUT, Comparison
from .measuring.evaluate import evaluate
from .measuring.report import Report
from .measuring.sets import Folder
from .measuring.sheet import contact_sheet
from .planes import is_named
from .samples import read_folder

MEASURED = 20
"""Objects of each image that the models are measured on."""
STEPS, MINUTES = 300, 6.0
"""How long to train when nothing is said: whichever is over first."""
UNLIMITED = 1_000_000
"""Steps where minutes decide."""


@dataclass(frozen=True)
class FineTuning:
    """What to learn from, and what to measure on.

    Attributes
    ----------
    config : TrainConfig
        With the start model as `init` and only the images to learn from as data.
    held_out : Folder
        The user's images that are not learnt from.
    others : tuple of Folder
        Further images to measure on, such as those that the start model was made for.
    minutes : float, optional
        When to end although `config.steps` are not done.
    told : mapping of str to str
        What else the new model's file is to say of itself.
    """

    config: TrainConfig
    held_out: Folder
    others: tuple[Folder, ...] = ()
    minutes: float | None = None
    told: Mapping[str, str] = field(default_factory=dict)

    def alike(self) -> dict[str, str]:
        """Return the names of held-out images that are nearly one to learn from, each with that one's."""
        data = self.config.data[0]
        held, learnt = (
            read_folder(replace(data, stems=stems)) for stems in (self.held_out.stems, data.stems)
        )
        return alike(held, learnt)

    def sets(self) -> dict[str, Folder]:
        """Return what to measure on, by names that no two share: images may have labels of several kinds."""
        images = [other.images for other in self.others]
        named = {HELD_OUT: self.held_out}
        for other in self.others:
            alone = images.count(other.images) == 1
            named[str(other.images) if alone else f"{other.images} ({other.labels[0]})"] = other
        return named

    def measure(self, model: LoadedModel) -> dict[str, Report]:
        """Measure a model on the held-out images and on the others.

        Raises
        ------
        DataError
            If a set holds no object.
        """
        reports = {}
        for name, folder in self.sets().items():
            reports[name] = evaluate(model, folder, limit=MEASURED, seed=self.config.seed)
            if not reports[name].objects:
                raise DataError(f"There are no objects in the labels of {name} ({folder.images}); add some.")
        return reports

    def learn(
        self, out: Path, *, device: str = "cpu", resume: bool = False, progress: Progress | None = None
    ) -> tuple[Sam, int]:
        """Train as `loop.train` does; return the network and the number of steps done.

        Parameters
        ----------
        out : Path
        device : str
        resume : bool
        progress : callable, optional
            Called with the steps done and their likely number.
        """

        def report(row: dict[str, float]) -> None:
            if progress is not None:
                done = int(row["step"]) + 1
                progress(done, min(self.config.steps, round(done / max(1 - row["left"], 1e-9))))

        sam = train(self.config, out, device=device, resume=resume, minutes=self.minutes, report=report)
        return sam, steps_done(out)


def plan(
    start: LoadedModel,
    init: Path,
    data: DataConfig,
    *,
    others: tuple[Folder, ...] = (),
    tune: Tune | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
) -> FineTuning:
    """Choose settings that suit a few images, a short time and a start model that knows a lot.

    Parameters
    ----------
    start : LoadedModel
    init : Path
        The start model's file or name.
    data : DataConfig
        The user's images; every fifth of them is held out, but none that the start model has learnt from.
    others : tuple of Folder
        Further images to measure on.
    tune : "all", "decoder" or "lora", optional
        What learns; by default all of a small model, and the decoder of a ViT.
    steps, minutes : optional
        How long; by default `STEPS` or `MINUTES`, whichever is over first.
    seed : int

    Raises
    ------
    DataError
        If there are fewer than two images with objects, or the start model has learnt from all of them.
    """
    if steps is None:
        steps, minutes = (UNLIMITED, minutes) if minutes else (STEPS, MINUTES)
    known, told = learnt_by(init), digests(data)
    learnt, held = hold_out(data, seed, told, known)
    config = TrainConfig(
        (replace(data, stems=learnt),),
        init=init,
        tune=tune or ("all" if start.sam.config.windowed else "decoder"),
        fixed_norms=True,
        seed=seed,
        steps=steps,
        dense_steps=0,
        learning_rate=learning_rate(start.sam.config),
        prompts_per_crop=12 if start.sam.config.windowed else 8,
        ema=0.99,
        warmup=20,
        decay=steps // 3,
        precision="float32" if str(start.dtype) == "torch.float32" else "bfloat16",
    )
    folder = Folder.of(data, held)
    now = (content for image, content in told.items() if is_named(image, learnt))
    return FineTuning(config, folder, others, minutes, told_of(known, now))


def learning_rate(model: SamConfig) -> float:
    """Return a low rate, and a lower one for a network that was trained on far more."""
    return 2e-4 if model.windowed else 1e-4


def finish(
    task: FineTuning, sam: Sam, out: Path, before: dict[str, Report], steps: int, device: str = "cpu"
) -> tuple[Path, Comparison]:
    """Write the new weights, measure them as they were written, and name the file by the outcome.

    `out` receives ``model.safetensors``, or ``model-worse.safetensors`` if the model became worse on
    the held-out images, ``comparison.json``, and the contact sheet ``held-out.png``.

    Parameters
    ----------
    task : FineTuning
    sam : Sam
        The trained network.
    out : Path
    before : dict of str to Report
        What `task.measure` gave for the start model.
    steps : int
        How many were done.
    device : str
        Where to measure.

    Returns
    -------
    Path
        The file.
    Comparison
    """
    path = out / "model-worse.safetensors"  # until it is known not to be
    told = {"name": out.absolute().name, "init": str(task.config.init), "tune": task.config.tune}
    told |= {"steps": str(steps), **task.told}
    save_checkpoint(path, sam.cpu(), told)
    written = load_model(path, device)
    comparison = Comparison(before, task.measure(written))
    sheet = contact_sheet(written, [task.held_out], limit=6, seed=task.config.seed)
    write_picture(out / "held-out.png", sheet)
    if not comparison.worse:
        path = path.replace(out / MODEL)
    settings = asdict(task.config) | {"steps": steps, "held_out": task.held_out.stems}
    text = json.dumps(comparison.to_dict() | {"settings": settings}, indent=1, default=str)
    write_text(out / "comparison.json", text + "\n")
    return path, comparison
