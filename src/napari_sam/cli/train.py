"""``napari-sam train``: a model of one's own, from images with labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, WorseModelError
from ..wording import amount
from . import arguments as arg

if TYPE_CHECKING:
    from ..training.config import DataConfig
    from ..training.finetune import FineTuning
    from ..weights import LoadedModel

EXAMPLE = """\
examples:
  napari-sam train --init cell-tiny --images mine/images --labels mine/labels --out runs/mine
  napari-sam train --init vit_b --tune lora --minutes 30 --images ... --labels ... --out runs/mine
  napari-sam train --config cells.toml --out runs/cells
  napari-sam train --config cells.toml --out runs/cells --resume
  torchrun --nproc-per-node 4 --no-python napari-sam train --config cells.toml --out runs/cells
"""
OF_INIT = ("images", "labels", "channels", "partial", "validation", "tune", "seed", "steps")
"""Options that a configuration says itself."""
VALIDATED = 6
"""Objects of each validation image that a new model is measured on."""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "train",
        parents=[parent],
        help="train a model on labelled images, or make one better on your own",
        description="Make a model better on your own labelled images (--init), or train one as a TOML file"
        " says (--config). An interrupted run goes on with --resume.",
        epilog=EXAMPLE,
        formatter_class=arg.HelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--init", metavar="M", help="the model to start from: cell-tiny, vit_b, ... or a file"
    )
    source.add_argument("--config", type=Path, metavar="TOML", help="data, model and schedule")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in DIR")
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda or mps (default: %(default)s)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="with --config: where its relative folders start (default: beside it)",
    )
    add_own_images(parser.add_argument_group("with --init"))
    parser.set_defaults(run=run)


def add_own_images(group: argparse._ArgumentGroup) -> None:
    """Add what fine-tuning needs to know."""
    held = "your images; every fifth is held out, of those that M has not learnt from"
    group.add_argument("--images", type=Path, metavar="DIR", help=held)
    group.add_argument(
        "--labels",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="label images of the same names; several folders, the finest first, where objects are nested",
    )
    arg.add_channels_option(group)
    group.add_argument("--partial", action="store_true", help="the labels do not show all objects")
    group.add_argument(
        "--validation",
        type=Path,
        nargs=2,
        action="append",
        default=[],
        metavar=("IMAGES", "LABELS"),
        help="further images to measure on before and after, to see what the model forgets; of them,"
        " --channels are seen, too",
    )
    group.add_argument(
        "--tune",
        choices=("all", "decoder", "lora"),
        help="what learns (default: all of a small model, the decoder of a ViT)",
    )
    group.add_argument("--seed", type=arg.whole, metavar="N", help="of all that is drawn (default: 0)")
    length = group.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=arg.duration, metavar="M", help="how long to train; with --config, at most"
    )
    length.add_argument(
        "--steps", type=arg.count, metavar="N", help="how many steps (default: 300, at most 6 minutes)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command; the trained model becomes ``model.safetensors`` in the run's folder."""
    from ..training.checkpoint import STATE

    try:
        _run(arguments)
    except KeyboardInterrupt:
        if not (arguments.out / STATE).exists():
            raise
        told = "stopped; the same command with --resume goes on from the last checkpoint."
        raise KeyboardInterrupt(told) from None


def _run(arguments: argparse.Namespace) -> None:
    if arguments.config:
        if given := [f"--{name}" for name in OF_INIT if _is_given(getattr(arguments, name))]:
            raise arg.UsageError(f"{', '.join(given)} cannot be given with --config, whose file says it")
        train_from_config(arguments)
        return
    if not (arguments.images and arguments.labels):
        raise arg.UsageError("--init needs --images and --labels to learn from")
    if arguments.data:
        raise arg.UsageError("--data is for --config; --images and --labels start where you are")
    fine_tune(arguments)


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value not in ([], ())


def train_from_config(arguments: argparse.Namespace) -> None:
    """Train as a TOML file says, and measure the finished model."""
    from ..training.checkpoint import MODEL, steps_done
    from ..training.config import TrainConfig
    from ..training.distributed import writes
    from ..training.held_out import digests, learnt_by, told_of
    from ..training.loop import train
    from ..training.measuring.evaluate import evaluate
    from ..training.measuring.sets import Folder
    from ..training.rating import fit_rating
    from ..training.samples import read_folder
    from ..weights import choose_device, load_model, save_checkpoint
    from .files import tell_of_set
    from .progress import progress_bar

    config = TrainConfig.from_toml(arguments.config, arguments.data)
    if writes():
        for entry in config.data:
            tell_of_set(entry)
    now = [content for entry in config.data for content in digests(entry).values()]
    told = {"name": arguments.out.absolute().name} | told_of(learnt_by(config.init), now)
    device = str(choose_device(arguments.device))
    with progress_bar("training", "step") as progress:
        sam = train(
            config,
            arguments.out,
            device=device,
            resume=arguments.resume,
            minutes=arguments.minutes,
            report=lambda numbers: progress(int(numbers["step"]) + 1, config.steps),
        )
    if not writes():
        return
    if config.rating_prompts and sam.config.windowed:
        sets = [(read_folder(entry), entry.weight) for entry in config.data]
        with progress_bar("comparing candidates", "prompt") as progress:
            sam = fit_rating(
                sam,
                sets,
                synthetic=config.synthetic,
                prompts=config.rating_prompts,
                seed=config.seed,
                progress=progress,
            )
    path, steps = arguments.out / MODEL, steps_done(arguments.out)
    save_checkpoint(path, sam.cpu(), told | {"steps": str(steps)})
    print(f"{path}: trained for {amount(steps, 'step')}; use it with --model {path}")
    for entry in config.validation:
        print(f"{entry.images}, up to {VALIDATED} objects an image:")
        print(evaluate(load_model(path, device), Folder.of(entry, entry.stems), limit=VALIDATED).to_table())


def fine_tune(arguments: argparse.Namespace) -> None:
    """Make a model better on a user's images; show before and after.

    Raises
    ------
    WorseModelError
        If the new model does worse on the held-out images.
    """
    from ..training.finetune import finish
    from ..training.planes import is_named
    from ..weights import choose_device
    from .files import tell_of_set
    from .progress import progress_bar

    device = str(choose_device(arguments.device))
    check_start(arguments)
    data = own_data(arguments)
    tell_of_set(data)
    start = arg.loaded(arguments.init, device)
    task = planned(arguments, data, start)
    learnt, held = task.config.data[0].stems, task.held_out.stems
    print(f"learning from {amount(len(learnt), 'image')}; held out: {', '.join(held)}", flush=True)
    if any(is_named(image, learnt) for image, _ in task.held_out.pairs):
        print("these are planes of one stack: the scores promise more than for another one", flush=True)
    elif same := task.alike():
        pairs = ", ".join(f"{name} (as {other})" for name, other in same.items())
        print(f"nearly the same as one to learn from: {pairs}; the scores promise too much", flush=True)
    before = task.measure(start)
    with progress_bar("training", "step") as progress:
        sam, steps = task.learn(arguments.out, device=device, resume=arguments.resume, progress=progress)
    path, comparison = finish(task, sam, arguments.out, before, steps, device)
    print(comparison.to_table())
    for name in comparison.forgotten:
        print(f"it forgot some of {name}: {comparison.gain(name)}")
    if comparison.worse:
        raise WorseModelError(
            f"Worse than the start on the held-out images: not recommended. The new model is in {path.name};"
            " try again with more images or less time."
        )
    print(f"{path}: trained for {amount(steps, 'step')}; use it with --model {path}")


def check_start(arguments: argparse.Namespace) -> None:
    """Raise `DataError` if fine-tuning would write over a run or among its data, or in several processes."""
    from ..training.checkpoint import check_folder
    from ..training.distributed import processes

    if processes() > 1:
        raise DataError("Fine-tuning runs in one process; start it without torchrun.")
    check_folder(arguments.out, resume=arguments.resume)
    for folder in (arguments.images, *arguments.labels):
        if folder.exists() and arguments.out.exists() and arguments.out.samefile(folder):
            raise DataError(f"{arguments.out} holds what is to be learnt from; give another --out.")


def own_data(arguments: argparse.Namespace) -> DataConfig:
    """Make of the arguments what to learn from."""
    from ..training.config import DataConfig

    labels, channels = tuple(arguments.labels), arguments.channels
    return DataConfig(arguments.images, labels, partial=arguments.partial, channels=channels)


def planned(arguments: argparse.Namespace, data: DataConfig, start: LoadedModel) -> FineTuning:
    """Make of the arguments how to learn, and what to measure on."""
    from ..training.finetune import plan
    from ..training.measuring.sets import Folder

    return plan(
        start,
        Path(arguments.init),
        data,
        others=tuple(
            Folder(images, (labels,), channels=arguments.channels) for images, labels in arguments.validation
        ),
        tune=arguments.tune,
        steps=arguments.steps,
        minutes=arguments.minutes,
        seed=arguments.seed or 0,
    )
