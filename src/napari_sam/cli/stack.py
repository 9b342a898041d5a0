"""``napari-sam stack``: objects through the planes of a volume, or through time."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from ..wording import amount
from . import arguments as arg
from .thresholds import add_threshold_options, chosen, chosen_settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..automatic import AutomaticSettings
    from ..automatic.cutting import Labels
    from ..predict import Embedding, Predictor

Points = Mapping[int, Sequence[arg.PointArgument]]
"""The points of one object in each plane."""

ONE_AXIS = (
    ", and --prompt follows an object along one axis; save one volume of it for --axis z, or one plane of"
    " each frame for --axis t."
)
KEPT = 16
"""Embeddings of planes that are held for the next object."""

EXAMPLE = """\
examples:
  napari-sam stack embryo.tif -o labels.tif --axis z
  napari-sam stack embryo.tif -o one.tif --axis z --prompt 12,80,95
  napari-sam stack embryo.tif -o two.tif --axis z --prompt 12,80,95/20,84,99 --prompt 15,30,40
  napari-sam stack movie.tif -o tracked.tif --axis t
"""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "stack",
        parents=[parent],
        help="segment objects through a volume or a movie",
        description="Find every object of a stack, or those at the prompts, and give each one label in all"
        " planes. In time, a table of tracks and their parents is written too.",
        epilog=EXAMPLE,
        formatter_class=arg.HelpFormatter,
    )
    parser.add_argument(
        "image", type=Path, metavar="IMAGE", help="TIFF, .npy or .zarr; its first axis is that of the planes"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="labels: .tif or .npy"
    )
    parser.add_argument(
        "--axis", choices=("z", "t"), required=True, help="whether the planes are depths or times"
    )
    parser.add_argument(
        "--prompt", type=object_points, action="append", default=[], metavar="PLANE,R,C[,-][/...]",
        help="a plane (the first is 0), a row and a column on an object, which is followed from there; more"
        " points of the same object after a /, beside it with a minus; each --prompt becomes a label",
    )  # fmt: skip
    parser.add_argument(
        "--tracks", type=Path, metavar="CSV", help="where the table of tracks goes (default: beside OUT)"
    )
    parser.add_argument(
        "--channel-axis", type=int, metavar="N", help="the axis of channels, if the file does not name it"
    )
    arg.add_channels_option(parser)
    arg.add_overwrite_option(parser)
    arg.add_model_options(parser)
    add_threshold_options(parser)
    parser.set_defaults(run=run)


def object_points(text: str) -> Points:
    """Read ``PLANE,R,C`` or ``PLANE,R,C,-``, several with a slash between."""
    planes: dict[int, list[arg.PointArgument]] = {}
    for part in text.split("/"):
        plane, _, place = part.partition(",")
        if not plane.strip().removeprefix("-").isdecimal() or "," not in place:
            raise argparse.ArgumentTypeError(f"{part!r} is not a prompt; write PLANE,ROW,COL")
        planes.setdefault(int(plane), []).append(arg.point(place))
    return planes


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    if arguments.tracks and arguments.axis == "z":
        raise arg.UsageError("--tracks goes with --axis t; a volume has no tracks")
    if arguments.prompt and chosen(arguments):
        raise arg.UsageError("thresholds are for a search of everything; --prompt follows one object")
    from ..automatic.stack.tracks import as_tracks, load_tracker, track_objects
    from ..channel_choice import chosen_channels
    from ..files.pixel_size import pixel_size_of
    from ..predict import Predictor
    from .files import read_stack, tell_of_images_beside, write_labels
    from .outputs import PLANES, TEXT, check_outputs

    settings = chosen_settings(arguments)
    in_time, prompted = arguments.axis == "t", bool(arguments.prompt)
    if in_time and not prompted:
        load_tracker()  # a tracker that is not there is better known before the work
    table = _table(arguments)
    written = (arguments.output, PLANES), (table, TEXT)
    check_outputs(arguments.image, *written, overwrite=arguments.overwrite)
    every = read_stack(arguments.image, arguments.channel_axis, in_time=in_time)
    frames = chosen_channels(every, arguments.channels, None, arguments.image.name, others=4)
    volumes = min(frames.shape[:2]) > 1
    if volumes and prompted:
        raise DataError(f"{arguments.image} holds {_held(frames)}{ONE_AXIS}")
    tell_of_images_beside(arguments.image)
    predictor = Predictor(arg.loaded(arguments.model, arguments.device))
    if prompted:
        labels = _followed(predictor, frames.reshape(-1, *frames.shape[2:]), in_time, arguments.prompt)
    else:
        labels = _found(predictor, frames, settings, linked=volumes or not in_time)
    size, axes = (
        pixel_size_of(arguments.image, upright=True),
        "TZYX" if volumes else "TYX" if in_time else "ZYX",
    )
    if table is None:
        write_labels(arguments.output, labels, axes, size)
        print(f"{arguments.output}: {amount(int(labels.max()), 'object')} in {_held(frames)}")
        return
    tracks = as_tracks(labels) if prompted else track_objects(labels)
    write_labels(arguments.output, tracks.labels, axes, size)
    tracks.write(table)
    found = f"{amount(tracks.count, 'track')}, {amount(tracks.divisions, 'division')}"
    print(f"{arguments.output}: {found}; {table}")


def _held(frames: NDArray[Any]) -> str:
    """Say how many planes (T, Z, ...) are, and how many frames of these."""
    count, depth = frames.shape[:2]
    return amount(depth, "plane") if count == 1 else f"{amount(count, 'frame')} of {amount(depth, 'plane')}"


def _table(arguments: argparse.Namespace) -> Path | None:
    """Return where the table of tracks goes; None for a volume, which has none."""
    if arguments.axis == "z":
        return None
    table: Path = arguments.tracks or arguments.output.with_suffix(".tracks.csv")
    return table


def _found(
    predictor: Predictor, frames: NDArray[Any], settings: AutomaticSettings, *, linked: bool
) -> Labels:
    """Label every plane of (T, Z, Y, X) for itself, or link those of each frame to objects of one number.

    Of a single frame or of single planes, (N, Y, X) is returned.
    """
    import numpy as np

    from ..automatic import nothing_found
    from ..automatic.stack.link import label_planes, link_planes, stack_normalization
    from .progress import progress_bar

    count, depth = frames.shape[:2]
    labels: Labels = np.zeros(frames.shape[:4], np.int32)
    objects = 0
    with progress_bar("segmenting", "plane") as progress:
        for index, planes in enumerate(frames):

            def report(done: int, _: int, before: int = index * depth) -> None:
                progress(before + done, count * depth)

            # light fades in time, but not from plane to plane of a volume
            record = stack_normalization(planes) if linked else None
            found = label_planes(predictor, planes, settings=settings, normalization=record, progress=report)
            if linked:
                found = link_planes(found)
                found[found > 0] += objects
                objects = max(objects, int(found.max()))
            labels[index] = found
    if not labels.any():
        print(nothing_found(predictor.model, "auto", settings), file=sys.stderr)
    return labels if min(count, depth) > 1 else labels.reshape(-1, *labels.shape[2:])


def _followed(predictor: Predictor, planes: NDArray[Any], in_time: bool, objects: Sequence[Points]) -> Labels:
    """Follow one object a prompt; where two overlap, the first keeps the pixels."""
    import numpy as np

    from ..automatic.stack.link import normalized, stack_normalization
    from ..automatic.stack.volume import propagate
    from ..predict import Prompts
    from .progress import progress_bar

    record = None if in_time else stack_normalization(planes)

    @lru_cache(maxsize=KEPT)
    def embedding_of(index: int) -> Embedding:
        if record is None:
            return predictor.embed(planes[index])
        return predictor.embed(normalized(planes[index], record), normalization=None)

    labels: NDArray[np.int32] = np.zeros(planes.shape[:3], np.int32)
    for number, points_of in enumerate(objects, 1):
        prompts = {
            plane: Prompts(
                points=[(each.row, each.col) for each in points],
                point_labels=[int(each.positive) for each in points],
            )
            for plane, points in points_of.items()
        }
        with progress_bar(f"following object {number}", "plane") as progress:
            propagate(predictor, embedding_of, prompts, len(planes), progress=progress).paint(labels, number)
    return labels
