"""``napari-sam train``: a model of one's own, from images with labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import arguments as arg

EXAMPLE = """\
example:
  napari-sam train --config cells.toml --out runs/cells
  napari-sam train --config cells.toml --out runs/cells --resume
"""
VALIDATED = 6
"""Objects of each validation image that the new model is measured on."""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "train",
        parents=[parent],
        help="train a model on labelled images",
        description="Train a model as a TOML file says; an interrupted run goes on with --resume.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, metavar="TOML", help="data, model and schedule")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="where the TOML's relative folders start (default: beside it)",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in DIR")
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda or mps (default: %(default)s)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command; the trained model becomes ``model.safetensors`` in the run's folder."""
    from ..training.config import TrainConfig
    from ..training.evaluate import Folder, evaluate
    from ..training.loop import train
    from ..weights import choose_device, load_model, save_checkpoint
    from .progress import progress_bar

    config = TrainConfig.from_toml(arguments.config, arguments.data)
    device = str(choose_device(arguments.device))
    with progress_bar("training", "step") as progress:
        sam = train(
            config,
            arguments.out,
            device=device,
            resume=arguments.resume,
            report=lambda numbers: progress(int(numbers["step"]) + 1, config.steps),
        )
    path = arguments.out / "model.safetensors"
    save_checkpoint(path, sam.cpu(), {"name": arguments.out.name, "steps": str(config.steps)})
    print(f"{path}: trained for {config.steps} steps; use it with --model {path}")
    for entry in config.validation:
        print(f"{entry.images}, up to {VALIDATED} objects an image:")
        print(evaluate(load_model(path), Folder(entry.images, entry.labels), limit=VALIDATED).to_table())
