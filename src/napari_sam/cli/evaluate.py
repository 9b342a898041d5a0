"""``napari-sam evaluate``: how well a model does on a folder of images with known labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import arguments as arg

EXAMPLE = """\
example:
  napari-sam evaluate --images val/images --labels val/labels --model cell-tiny --json scores.json
"""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "evaluate",
        parents=[parent],
        help="measure a model on labelled images",
        description="Prompt a model with points and boxes taken from known labels, and print its mean IoU.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="images")
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="DIR", help="label images of the same names"
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures here")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="objects an image, drawn at random (default: all)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the drawing (default: %(default)s)"
    )
    arg.add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from ..training.evaluate import evaluate
    from ..weights import load_model
    from .progress import progress_bar

    with progress_bar("loading the model", "B") as progress:
        model = load_model(arguments.model, arguments.device, progress=progress)
    with progress_bar("evaluating", "image") as progress:
        report = evaluate(
            model,
            arguments.images,
            arguments.labels,
            limit=arguments.limit,
            seed=arguments.seed,
            progress=progress,
        )
    if arguments.json:
        arguments.json.write_text(report.to_json() + "\n", encoding="utf-8")
    print(report.to_table())
