"""Outlines along the edges of pixels, so that nothing is lost on the way there and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from napari_sam.masks import Mask, cropped

from .regions import Region

Ring = NDArray[np.float64]
Polygon = list[Ring]
FARTHEST = 2**31
"""Longer sides have no images."""


def outline(region: Region) -> list[Polygon]:
    """Return an object's polygons, each an outer ring and those of its holes.

    Parameters
    ----------
    region : Region

    Returns
    -------
    list of list of (N, 2) float64
        (x, y) on the edges of pixels: the image's first pixel reaches from 0 to 1. Rings are closed,
        outer ones turn against holes.
    """
    padded = np.pad(region.mask, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    _, ends = np.nonzero(steps == -1)
    runs = shapely.box(starts, rows, ends, rows + 1)
    top, left = region.origin
    merged = shapely.orient_polygons(shapely.union_all(runs).normalize())
    return [
        [np.add(ring.coords, (left, top)) for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(merged)
    ]


def filled(rings: Sequence[Ring]) -> tuple[tuple[int, int], Mask] | None:
    """Return the pixels whose centres lie inside an odd number of rings, with the first one's place.

    Parameters
    ----------
    rings : sequence of (N, 2) float
        (x, y), of all polygons of one object; those without points count for nothing.

    Returns
    -------
    origin, mask
        None if no pixel's centre is inside.

    Raises
    ------
    ValueError
        If a point is nowhere, or farther away than images reach.
    """
    rings = [ring for ring in rings if len(ring)]
    if not rings:
        return None
    points = np.concatenate(rings)
    if not (np.abs(points) < FARTHEST).all():
        raise ValueError("an outline that lies outside of any image")
    left, top = np.floor(points.min(axis=0)).astype(int)
    right, bottom = np.ceil(points.max(axis=0)).astype(int)
    left, top = max(int(left), 0), max(int(top), 0)
    if right <= left or bottom <= top:
        return None
    crossings = np.zeros((bottom - top, right - left + 1), np.uint8)  # it is asked whether they are odd
    for ring in rings:
        _cross(crossings, np.asarray(ring, float) - (left, top))
    inside = (np.cumsum(crossings, axis=1, dtype=np.uint8, out=crossings) % 2).astype(bool)[:, :-1]
    found = cropped((top, left), inside)
    return found if found[1].size else None


def _cross(crossings: NDArray[np.uint8], ring: Ring) -> None:
    """Note, in every row, the first pixel whose centre lies right of each edge of a ring."""
    height, width = crossings.shape
    ends = np.roll(ring, -1, axis=0)
    lower, upper = np.minimum(ring, ends)[:, 1], np.maximum(ring, ends)[:, 1]
    first, after = (np.clip(np.ceil(y - 0.5), 0, height).astype(int) for y in (lower, upper))
    counts = after - first  # rows whose middle an edge crosses; none if it is level
    rows = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
    (x0, y0), (x1, y1) = np.repeat(ring, counts, axis=0).T, np.repeat(ends, counts, axis=0).T
    at = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
    np.add.at(crossings, (rows, np.clip(np.ceil(at - 0.5).astype(int), 0, width - 1)), 1)
