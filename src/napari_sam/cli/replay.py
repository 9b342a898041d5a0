"""``napari-sam replay``: a journal's masks made again by its prompts, and compared."""

from __future__ import annotations

import argparse
from collections import Counter
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, DifferentMasksError
from . import arguments as arg

if TYPE_CHECKING:
    from ..predict import Predictor
    from ..session import Object
    from ..session.journal.record import Record
    from ..session.journal.replay import Replay, Replayed

EXAMPLE = """\
examples:
  napari-sam replay "plate 1.napari-sam/plate 1 cells.journal"
  napari-sam replay cells.journal --image cells.tif -o labels.tif
  napari-sam replay cells.journal --image cells.tif --model old/cell-tiny.safetensors
"""

KINDS = {
    "paint": "painted by hand",
    "adopt": "labels that were there",
    "accept": "found without prompts",
    "follow": "followed through planes",
}
"""Steps that no prompt makes."""


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
        formatter_class=arg.HelpFormatter,
    )
    parser.add_argument("journal", type=Path, metavar="JOURNAL", help="of a session in napari")
    parser.add_argument(
        "--image", type=Path, nargs="+", metavar="FILE",
        help="the image (default: as the journal says), or one of each layer that was mixed, in their order",
    )  # fmt: skip
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
    arg.add_overwrite_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command.

    Raises
    ------
    DifferentMasksError
        If an object comes out otherwise.
    """
    from ..automatic.batch.files import opened
    from ..files.pixel_size import pixel_size_of
    from ..session.journal.record import read_record
    from ..session.journal.replay import replay
    from .annotated import Planes
    from .files import tell_of_damage, write_labels
    from .outputs import PLANES, check_outputs
    from .progress import progress_bar

    record, out = read_record(arguments.journal), arguments.output
    tell_of_damage(record)
    images = _images(arguments, record)
    for each in (arguments.journal, *images):
        check_outputs(each, (out, PLANES), overwrite=arguments.overwrite)
    with ExitStack() as stack, progress_bar("replaying", "object") as progress:
        arrays = [stack.enter_context(opened(path)) for path in images]
        found = replay(
            record,
            Planes(arrays, record.shape, arguments.channel_axis),
            Loader(arguments.model, arguments.device),
            other_weights=arguments.model is not None,
            progress=progress,
        )
    if out:
        labels = _labels([each for each in found.objects if not each.remade.failure], record.shape)
        write_labels(out, labels, _axes(labels.ndim), pixel_size_of(images[0]))
    report(found)


def _images(arguments: Any, record: Record) -> list[Path]:
    from ..session.journal.image import image_of

    named = image_of(record, arguments.journal)
    images = arguments.image or ([named] if named else [])
    if not images:
        raise DataError("The journal does not say which image it is of; give it with --image.")
    for image in images:
        if not image.exists():
            raise DataError(f"The image {image} is not there; give it with --image.")
    return images


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
        if not each.remade.failure:
            print(_line(each))
    for failure in dict.fromkeys(each.remade.failure for each in wrong if each.remade.failure):
        labels = [str(each.recorded.id) for each in wrong if each.remade.failure == failure]
        print(f"label{'s' * (len(labels) > 1)} {', '.join(labels)}: {failure}")
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
    what = f"IoU {each.iou:.4f}, {each.different} of {each.recorded.area} pixels differ"
    return f"label {each.recorded.id}{where} ({steps}): {what}"


def _kinds(others: list[Replayed]) -> str:
    kinds = [[KINDS[kind] for kind in KINDS if kind in each.steps] for each in others]
    counts = Counter(name for names in kinds for name in names or ["without a record of their prompts"])
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _labels(objects: list[Replayed], shape: tuple[int, ...]) -> Any:
    """Draw objects, the one with the smaller label on top as in a session."""
    from ..export.regions import labels_from_regions, regions_from_objects

    ordered = sorted((each.remade.object for each in objects), key=lambda each: -each.id)
    return labels_from_regions(regions_from_objects(ordered), shape)


def _axes(ndim: int) -> str:
    return "TZYX"[-ndim:] if ndim <= 4 else "Q" * (ndim - 2) + "YX"
