"""Labels of every frame of a layer found again in the next one; frames are planes or volumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.automatic.stack.tracks import Tracks, load_tracker, track_objects
from napari_sam.errors import PromptError

from .linking import NO_LABELS, link_volumes

TIME_FIRST = (
    "Volumes are tracked along the time, which in napari comes before their planes; choose it under Along, or"
    " follow objects along this axis instead."
)
SEVERAL = (
    "Only frames of planes or of volumes can be tracked, and these have further axes; track a part alone."
)


@dataclass(frozen=True, eq=False)
class Tracked:
    """What was tracked.

    Attributes
    ----------
    tracks : Tracks
        Of the axes that are tracked along.
    labels : (..., Y, X) int32
        One number a track, with all axes of what was tracked.
    positions : (N, 1 + K) float64
        Track and its middle along the last K axes, of which the first one is the time.
    alone : int
        Masks of volumes that overlap none in a neighbouring plane, and are left out.
    """

    tracks: Tracks
    labels: NDArray[np.int32]
    positions: NDArray[np.float64]
    alone: int


def track_frames(data: Any, axis: int, progress: Callable[[int, int], None]) -> Tracked:
    """Track the labels of frames along an axis.

    The masks of a volume's planes are linked to objects first, unless only one plane has any.

    Parameters
    ----------
    data : (..., Y, X)
        Labels, maybe lazy ones.
    axis : int
        The time.
    progress : callable
        Called with the number of volumes linked and of all.

    Raises
    ------
    PromptError
        If there are no labels, or no frames of planes or volumes.
    NapariSamError
        If laptrack is not installed.
    """
    labels = np.asarray(data)
    if not labels.any():
        raise PromptError(NO_LABELS)
    load_tracker()  # a tracker that is not there is better known before the work
    depths = [each for each, side in enumerate(labels.shape[:-2]) if side > 1 and each != axis]
    if len(depths) > 1:
        raise PromptError(SEVERAL)
    if depths and depths[0] < axis:
        raise PromptError(TIME_FIRST)
    alone = 0
    if depths and np.count_nonzero(labels.any(axis=tuple({*range(labels.ndim)} - {*depths}))) > 1:
        linked = link_volumes(labels, depths[0], progress)
        labels, alone = np.asarray(linked.pixels), linked.alone
    kept = [axis, *depths, labels.ndim - 2, labels.ndim - 1]
    tracks = track_objects(labels.reshape([labels.shape[each] for each in kept]))
    positions = np.zeros((len(tracks.data), 1 + labels.ndim))
    positions[:, [0, *(1 + each for each in kept)]] = tracks.data
    # napari takes the first position for the time; axes of one place before it are not needed
    positions = np.delete(positions, range(1, 1 + axis), axis=1)
    return Tracked(tracks, tracks.labels.reshape(labels.shape), positions, alone)
