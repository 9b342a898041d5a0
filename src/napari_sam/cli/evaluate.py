"""``napari-sam evaluate``: how well a model does on a folder of images with known labels."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam.errors import DataError
from napari_sam.wording import amount

from . import arguments as arg

if TYPE_CHECKING:
    from ..training.measuring.report import Report

EXAMPLE = """\
examples:
  napari-sam evaluate --images val/images --labels val/labels --model cell-tiny --json scores.json
  napari-sam evaluate --images val/images --labels val/axons val/fibres --failures failures.png
  napari-sam evaluate --images val/images --labels val/labels --automatic --limit-images 20
  napari-sam evaluate --images val/images --labels val/labels --methods auto grid --limit 0
  napari-sam evaluate --images val/images --labels val/labels --zoom 8 --limit-images 10
  napari-sam evaluate --scenes 60
"""
LARGEST_ZOOM = 32
"""Times that images may be enlarged: more than any microscope's picture of a cell needs."""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "evaluate",
        parents=[parent],
        help="measure a model on labelled images",
        description="Prompt a model with points and boxes taken from known labels, and print its mean IoU.",
        epilog=EXAMPLE,
        formatter_class=arg.HelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, metavar="DIR", help="images")
    source.add_argument(
        "--scenes", type=arg.count, metavar="N", help="generated scenes with three nested levels"
    )
    parser.add_argument(
        "--labels",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="label images of the same names; several folders, the finest first, where objects are nested",
    )
    arg.add_channels_option(parser)
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures here")
    parser.add_argument(
        "--failures",
        type=Path,
        metavar="PNG",
        help="also draw the objects that one click does worst on: truth white, candidates coloured",
    )
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="objects to prompt for in an image, drawn at random; 0 for none (default: all)",
    )
    parser.add_argument(
        "--limit-images", type=arg.count, metavar="N", help="images, spread over all (default: all)"
    )
    parser.add_argument(
        "--zoom",
        type=float,
        default=1.0,
        metavar="F",
        help="show the images F times as large, to measure objects of other sizes (default: %(default)g)",
    )
    parser.add_argument(
        "--automatic",
        action="store_true",
        help="also measure what is found without prompts: by auto, a plain watershed, and the grid",
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        default=(),
        metavar="METHOD",
        help="measure only these without prompts: auto, watershed, grid (which takes longest)",
    )
    parser.add_argument(
        "--seed", type=arg.whole, default=0, metavar="N", help="of the drawing (default: %(default)s)"
    )
    arg.add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from ..files.overwriting import check_not_among
    from ..files.writing import write_picture, write_text
    from ..training.measuring.automatic_scores import METHODS
    from ..training.measuring.evaluate import evaluate
    from ..training.measuring.sets import Folder, Scenes
    from .files import tell_of_labels
    from .outputs import PICTURE, TEXT, check_apart, check_output
    from .progress import progress_bar

    for path, kind in ((arguments.json, TEXT), (arguments.failures, PICTURE)):
        if path:
            check_output(path, kind, overwrite=True)
    check_apart(arguments.json, arguments.failures)
    _check(arguments)
    if arguments.images:
        check_not_among([arguments.images, *arguments.labels], arguments.json, arguments.failures)
    annotated = (
        Folder(arguments.images, tuple(arguments.labels), zoom=arguments.zoom, channels=arguments.channels)
        if arguments.images
        else Scenes(arguments.scenes)
    )
    if arguments.images:
        tell_of_labels(arguments.images, arguments.labels)
    model = arg.loaded(arguments.model, arguments.device)
    with progress_bar("evaluating", "image") as progress:
        report = evaluate(
            model,
            annotated,
            limit=arguments.limit,
            seed=arguments.seed,
            automatic=arguments.methods or (METHODS if arguments.automatic else ()),
            limit_images=arguments.limit_images,
            go_on=True,
            progress=progress,
        )
    _check_measured(arguments, report)
    if arguments.json:
        write_text(arguments.json, report.to_json() + "\n")
    if arguments.failures:
        from ..training.measuring.sheet import failure_sheet

        write_picture(arguments.failures, failure_sheet(model, annotated, report))
    for name, why in report.failed.items():
        print(f"{name}: {why}", file=sys.stderr)
    print(report.to_table())
    if report.failed:
        raise DataError(
            f"{amount(len(report.failed), 'image')} could not be measured, and the figures are of the others;"
            " replace or remove what is damaged."
        )


def _check_measured(arguments: argparse.Namespace, report: Report) -> None:
    """Say which labels show no object, and raise `DataError` if there was none to prompt for in all."""
    from .files import tell_of_empty

    tell_of_empty(report.empty, arguments.images)
    if arguments.limit != 0 and not (report.objects or report.failed):
        raise DataError("No labels show an object, so that there is nothing to measure; label some.")


def _check(arguments: argparse.Namespace) -> None:
    """Make sure that the options make sense together."""
    from ..training.measuring.automatic_scores import METHODS

    if arguments.images and not arguments.labels:
        raise DataError("There are images but no labels to compare with; give their folder with --labels.")
    if arguments.scenes and (arguments.labels or arguments.channels or arguments.zoom != 1):
        raise arg.UsageError("--labels, --channels and --zoom are for --images; scenes have what they need")
    if unknown := set(arguments.methods) - set(METHODS):
        raise arg.UsageError(f"--methods takes {', '.join(METHODS)}, and not {', '.join(sorted(unknown))}")
    if arguments.limit is not None and arguments.limit < bool(arguments.failures):
        raise arg.UsageError("--limit is a number of objects; give 0 or more, and 1 or more with --failures")
    if not 0 < arguments.zoom <= LARGEST_ZOOM:
        raise arg.UsageError(f"--zoom is a factor; give a number above 0, up to {LARGEST_ZOOM}")
