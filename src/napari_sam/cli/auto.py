"""``napari-sam auto``: every object of an image, or of many, becomes a label, without a prompt."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..wording import amount
from . import arguments as arg
from .thresholds import add_threshold_options, chosen_settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXAMPLE = """\
examples:
  napari-sam auto cells.tif -o labels.tif
  napari-sam auto cells.png -o labels.tif --method grid --masks masks.json --picture seen.png
  napari-sam auto slide.ome.tif -o labels.zarr
  napari-sam auto plate1 "plate2/*_dapi.tif" -o labels --smallest 8 --largest 60
  napari-sam auto plates -o labels --scheduler tcp://login1:8786
"""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "auto",
        parents=[parent],
        help="segment every object of images",
        description="Find every object of images and write them as labels. A batch or a large image that was"
        " interrupted goes on where it stopped.",
        epilog=EXAMPLE,
        formatter_class=arg.HelpFormatter,
    )
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="TIFF, PNG, JPEG, .npy, .zarr, a folder or a pattern; planes",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT",
        help="labels: .tif, .png or .npy, .zarr of a large image; of several images, a folder",
    )  # fmt: skip
    parser.add_argument(
        "--method", choices=("auto", "grid", "instances"), default="auto",
        help="from points everywhere, or from the model's map of objects (default: that, if it has one)",
    )  # fmt: skip
    parser.add_argument("--masks", type=Path, metavar="JSON", help="also write each mask, as SA-1B does")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="also draw the labels on the image")
    parser.add_argument("--channel-axis", type=int, metavar="N", help="the images' axis of channels")
    arg.add_channels_option(parser)
    arg.add_overwrite_option(parser)
    parser.add_argument("--scheduler", metavar="ADDRESS", help="run a batch on that cluster of dask workers")
    arg.add_model_options(parser)
    add_threshold_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from ..automatic.batch.axes import opened_plane
    from ..automatic.batch.files import images_of, is_large, is_one, read_whole
    from ..errors import DataError
    from ..files.overwriting import check_not_the_image
    from .files import tell_of_images_beside

    out: Path = arguments.output
    images = images_of(arguments.images)
    if not is_one(arguments.images) or (out.is_dir() and out.suffix != ".zarr"):
        _batch(images, arguments)
        return
    if arguments.scheduler:
        raise arg.UsageError("--scheduler runs batches; give several images, or a folder")
    check_not_the_image(images[0], out, arguments.masks, arguments.picture)
    with opened_plane(images[0], arguments.channel_axis, arguments.channels) as image:
        tell_of_images_beside(images[0])
        if out.suffix == ".zarr":
            _large(images[0], image, arguments)
            return
        if is_large(image, arguments.channel_axis):
            raise DataError(f"{images[0]} is too large to be segmented as a whole; give an output in .zarr.")
        _one(images[0], read_whole(image, images[0]), arguments)


def _batch(images: list[Path], arguments: argparse.Namespace) -> None:
    from ..automatic.batch.image import BatchSettings
    from ..automatic.batch.run import run_batch, without_labels
    from ..automatic.batch.summary import SUMMARY
    from ..errors import DataError
    from .outputs import LABELS
    from .progress import progress_bar

    if arguments.masks or arguments.picture:
        raise arg.UsageError("--masks and --picture are for one image; a batch has its sheet.png")
    if arguments.output.suffix.lower() in (".zarr", *LABELS.endings):
        raise arg.UsageError(
            f"the labels of several images go into a folder, and not into {arguments.output}"
        )
    runner = None
    if arguments.scheduler:
        from ..automatic.batch.cluster import on_cluster

        runner = on_cluster(arguments.scheduler)
    settings = BatchSettings(
        arguments.model,
        arguments.device,
        arguments.method,
        chosen_settings(arguments),
        channel_axis=arguments.channel_axis,
        channels=arguments.channels,
    )
    out: Path = arguments.output
    images = without_labels(images, out) or images
    with progress_bar("segmenting", "image") as progress:
        rows = run_batch(images, out, settings, overwrite=arguments.overwrite, run=runner, progress=progress)
    failed = [row for row in rows if row.error]
    if empty := sum(not row.objects and not row.error for row in rows):
        print(f"{amount(empty, 'image')} without any object, with 0 in {out / SUMMARY}.", file=sys.stderr)
    if noted := sum(bool(row.note) for row in rows):
        told = f"{amount(noted, 'file')} with more images than the first, which alone is taken"
        print(f"{told}; {out / SUMMARY} has notes of them.", file=sys.stderr)
    for row in failed:
        print(f"{row.file}: {row.error}", file=sys.stderr)
    done, labels = len(rows) - len(failed), sum(row.objects for row in rows)
    print(f"{out}: {amount(done, 'image')}, {amount(labels, 'label')}")
    if failed:
        raise DataError(f"{len(failed)} of {len(rows)} images failed; {out / SUMMARY} says why.")


def _large(path: Path, image: object, arguments: argparse.Namespace) -> None:
    """Segment an image window by window."""
    from ..automatic import segment_windows
    from .progress import progress_bar

    if arguments.masks or arguments.picture:
        raise arg.UsageError("--masks and --picture are for an image that is segmented as a whole")
    model = arg.loaded(arguments.model, arguments.device)
    with progress_bar("segmenting", "window") as progress:
        found = segment_windows(
            image,  # type: ignore[arg-type]  # zarr and dask arrays, which numpy's types do not know
            arguments.output,
            model,
            method=arguments.method,
            settings=chosen_settings(arguments),
            channel_axis=arguments.channel_axis,
            channels=arguments.channels,
            file=path,
            overwrite=arguments.overwrite,
            progress=progress,
        )
    print(f"{found.path}: {amount(found.objects, 'label')}")


def _one(path: Path, image: NDArray[Any], arguments: argparse.Namespace) -> None:
    """Segment an image as a whole."""
    from ..automatic import nothing_found, paint, propose
    from ..files.pixel_size import pixel_size_of
    from ..files.writing import write_picture, write_text
    from ..predict import Predictor
    from .files import write_labels
    from .outputs import LABELS, PICTURE, TEXT, check_outputs
    from .progress import progress_bar

    settings = chosen_settings(arguments)
    written = (arguments.output, LABELS), (arguments.masks, TEXT), (arguments.picture, PICTURE)
    check_outputs(path, *written, overwrite=arguments.overwrite)
    predictor = Predictor(arg.loaded(arguments.model, arguments.device))
    with progress_bar("segmenting") as progress:
        records, shape = propose(
            predictor,
            image,
            method=arguments.method,
            settings=settings,
            channel_axis=arguments.channel_axis,
            progress=progress,
        )
    labels = paint(records, shape, settings)
    count = int(labels.max())
    write_labels(arguments.output, labels, size=pixel_size_of(path))
    if arguments.masks:
        content = {
            "image": {"file_name": path.name, "height": shape[0], "width": shape[1]},
            "annotations": [{"id": i, **each.to_annotation(shape)} for i, each in enumerate(records, 1)],
        }
        write_text(arguments.masks, json.dumps(content))
    if arguments.picture:
        from .picture import draw

        drawn = draw(image, labels, [], channel_axis=arguments.channel_axis)
        write_picture(arguments.picture, drawn)
    if not count:
        print(nothing_found(predictor.model, arguments.method, settings), file=sys.stderr)
    print(f"{arguments.output}: {amount(count, 'label')}")
