"""What readers of objects have in common: the sentence for broken files, axes, and numbers of objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from napari_sam.errors import DataError, NapariSamError
from napari_sam.files.images import unreadable

from .regions import LARGEST, Region, Shape, extent
from .space import Space, space_named


class Contents(NamedTuple):
    """What a file of objects holds.

    Attributes
    ----------
    regions : list of Region
    shape : (..., Y, X)
        Of the image, or of the smallest one that holds all objects if the file does not say.
    space : Space, optional
        Where they lie, as far as the file, or the image of a journal, says it.
    named : bool
        Whether the axes of the space are named, or guessed.
    may_grow : bool
        Whether the file does not say how large the image is, nor all of its axes.
    told : str
        What to tell of a file that has more than objects, or lost some; mostly empty.
    """

    regions: list[Region]
    shape: Shape
    space: Space | None = None
    named: bool = False
    may_grow: bool = False
    told: str = ""


@contextmanager
def parsing(what: str, advice: str) -> Iterator[None]:
    """Say in one sentence that a file does not hold what it should.

    Raises
    ------
    DataError
        In place of whatever the damage of a file made of it; of those that tell already, as they come.
    """
    try:
        yield
    except NapariSamError:
        raise
    except PermissionError as error:
        raise unreadable(Path(error.filename), error) from error
    except Exception as error:
        raise DataError(f"{what} ({error}); {advice}.") from error


def whole_number(said: Any) -> int:
    """Return a number that a file tells; 0 if it tells none, or something that another program means."""
    try:
        return int(said or 0)
    except (TypeError, ValueError, OverflowError):
        return 0


def tightly(regions: list[Region], used: Sequence[int]) -> Contents:
    """Return objects of a file that says nothing of their image, in the smallest one that holds them all.

    Parameters
    ----------
    regions : list of Region
    used : sequence of int
        Their axes before (Y, X), as `axes_of` tells them: of one alone, z is meant unless it is t.
    """
    space = space_named("tyx", 3, None) if used == [0] else None
    return Contents(regions, extent(regions), space, may_grow=True)


def axes_of(places: Sequence[tuple[int, int]], told: int = 0) -> list[int]:
    """Return which of the axes t and z an image has, as 0 and 1: those along which objects lie.

    Parameters
    ----------
    places : sequence of (t, z)
        0 where a file leaves a position out.
    told : int
        How many axes are known of, which objects may lie at the first position of; two at most count.
    """
    told = min(told, 2)
    used = [axis for axis in (0, 1) if any(place[axis] for place in places)]
    return used if told <= len(used) else [0, 1][2 - told :]


def numbered(found: Iterable[Region | None]) -> list[Region]:
    """Give objects that were read numbers that tell them apart.

    Parameters
    ----------
    found : iterable of Region or None
        In the file's order, with the numbers that it tells, 0 if it tells none; None has no pixels.

    Returns
    -------
    list of Region
        Those with pixels. A number from 1 to `LARGEST` is kept by the first object of a plane that has it,
        so that an object of several planes keeps it in all of them. The others get the next free numbers
        above the highest; one that is too large gets the same one in all planes.
    """
    regions = [region for region in found if region is not None]
    free = _free({region.id for region in regions})
    shorter: defaultdict[int, int] = defaultdict(lambda: next(free))
    taken, kept = set(), []
    for region in regions:
        number = shorter[region.id] if region.id > LARGEST else region.id
        if number < 1 or (number, region.plane) in taken:
            number = next(free)
        taken.add((number, region.plane))
        kept.append(region if number == region.id else replace(region, id=number))
    return kept


def _free(told: set[int]) -> Iterator[int]:
    """Yield the numbers above all that can be kept, and then those between them."""
    used = {number for number in told if 1 <= number <= LARGEST}
    highest = max(used, default=0)
    every = chain(range(highest + 1, LARGEST + 1), range(1, highest))
    return (number for number in every if number not in used)
