"""``napari-sam segment``: prompts typed on the command line become labels in a file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..wording import amount
from . import arguments as arg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from ..predict import Candidate, Candidates, Embedding, Predictor, Prompts

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
        help="which of the three masks to take (default: the suggested one)",
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
    from ..files.pixel_size import pixel_size_of
    from ..files.writing import write_picture
    from ..predict import Predictor
    from ..session.by_window import answers_on
    from .files import tell_of_images_beside, write_labels
    from .outputs import LABELS, PICTURE, check_outputs
    from .progress import progress_bar

    written = (arguments.output, LABELS), (arguments.picture, PICTURE)
    check_outputs(arguments.image, *written, overwrite=arguments.overwrite)
    axis, prompts = arguments.channel_axis, _prompts(arguments)
    with opened_image(arguments.image, axis, arguments.channels) as image:
        tell_of_images_beside(arguments.image)
        predictor = Predictor(arg.loaded(arguments.model, arguments.device))
        ask = partial(_answers, predictor, multimask=arguments.multimask)
        with progress_bar("embedding") as progress:
            answers = answers_on(predictor, image, prompts, ask, channel_axis=axis, progress=progress)
        chosen = [answer.items[_index(answer, arguments.choice)] for answer in answers]
        labels = painted(chosen, answers[0].shape)
        write_labels(arguments.output, labels, size=pixel_size_of(arguments.image))
        if arguments.picture:
            write_picture(arguments.picture, _picture(image, axis, labels, chosen, prompts))
    _tell(arguments.output, chosen, labels)


@contextmanager
def opened_image(path: Path, channel_axis: int | None = None, channels: Sequence[int] = ()) -> Iterator[Any]:
    """Open one plane, with channels last where the file names their axis; large ones are read in parts.

    Parameters
    ----------
    path : Path
    channel_axis : int, optional
        Where a person said that the channels are; then the file is not asked.
    channels : sequence of int
        Which of them to see; by default all.

    Yields
    ------
    (Y, X) or (Y, X, C), or as the file has it with `channel_axis`

    Raises
    ------
    DataError
        If it cannot be read as an image, or is a stack by its axes or by its shape.
    """
    from ..automatic.batch.axes import opened_plane
    from ..automatic.batch.files import is_large, read_whole
    from ..errors import DataError
    from ..predict.plane_shape import looks_stacked

    with opened_plane(path, channel_axis, channels) as image:
        if channel_axis is None and looks_stacked(image.shape):
            raise DataError(
                f"{path} has the shape {image.shape}; use `napari-sam stack` if it is a stack, or say by"
                " --channel-axis which axis its channels are on."
            )
        yield image if is_large(image, channel_axis) else read_whole(image, path)


def painted(chosen: Sequence[Candidate], shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Return (Y, X) labels, 1 for the first mask; where two overlap, the better one has the pixels."""
    import numpy as np

    labels = np.zeros(shape, np.uint16)
    for label, item in sorted(enumerate(chosen, 1), key=lambda pair: pair[1].iou_prediction):
        top, left, bottom, right = item.bbox
        labels[top : bottom + 1, left : right + 1][item.mask] = label
    return labels


def _answers(
    predictor: Predictor, embedding: Embedding, prompts: Sequence[Prompts], multimask: bool | None
) -> Sequence[Candidates]:
    """Ask for three masks or one from all prompts at once, or as in the window if nobody says which."""
    from ..session.answering import answers_to

    if multimask is None:
        return answers_to(predictor, embedding, prompts)
    return predictor.predict_many(embedding, prompts, multimask=multimask)


def _picture(
    image: Any,
    channel_axis: int | None,
    labels: NDArray[np.uint16],
    chosen: Sequence[Candidate],
    prompts: Sequence[Prompts],
) -> Image.Image:
    """Draw the labels; of a large image the part with them, if they are not too far from each other."""
    import numpy as np

    from ..predict.window import read_part
    from ..session.by_window import window_for
    from .picture import draw

    boxes = [np.reshape(item.bbox, (2, 2)) for item in chosen if item.mask.size]
    part = window_for(labels.shape, np.concatenate([*(each.inside for each in prompts), *boxes]))
    pixels = np.asarray(read_part(image, part, channel_axis))
    shown = [part.entering(each) for each in prompts]
    return draw(pixels, labels[part.index], shown, channel_axis=channel_axis)


def _tell(path: Path, chosen: Sequence[Candidate], labels: NDArray[np.uint16]) -> None:
    """Say what was written, and which masks others hide."""
    import numpy as np

    if hidden := sorted(set(range(1, len(chosen) + 1)).difference(np.unique(labels).tolist())):
        left = f"no pixel is left of label {', '.join(map(str, hidden))}"
        print(f"{left}: where masks overlap, the better one has them", file=sys.stderr)
    told = ", ".join(f"{item.iou_prediction:.2f}" for item in chosen)
    print(f"{path}: {amount(len(chosen), 'label')}, predicted IoU {told}")


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
