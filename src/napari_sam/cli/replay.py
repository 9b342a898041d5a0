"""``napari-sam replay``: a journal's masks made again by its prompts, and compared."""

from __future__ import annotations

import argparse
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, DifferentMasksError
from . import arguments as arg

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ..predict import PlaneWindow, Predictor
    from ..session import Object, Plane
    from ..session.replay import Replay, Replayed

EXAMPLE = """\
examples:
  napari-sam replay "plate 1.napari-sam/plate 1 cells.journal"
  napari-sam replay cells.journal --image cells.tif -o labels.tif
  napari-sam replay cells.journal --image cells.tif --model old/cell-tiny.safetensors
"""

KINDS = {"paint": "painted by hand", "adopt": "labels that were there", "accept": "found without prompts"}


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay",
        parents=[parent],
        help="make a journal's masks again from its prompts, and compare",
        description="Answer every prompt of a journal again, with the same model, plane and normalization, do"
        " what was done to the masks by hand once more, and report every object that comes out otherwise."
        " Exit status 1 if there is one.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("journal", type=Path, metavar="JOURNAL", help="of a session in napari")
    parser.add_argument(
        "--image", type=Path, metavar="FILE", help="the image (default: what the journal says)"
    )
    parser.add_argument("--channel-axis", type=int, metavar="N", help="the image's axis of channels")
    parser.add_argument(
        "--model", metavar="M", help="a name or a file, for all objects (default: what the journal says)"
    )
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:1 or mps (default: %(default)s)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="write the new masks as labels: .tif or .npy"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises
    ------
    DifferentMasksError
        If an object comes out otherwise.
    """
    from ..automatic.batch_files import opened
    from ..session.record import image_of, read_record
    from ..session.replay import replay
    from .files import check_stack_path, write_label_stack
    from .progress import progress_bar

    if arguments.output:
        check_stack_path(arguments.output)
    record = read_record(arguments.journal)
    image = arguments.image or image_of(record, arguments.journal)
    if image is None or not image.exists():
        missing = (
            f"The image {image} is not there" if image else "The journal does not say which image it is of"
        )
        raise DataError(f"{missing}; give it with --image.")
    with opened(image, arguments.channel_axis) as array, progress_bar("replaying", "object") as progress:
        found = replay(
            record,
            Reader(array, record.shape, arguments.channel_axis),
            Loader(arguments.model, arguments.device),
            other_weights=arguments.model is not None,
            progress=progress,
        )
    if arguments.output:
        labels = _labels([each for each in found.objects if not each.remade.failure], record.shape)
        write_label_stack(arguments.output, labels, _axes(labels.ndim))
    report(found)


class Reader:
    """Reads parts of the planes of an image.

    Parameters
    ----------
    array
        Anything that can be sliced.
    shape : tuple of int
        What the journal says that its shape is, without channels.
    channel_axis : int, optional
        Found out from the shapes, if it is the last one.

    Raises
    ------
    DataError
        If the array has another shape.
    """

    def __init__(self, array: Any, shape: tuple[int, ...], channel_axis: int | None) -> None:
        axes = list(range(len(array.shape)))
        self._channels = None
        if channel_axis is not None or (len(axes) > 2 and tuple(array.shape[:-1]) == shape):
            self._channels = axes.pop(-1 if channel_axis is None else channel_axis)
        here = tuple(array.shape[axis] for axis in axes)
        self._kept = [axis for axis, side in enumerate(shape[:-2]) if side > 1]
        squeezed = tuple(shape[axis] for axis in self._kept) + shape[-2:]
        if here == shape:
            self._kept = list(range(len(shape) - 2))
        elif here != squeezed:
            raise DataError(
                f"The image has the shape {tuple(array.shape)}, and the journal is of one of {shape}; give"
                " the image that was annotated, and --channel-axis if it has channels."
            )
        self._array = array

    def __call__(self, plane: Plane, window: PlaneWindow) -> ArrayLike:
        """Return the pixels of a part, (Y, X) or (Y, X, C)."""
        import numpy as np

        index: list[Any] = [plane[axis] for axis in self._kept] + list(window.index)
        if self._channels is None:
            return np.asarray(self._array[tuple(index)])
        index.insert(self._channels, slice(None))
        left = self._channels - sum(isinstance(each, int) for each in index[: self._channels])
        return np.moveaxis(np.asarray(self._array[tuple(index)]), left, -1)


class Loader:
    """Loads the models that objects name, or the one that a person names.

    Parameters
    ----------
    model : str, optional
    device : str
    """

    def __init__(self, model: str | None, device: str) -> None:
        self._model = model
        self._device = device
        self._loaded = cache(self._load)

    def __call__(self, each: Object) -> Predictor:
        """Return the predictor for an object."""
        return self._loaded(self._model or each.model, each.precision or "auto")

    def _load(self, model: str, precision: Any) -> Predictor:
        from ..predict import Predictor
        from ..weights import load_model

        return Predictor(load_model(model, self._device, precision=precision))


def report(found: Replay) -> None:
    """Print every object that comes out otherwise, and how many do not.

    Raises
    ------
    DifferentMasksError
        If there is one.
    """
    prompted = [each for each in found.objects if each.prompted]
    others = [each for each in found.objects if not each.prompted]
    wrong = [each for each in found.objects if not each.same]
    for each in wrong:
        print(_line(each))
    for remark in found.remarks if wrong else ():
        print(remark)
    same = sum(each.same for each in prompted)
    print(f"{same} of {len(prompted)} objects are made again by their prompts, to the pixel.")
    if others:
        print(f"{len(others)} hold pixels that no prompt makes, taken as they are: {_kinds(others)}.")
    if wrong:
        raise DifferentMasksError(
            f"{len(wrong)} of {len(found.objects)} objects differ from what the journal holds, or could not"
            " be made again; the lines above say which."
        )


def _line(each: Replayed) -> str:
    where = f" in plane {', '.join(map(str, each.recorded.plane))}" if each.recorded.plane else ""
    steps = ", ".join(step.replace("_", " ") for step in each.steps)
    what = each.remade.failure or (
        f"IoU {each.iou:.4f}, {each.different} of {each.recorded.area} pixels differ"
    )
    return f"label {each.recorded.id}{where} ({steps}): {what}"


def _kinds(others: list[Replayed]) -> str:
    counts = Counter(KINDS[kind] for each in others for kind in KINDS if kind in each.steps)
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _labels(objects: list[Replayed], shape: tuple[int, ...]) -> Any:
    """Draw objects, the one with the smaller label on top as in a session."""
    import numpy as np

    labels = np.zeros(shape, np.int32)
    for each in sorted((each.remade.object for each in objects), key=lambda each: -each.id):
        labels[each.window][each.mask] = each.id
    return labels


def _axes(ndim: int) -> str:
    return "TZYX"[-ndim:] if ndim <= 4 else "Q" * (ndim - 2) + "YX"
