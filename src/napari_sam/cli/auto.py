"""``napari-sam auto``: every object of an image becomes a label, without a prompt."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import arguments as arg

EXAMPLE = """\
examples:
  napari-sam auto cells.tif -o labels.tif
  napari-sam auto cells.png -o labels.tif --method grid --masks masks.json --picture seen.png
"""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "auto",
        parents=[parent],
        help="segment every object of one image",
        description="Find every object of an image and write them as labels.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="TIFF, PNG, JPEG or .npy; one plane")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="labels: .tif, .png or .npy"
    )
    parser.add_argument(
        "--method", choices=("auto", "grid", "instances"), default="auto",
        help="from points everywhere, or from the model's map of objects (default: that, if it has one)",
    )  # fmt: skip
    parser.add_argument("--masks", type=Path, metavar="JSON", help="also write each mask, as SA-1B does")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="also draw the labels on the image")
    parser.add_argument("--channel-axis", type=int, metavar="N", help="the image's axis of channels")
    arg.add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    import numpy as np

    from ..automatic import AutomaticSettings, nothing_found, paint, propose
    from ..errors import DataError
    from ..predict import Predictor
    from ..weights import load_model
    from .files import check_label_path, read_image, write_labels
    from .progress import progress_bar

    check_label_path(arguments.output)
    image = read_image(arguments.image)
    with progress_bar("loading the model", "B") as progress:
        predictor = Predictor(load_model(arguments.model, arguments.device, progress=progress))
    with progress_bar("segmenting") as progress:
        records, shape = propose(
            predictor, image, method=arguments.method, channel_axis=arguments.channel_axis, progress=progress
        )
    found = paint(records, shape)
    count = int(found.max())
    if count > np.iinfo(np.uint16).max:
        raise DataError(f"{count} objects are more than 16-bit labels can count; cut the image into parts.")
    labels = found.astype(np.uint16)
    write_labels(arguments.output, labels)
    if arguments.masks:
        content = {
            "image": {"file_name": arguments.image.name, "height": shape[0], "width": shape[1]},
            "annotations": [{"id": i, **each.to_annotation(shape)} for i, each in enumerate(records, 1)],
        }
        arguments.masks.write_text(json.dumps(content), encoding="utf-8")
    if arguments.picture:
        from .picture import draw

        draw(image, labels, [], channel_axis=arguments.channel_axis).save(arguments.picture)
    if not count:
        print(nothing_found(predictor.model, arguments.method, AutomaticSettings()), file=sys.stderr)
    print(f"{arguments.output}: {count} label{'' if count == 1 else 's'}")
