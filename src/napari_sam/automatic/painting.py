"""Masks to labels: the best keep their pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .cutting import Labels
from .given import settings_given
from .records import MaskRecord
from .settings import AutomaticSettings


def paint(
    records: Sequence[MaskRecord], shape: tuple[int, int], settings: AutomaticSettings | None = None
) -> Labels:
    """Turn masks into labels: the best keep their pixels, and others what is free, if anything is.

    Parameters
    ----------
    records : sequence of MaskRecord
    shape : (Y, X)
        Of the image.
    settings : AutomaticSettings, optional

    Returns
    -------
    (Y, X) int32
        0 background, 1 to N, the best first.
    """
    return painted(records, shape, settings)[0]


def painted(
    records: Sequence[MaskRecord], shape: tuple[int, int], settings: AutomaticSettings | None = None
) -> tuple[Labels, list[MaskRecord]]:
    """Turn masks into labels as `paint` does, and say which mask each label is of.

    Returns
    -------
    labels : (Y, X) int32
    kept : list of MaskRecord
        Of label 1, 2, and so on.
    """
    settings = settings_given(settings, AutomaticSettings)
    labels = np.zeros(shape, np.int32)
    areas, kept = [0], []
    for record in sorted(records, key=lambda record: record.worth, reverse=True):
        (row, col), mask = record.origin, record.mask
        place = labels[row : row + mask.shape[0], col : col + mask.shape[1]]
        taken = np.bincount(place[mask], minlength=len(areas))
        if not taken[0]:
            continue
        taken_of = taken[1:] / np.array(areas[1:])
        shared = max(1 - taken[0] / record.area, *taken_of, 0.0)
        if shared <= settings.shared and record.area <= settings.largest * labels.size:
            place[mask & (place == 0)] = len(areas)
            areas.append(int(taken[0]))
            kept.append(record)
    return labels, kept
