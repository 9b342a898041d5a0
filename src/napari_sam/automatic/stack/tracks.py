"""Objects through time: the same number in every frame, and who came from whom."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import regionprops

from napari_sam.errors import ImageError, NapariSamError
from napari_sam.files.writing import at_once, check_folder_of
from napari_sam.masks import counted

from ..cutting import Labels
from ..given import check_kinds, settings_given

if TYPE_CHECKING:
    from networkx import DiGraph

Spot = NDArray[np.float64]
AXES = ("c", "z", "y", "x")


@dataclass(frozen=True)
class TrackSettings:
    """How objects of one frame find themselves in the next.

    Attributes
    ----------
    distance : float, optional
        How far an object's middle may move between two frames, in pixels; by default the median
        object's diameter.
    gap : int
        Most frames in a row in which an object may be missing.
    divisions : bool
        Whether an object may become two.
    daughter : float
        Largest share of its mother's area that each daughter has; of volumes, seen along z.

    Raises
    ------
    ImageError
        If a number is out of its range.
    TypeError
        If a value is of another kind, such as text.
    """

    distance: float | None = None
    gap: int = 1
    divisions: bool = True
    daughter: float = 0.85

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.distance is not None and not self.distance > 0:
            raise ImageError("Distance is how far an object may move, in pixels; give a positive number.")
        if self.gap < 0 or self.daughter <= 0:
            raise ImageError("Gap is 0 frames or more, and a daughter's share is positive; change these.")


@dataclass(frozen=True, eq=False)
class Tracks:
    """Objects through time, as napari's Tracks layer takes them.

    Attributes
    ----------
    labels : (T, Y, X) or (T, Z, Y, X) int32
        One number a track.
    data : (N, 4) or (N, 5) float64
        Track, frame and centroid (z), y, x in pixels; by track, then by frame.
    graph : dict of int to list of int
        The parents of the tracks that have any; after a division, both daughters are tracks of their own.
    """

    labels: Labels
    data: NDArray[np.float64]
    graph: Mapping[int, list[int]]

    @property
    def count(self) -> int:
        """How many tracks there are."""
        return int(self.labels.max())

    @property
    def divisions(self) -> int:
        """How many objects divided."""
        return len({parent for parents in self.graph.values() for parent in parents})

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a table, as `write_tracks` does."""
        write_tracks(path, self.data, self.graph)


def write_tracks(
    path: str | os.PathLike[str], data: NDArray[np.float64], graph: Mapping[int, list[int]]
) -> None:
    """Write a table of tracks: track, t, (c), (z), y, x, parent; a line an object and frame.

    Parameters
    ----------
    path : str or path-like
    data : (N, 4) to (N, 6) float64
        Track, frame and position.
    graph : dict of int to list of int
        The parents of the tracks that have any.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    path, axes = Path(path), AXES[-(data.shape[1] - 2) :]
    check_folder_of(path)
    with at_once(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("track", "t", *axes, "parent"))
        for track, frame, *middle in data.tolist():
            parent = " ".join(map(str, graph.get(int(track), [])))
            writer.writerow((int(track), int(frame), *(f"{at:.3f}" for at in middle), parent))


def track_objects(labels: ArrayLike, settings: TrackSettings | None = None) -> Tracks:
    """Link the objects of a movie through time, by the linear assignment of the package laptrack.

    What an object costs to become another is the squared distance of their middles and of their
    diameters; a division is found where a new object, smaller than one of the frame before, appears
    next to it, and what that one became is smaller too.

    Parameters
    ----------
    labels : (T, Y, X) or (T, Z, Y, X) int
        Labels of each frame for itself; what is below 0 is no object.
    settings : TrackSettings, optional

    Returns
    -------
    Tracks

    Raises
    ------
    ImageError
        If these are no labels of a movie.
    NapariSamError
        If laptrack is not installed.
    """
    _, movie = counted(_checked(np.asarray(labels)))
    settings = settings_given(settings, TrackSettings)
    names, spots = _spots(movie)
    return _numbered(movie, names, spots, _linked(spots, settings))


def load_tracker() -> Callable[..., Any]:
    """Return laptrack's tracker, which takes its settings.

    Raises
    ------
    NapariSamError
        If laptrack is not installed.
    """
    try:
        from laptrack import LapTrack
    except ImportError as error:
        raise NapariSamError(
            "Tracking needs the package laptrack; run: pip install 'napari-sam-microscopy[tracking]'."
        ) from error
    tracker: Callable[..., Any] = LapTrack
    return tracker


def as_tracks(labels: ArrayLike) -> Tracks:
    """Return the tracks of labels that have the same number in every frame already, without parents.

    Raises
    ------
    ImageError
        If these are no labels of a movie, or a number is too large for a track.
    """
    movie = _checked(np.asarray(labels))
    if int(movie.max(initial=0)) > np.iinfo(np.int32).max:
        raise ImageError(
            f"The label {movie.max()} is too large for a track; number the objects anew, below 2147483648."
        )
    values, places = counted(movie)
    names, spots = _spots(places)
    rows = [
        (int(values[name]), frame, *spot[:-1])
        for frame, (some, here) in enumerate(zip(names, spots, strict=True))
        for name, spot in zip(some, here, strict=True)
    ]
    return Tracks(movie.astype(np.int32), _table(rows, movie.ndim), {})


def _checked(movie: NDArray[Any]) -> NDArray[np.integer]:
    """Return a movie's labels with 0 for all that is no object."""
    if movie.ndim not in (3, 4) or movie.dtype.kind not in "iu" or not len(movie):
        raise ImageError(
            f"Labels of shape {movie.shape} and dtype {movie.dtype} are no movie; give integers, (T, Y, X)."
        )
    return movie if movie.dtype.kind == "u" else np.maximum(movie, 0)


def _spots(movie: NDArray[np.integer]) -> tuple[list[list[int]], list[Spot]]:
    """Return, of each frame, its labels, and their middles and diameters as (n, D + 1)."""
    names: list[list[int]] = []
    spots: list[Spot] = []
    for frame in movie:
        found = regionprops(frame)
        names.append([int(each.label) for each in found])
        values = [(*each.centroid, _diameter(each.image)) for each in found]
        spots.append(np.array(values, np.float64).reshape(-1, movie.ndim))
    return names, spots


def _diameter(mask: NDArray[np.bool_]) -> float:
    """Return the diameter of a disc as large as an object; a volume, whose planes lie apart, seen along z."""
    seen = mask.any(axis=0) if mask.ndim > 2 else mask
    return 2 * float(np.sqrt(np.count_nonzero(seen) / np.pi))


def _linked(spots: list[Spot], settings: TrackSettings) -> DiGraph[tuple[int, int]]:
    """Return the graph of (frame, index)."""
    tracker_of = load_tracker()
    from networkx import DiGraph

    everything = np.concatenate(spots)
    if not len(everything):
        return DiGraph()
    reach = float(np.median(everything[:, -1])) if settings.distance is None else settings.distance
    limit = reach**2
    largest = settings.daughter**0.5

    def division(daughter: Spot, mother: Spot) -> float:
        if daughter[-1] > largest * mother[-1]:
            return np.inf
        return float(((daughter - mother)[:-1] ** 2).sum())

    tracker = tracker_of(
        cutoff=limit,
        gap_closing_cutoff=limit if settings.gap else False,
        gap_closing_max_frame_count=settings.gap + 1,  # which it counts from mask to mask
        splitting_metric=division,
        splitting_cutoff=limit if settings.divisions else False,
        # ends cost as much as the longest link, so that what is linked does not depend on other links
        track_start_cost=limit,
        track_end_cost=limit,
        segment_start_cost=limit,
        segment_end_cost=limit,
        no_splitting_cost=limit,
        no_merging_cost=limit,
    )
    graph: DiGraph[tuple[int, int]] = tracker.predict(spots)
    _drop_doubtful_divisions(graph, spots, largest)
    return graph


def _drop_doubtful_divisions(graph: DiGraph[tuple[int, int]], spots: list[Spot], largest: float) -> None:
    """Keep the nearer child alone where not both are smaller than their mother."""

    def spot(node: tuple[int, int]) -> Any:
        return spots[node[0]][node[1]]

    for mother in list(graph):
        children = list(graph.successors(mother))
        if len(children) < 2 or all(spot(each)[-1] <= largest * spot(mother)[-1] for each in children):
            continue
        children.sort(key=lambda each: float(((spot(each) - spot(mother)) ** 2).sum()))
        graph.remove_edges_from([(mother, each) for each in children[1:]])


def _numbered(
    movie: NDArray[np.integer], names: list[list[int]], spots: list[Spot], graph: DiGraph[tuple[int, int]]
) -> Tracks:
    """Give each unbranched part of a graph a number, and relabel a movie by them."""
    number: dict[tuple[int, int], int] = {}
    parents: dict[int, list[int]] = {}
    fresh = count(1)
    for node in [(frame, index) for frame, here in enumerate(spots) for index in range(len(here))]:
        before = list(graph.predecessors(node))
        if before and graph.out_degree(before[0]) == 1:
            number[node] = number[before[0]]
            continue
        number[node] = next(fresh)
        if before:
            parents[number[node]] = [number[before[0]]]
    labels = np.zeros(movie.shape, np.int32)
    for frame, some in enumerate(names):
        table = np.zeros(max(some, default=0) + 1, np.int32)
        table[some] = [number[frame, index] for index in range(len(some))]
        labels[frame] = table[movie[frame]]
    rows = [(track, frame, *spots[frame][index][:-1]) for (frame, index), track in number.items()]
    return Tracks(labels, _table(rows, movie.ndim), parents)


def _table(rows: list[tuple[Any, ...]], dimensions: int) -> NDArray[np.float64]:
    """Sort by track and frame."""
    return np.array(sorted(rows), np.float64).reshape(-1, dimensions + 1)
