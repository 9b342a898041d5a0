"""What several commands read from their arguments."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..channel_choice import channel_numbers
from ..errors import DataError

if TYPE_CHECKING:
    from ..weights import LoadedModel

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

BUNDLED_MODEL = "cell-tiny"
NEGATIVE = re.compile(r"-\.?\d[^,]*,")
"""How several numbers begin of which the first is negative."""
OPTION = re.compile("--[^=]+")
"""An option's name, without a value."""


class UsageError(Exception):
    """Arguments that are fine one by one and make no sense together."""


class HelpFormatter(argparse.HelpFormatter):
    """Wraps a command's description, and leaves its examples, which are lines already, as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return "".join(indent + line for line in text.splitlines(keepends=True))
        return super()._fill_text(text, width, indent)


class PointArgument(NamedTuple):
    """A point as typed: (row, col) in pixels, and whether it lies on the object or beside it."""

    row: float
    col: float
    positive: bool


def point(text: str) -> PointArgument:
    """Read ``R,C`` (on the object) or ``R,C,-`` (beside it)."""
    parts = text.split(",")
    sign = parts.pop() if len(parts) == 3 else "+"
    if len(parts) != 2 or sign not in ("+", "-"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a point; write ROW,COL or ROW,COL,-")
    row, col = _numbers(text, parts)
    return PointArgument(row, col, sign == "+")


def box(text: str) -> tuple[float, float, float, float]:
    """Read ``R0,C0,R1,C1``, the first and last row and column of a box, corners in any order."""
    parts = text.split(",")
    if len(parts) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not a box; write ROW0,COL0,ROW1,COL1")
    row0, col0, row1, col1 = _numbers(text, parts)
    return min(row0, row1), min(col0, col1), max(row0, row1), max(col0, col1)


def tied(argv: Sequence[str]) -> list[str]:
    """Tie numbers of which the first is negative (``--box -5,0,9,9``) to their option.

    argparse takes what begins with a minus for an option, but for a number alone.
    """
    found: list[str] = []
    for each in argv:
        if found and NEGATIVE.match(each) and OPTION.fullmatch(found[-1]):
            found[-1] += f"={each}"
        else:
            found.append(each)
    return found


def whole(text: str) -> int:
    """Read a whole number of 0 or more that a seed can be, too."""
    if not text.isdecimal() or int(text) > sys.maxsize:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number; give one of 0 to {sys.maxsize}")
    return int(text)


def count(text: str) -> int:
    """Read a whole number, 1 or more."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of anything; give 1 or more")
    return int(text)


def duration(text: str) -> float:
    """Read a number above 0."""
    (number,) = _numbers(text, [text])
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give a number above 0")
    return number


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--model`` and ``--device``."""
    parser.add_argument(
        "--model",
        default=BUNDLED_MODEL,
        metavar="M",
        help="a name from `napari-sam models list`, or a .pth or .safetensors file (default: %(default)s)",
    )
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda, cuda:1 or mps (default: %(default)s)"
    )


def loaded(name: str, device: str) -> LoadedModel:
    """Load a model by its name or file, with a bar where a person watches."""
    from ..weights import load_model
    from .progress import progress_bar

    with progress_bar("loading the model", "B") as progress:
        return load_model(name, device, progress=progress)


def add_channels_option(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--channels``, which tells which channels the model sees."""
    parser.add_argument(
        "--channels", type=_channels, default=(), metavar="N[,N...]",
        help="see these channels alone, of which the first is 0 (default: all)",
    )  # fmt: skip


def _channels(text: str) -> tuple[int, ...]:
    try:
        return channel_numbers(text)
    except DataError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_overwrite_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--overwrite``, without which nothing is written over."""
    parser.add_argument("--overwrite", action="store_true", help="replace what is there in OUT")


def _numbers(text: str, parts: list[str]) -> list[float]:
    try:
        return [float(part) for part in parts]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} holds something that is not a number") from None
