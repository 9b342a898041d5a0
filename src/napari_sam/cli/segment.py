"""``napari-sam segment``: prompts typed on the command line become labels in a file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..wording import amount
from . import arguments as arg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..predict import Candidates, Embedding, Predictor, Prompts

EXAMPLE = """\
examples:
  napari-sam segment cells.tif --point 120,85 -o labels.tif
  napari-sam segment cells.tif --point 120,85 --point 140,60,- --choice best -o labels.tif
  napari-sam segment cells.png --box 10,20,60,80 --box 90,15,130,70 -o labels.png --picture seen.png
"""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "segment",
        parents=[parent],
        help="segment one image at points or boxes",
        description="Segment the object at the points (with at most one box), or one object in each box.",
        epilog=EXAMPLE,
        formatter_class=arg.HelpFormatter,
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="TIFF, PNG, JPEG, .npy or .zarr; one plane")
    parser.add_argument(
        "--point", type=arg.point, action="append", default=[], metavar="R,C[,-]",
        help="a row and column on the object, or beside it with a minus; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--box", type=arg.box, action="append", default=[], metavar="R0,C0,R1,C1",
        help="a box around an object; each box becomes a label",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="labels: .tif, .png or .npy"
    )
    parser.add_argument("--picture", type=Path, metavar="PNG", help="also draw the labels on the image")
    parser.add_argument(
        "--choice", choices=("best", "1", "2", "3"), default="best",
        help="which of the three masks to take (default: the one of the highest predicted IoU)",
    )  # fmt: skip
    parser.add_argument(
        "--multimask", action=argparse.BooleanOptionalAction, default=None,
        help="ask for three masks, or for one (default: three for one point or a lone box, otherwise one)",
    )  # fmt: skip
    parser.add_argument("--channel-axis", type=int, metavar="N", help="the image's axis of channels")
    arg.add_channels_option(parser)
    arg.add_overwrite_option(parser)
    arg.add_model_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    _check(arguments)
    import numpy as np

    from ..files.pixel_size import pixel_size_of
    from ..files.writing import write_picture
    from ..predict import Predictor
    from ..weights import load_model
    from .files import tell_of_images_beside, write_labels
    from .outputs import LABELS, PICTURE, check_outputs
    from .progress import progress_bar

    written = (arguments.output, LABELS), (arguments.picture, PICTURE)
    check_outputs(arguments.image, *written, overwrite=arguments.overwrite)
    image = read_plane(arguments.image, arguments.channel_axis, arguments.channels)
    tell_of_images_beside(arguments.image)
    with progress_bar("loading the model", "B") as progress:
        predictor = Predictor(load_model(arguments.model, arguments.device, progress=progress))
    with progress_bar("embedding") as progress:
        embedding = predictor.embed(image, channel_axis=arguments.channel_axis, progress=progress)
    prompts = _prompts(arguments)
    labels, scores = segment(predictor, embedding, prompts, arguments.choice, arguments.multimask)
    write_labels(arguments.output, labels, size=pixel_size_of(arguments.image))
    if arguments.picture:
        from .picture import draw

        drawn = draw(image, labels, prompts, channel_axis=arguments.channel_axis)
        write_picture(arguments.picture, drawn)
    told = ", ".join(f"{score:.2f}" for score in scores)
    if hidden := sorted(set(range(1, len(scores) + 1)).difference(np.unique(labels).tolist())):
        left = f"no pixel is left of label {', '.join(map(str, hidden))}"
        print(f"{left}: where masks overlap, the better one has them", file=sys.stderr)
    print(f"{arguments.output}: {amount(len(scores), 'label')}, predicted IoU {told}")


def read_plane(path: Path, channel_axis: int | None = None, channels: Sequence[int] = ()) -> NDArray[Any]:
    """Read one plane, with channels last where the file names their axis.

    Parameters
    ----------
    path : Path
    channel_axis : int, optional
        Where a person said that the channels are; then the file is not asked.
    channels : sequence of int
        Which of them to see; by default all.

    Returns
    -------
    (Y, X) or (Y, X, C), or as the file has it with `channel_axis`

    Raises
    ------
    DataError
        If it cannot be read as an image, or is a stack by its axes or by its shape.
    ImageError
        If a part of it cannot be read.
    """
    from ..automatic.batch.axes import opened_plane
    from ..automatic.batch.files import read_whole
    from ..errors import DataError
    from ..predict.plane_shape import looks_stacked

    with opened_plane(path, channel_axis, channels) as opened:
        image = read_whole(opened, path)
    if channel_axis is None and looks_stacked(image.shape):
        raise DataError(
            f"{path} has the shape {image.shape}; use `napari-sam stack` if it is a stack, or say by"
            " --channel-axis which axis its channels are on."
        )
    return image


def segment(
    predictor: Predictor,
    embedding: Embedding,
    prompts: Sequence[Prompts],
    choice: Literal["best", "1", "2", "3"] = "best",
    multimask: bool | None = None,
) -> tuple[NDArray[np.uint16], list[float]]:
    """Turn each prompt into a label.

    Where two masks overlap, the one of the higher predicted IoU keeps the pixels.

    Parameters
    ----------
    predictor, embedding
        The model and the image.
    prompts : sequence of Prompts
        The first becomes label 1.
    choice : {"best", "1", "2", "3"}
        Which candidate to take.
    multimask : bool, optional
        Three masks or one from all prompts at once; by default they are applied one after another, and
        `Predictor.predict_sequence` decides.

    Returns
    -------
    labels : (Y, X) uint16
    scores : list of float
        The predicted IoU of each label.
    """
    import numpy as np

    if multimask is not None:
        answers = predictor.predict_many(embedding, prompts, multimask=multimask)
    elif len(prompts) == 1:
        answers = [predictor.predict_sequence(embedding, prompts[0])]
    else:
        answers = predictor.predict_many(embedding, prompts)
    chosen = [answer.items[_index(answer, choice)] for answer in answers]
    labels = np.zeros(embedding.shape, np.uint16)
    for label, item in sorted(enumerate(chosen, 1), key=lambda pair: pair[1].iou_prediction):
        labels[item.full_mask(embedding.shape)] = label
    return labels, [float(item.iou_prediction) for item in chosen]


def _index(candidates: Candidates, choice: str) -> int:
    if choice == "best":
        return candidates.best
    if int(choice) > len(candidates):
        raise arg.UsageError(
            f"there is no mask {choice}: these prompts gave {len(candidates)}; add --multimask for three"
        )
    return int(choice) - 1


def _check(arguments: Any) -> None:
    if not arguments.point and not arguments.box:
        raise arg.UsageError("give at least one --point or --box")
    if arguments.point and len(arguments.box) > 1:
        raise arg.UsageError("points go with at most one --box; run once for each object")


def _prompts(arguments: Any) -> list[Prompts]:
    from ..predict import Prompts

    if not arguments.point:
        return [Prompts(box=box) for box in arguments.box]
    return [
        Prompts(
            points=[(point.row, point.col) for point in arguments.point],
            point_labels=[int(point.positive) for point in arguments.point],
            box=arguments.box[0] if arguments.box else None,
        )
    ]
