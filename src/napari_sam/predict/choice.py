"""Which masks of one prompt are shown: the one that is meant, and others that may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .candidates import SAME, Decoded
from .consensus import AGREEING, SAME_LEVEL, consensus
from .likeness import Comparison, Likeness
from .rating import Numbers

ALIKE = 0.5
"""How much of a rating a mask loses that is the same as a chosen one."""
ASTRIDE = 0.4
"""How much it loses that lies half inside and half outside a chosen one: objects are parts and wholes."""
FAR_WORSE = 0.4
"""How much less of IoU the suggestion may promise than another mask: a speck of noise on a disc may be taken
for the finest object at a click, and is told to be no good one."""
TOGETHER = 0.05
"""How much it gains that the network drew beside the one that is meant, as one of its three answers."""


def choose(
    pool: Sequence[Decoded],
    ratings: Numbers,
    alike: Likeness,
    count: int,
    *,
    ambiguous: bool,
    own: int | None = None,
) -> list[Decoded]:
    """Choose the mask that is meant, then those that promise much and are not what is shown already.

    Part, whole and group are different objects at one click, and the three places are for them. Each is
    drawn as what the masks like it agree on.

    Parameters
    ----------
    pool : sequence of Decoded
        N masks of one prompt.
    ratings : (N, 3) float32
        As `rate` gives them.
    alike : Likeness
        Of these masks.
    count : int
        How many are shown, if there are as many.
    ambiguous : bool
        Whether the prompt may mean a part or its whole.
    own : int, optional
        How many of the masks, the first ones, are of the scale that a box tells: one of these is chosen,
        and the others have a say in the outline only.

    Returns
    -------
    list of Decoded
        The one that is meant first; near-duplicates only where distinct ones run out.
    """
    among = ratings[:own]
    meant = int(np.argmax(among[:, 1]))
    told = np.where(among[:, 0] < 0, 0, among[:, 2])  # without the click in it, a mask is not what is meant
    if ambiguous and told.max() - told[meant] > FAR_WORSE:
        meant = int(np.argmax(told))
    agreeing = SAME_LEVEL if ambiguous else AGREEING
    suggested = consensus(pool, ratings[:, 1], meant, alike.overlaps[meant] >= agreeing)
    if count == 1:
        return [_told(suggested, ratings[meant])]
    shown = alike.with_mask(suggested)
    others = _others(among, alike, meant, shown, count - 1)
    return [_told(suggested, ratings[meant])] + [
        _told(consensus(pool, ratings[:, 0], each, _nearest(alike, each, others, shown)), ratings[each])
        for each in others
    ]


def _others(among: Numbers, alike: Likeness, meant: int, shown: Comparison, count: int) -> list[int]:
    """Return the masks that promise most beside the one that is shown, one after another.

    The one that is meant is among them: what others agree on may be far from it.
    """
    size = len(among)
    overlap, nested = (each[:size] for each in shown)
    promise = among[:, 0] + TOGETHER * alike.together[:size, meant]
    others: list[int] = []
    while len(others) < min(count, size - 1):
        best = int(np.argmax(promise - ALIKE * overlap - ASTRIDE * (1 - nested) - (overlap > SAME)))
        others.append(best)
        promise[best] = -np.inf
        overlap = np.maximum(overlap, alike.overlaps[:size, best])
        nested = np.minimum(nested, alike.nested[:size, best])
    return others


def _nearest(alike: Likeness, index: int, others: Sequence[int], shown: Comparison) -> NDArray[np.bool_]:
    """Say which masks are like one of the others, and more so than they are like what else is chosen."""
    overlap = alike.overlaps[index]
    heard = (overlap >= SAME_LEVEL) & (overlap >= shown[0])
    for each in others:
        if each != index:
            heard &= overlap >= alike.overlaps[each]
            heard[each] = False
    return np.asarray(heard)


def _told(mask: Decoded, rating: Numbers) -> Decoded:
    """Return a mask with the IoU that is expected of it."""
    return replace(mask, iou=float(rating[2]))
