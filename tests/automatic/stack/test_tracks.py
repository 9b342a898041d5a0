from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_sam.automatic.stack.tracks import TrackSettings, as_tracks, track_objects
from napari_sam.errors import DataError, ImageError, NapariSamError

Spots = dict[int, tuple[float, float, float]]
"""Row, column and radius of the objects of a frame, by their true numbers."""


def movie() -> list[Spots]:
    """Draw eight frames: 1 wanders, 2 divides into 3 and 4 in frame 4, 5 enters late, 6 leaves."""
    frames: list[Spots] = []
    for t in range(8):
        spots: Spots = {1: (30 + 4 * t, 30 + 3 * t, 9)}
        if t < 4:
            spots[2] = (100, 60 + 2 * t, 11)
        else:
            spots[3], spots[4] = (92 - 3 * (t - 4), 68, 8), (108 + 3 * (t - 4), 68, 8)
        if t >= 3:
            spots[5] = (20, 130 - 5 * (t - 3), 8)
        if t < 5:
            spots[6] = (60, 120 + 4 * t, 10)
        frames.append(spots)
    return frames


def draw(frames: list[Spots], seed: int | None = None) -> NDArray[np.int32]:
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:150, :150]
    labels = np.zeros((len(frames), 150, 150), np.int32)
    for plane, spots in zip(labels, frames, strict=True):
        numbers = sorted(spots) if seed is None else rng.permutation(len(spots)) + 1
        for number, (row, col, radius) in zip(numbers, spots.values(), strict=True):
            plane[(y - row) ** 2 + (x - col) ** 2 <= radius**2] = number
    return labels


def same_partition(one: NDArray[np.int32], other: NDArray[np.int32]) -> dict[int, int]:
    """Return which number of one is which of the other; they must be one to one."""
    pairs = {(int(a), int(b)) for a, b in zip(one.ravel(), other.ravel(), strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    return dict(pairs)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_track_objects_when_one_divides_then_tracks_and_parents_are_the_true_ones(seed: int) -> None:
    frames = movie()
    tracks = track_objects(draw(frames, seed))
    number = same_partition(draw(frames), tracks.labels)
    assert tracks.labels.dtype == np.int32
    assert sorted(number.values()) == list(range(7))
    assert tracks.graph == {number[3]: [number[2]], number[4]: [number[2]]}
    expected = sorted(
        (number[true], t, row, col) for t, spots in enumerate(frames) for true, (row, col, _) in spots.items()
    )
    assert tracks.data == pytest.approx(np.array(expected), abs=0.2)


def test_track_objects_when_divisions_are_not_wanted_then_a_daughter_is_new() -> None:
    frames = movie()
    tracks = track_objects(draw(frames, 0), TrackSettings(divisions=False))
    assert tracks.graph == {}
    number = {true: tracks.labels[t][draw(frames)[t] == true][0] for t, true in ((3, 2), (4, 3), (4, 4))}
    assert number[2] in (number[3], number[4])
    assert number[3] != number[4]


def test_track_objects_when_a_neighbour_of_the_same_size_appears_then_it_is_no_daughter() -> None:
    still: Spots = {1: (60, 60, 10)}
    tracks = track_objects(draw([still, still, {1: (60, 60, 10), 2: (60, 78, 9)}]))
    assert tracks.graph == {}
    assert tracks.labels.max() == 2


def test_track_objects_when_one_is_missed_in_a_frame_then_its_track_goes_on() -> None:
    frames = movie()
    del frames[4][1]
    tracks = track_objects(draw(frames, 0))
    number = same_partition(draw(frames), tracks.labels)
    assert np.array_equal(tracks.data[tracks.data[:, 0] == number[1], 1], [0, 1, 2, 3, 5, 6, 7])
    without = track_objects(draw(frames, 0), TrackSettings(gap=0))
    assert without.labels.max() == tracks.labels.max() + 1


def test_track_objects_when_they_jump_beyond_the_distance_then_they_are_others() -> None:
    frames: list[Spots] = [{1: (30, 30, 8)}, {1: (70, 30, 8)}]
    assert track_objects(draw(frames)).labels.max() == 2
    assert track_objects(draw(frames), TrackSettings(distance=50)).labels.max() == 1


def test_track_objects_when_frames_are_volumes_then_the_table_has_z() -> None:
    labels = np.zeros((3, 6, 40, 40), np.uint8)
    for t in range(3):
        labels[t, 1:4, 10 + 2 * t : 18 + 2 * t, 10:18] = t + 1
    tracks = track_objects(labels)
    assert np.array_equal(tracks.data, [[1, t, 2, 13.5 + 2 * t, 13.5] for t in range(3)])
    assert np.array_equal(tracks.labels, labels > 0)


def test_track_objects_when_frames_are_empty_then_there_are_no_tracks() -> None:
    tracks = track_objects(np.zeros((4, 9, 9), np.uint8))
    assert tracks.data.shape == (0, 4)
    assert tracks.graph == {}
    late = np.zeros((4, 30, 30), np.uint8)
    late[3, 4:9, 4:9] = 3
    assert np.array_equal(track_objects(late).data, [[1, 3, 6, 6]])


def test_track_objects_when_pixels_are_marked_negative_then_they_belong_to_no_track() -> None:
    plain = draw(movie(), 0)
    marked = plain.copy()
    marked[:, 140:, 140:] = -1
    tracks, expected = track_objects(marked), track_objects(plain)
    assert not tracks.labels[marked < 0].any()
    assert np.array_equal(tracks.labels, expected.labels)
    assert np.array_equal(tracks.data, expected.data)


def test_track_objects_when_numbers_are_huge_then_the_tracks_are_the_same() -> None:
    plain = draw(movie(), 0)
    huge = np.where(plain > 0, plain.astype(np.int64) + 2**40, 0)
    assert np.array_equal(track_objects(huge).labels, track_objects(plain).labels)


def test_track_objects_when_given_no_movie_then_says_so() -> None:
    for shape in ((9, 9), (0, 9, 9)):
        with pytest.raises(ImageError, match="no movie"):
            track_objects(np.zeros(shape, int))
    with pytest.raises(ImageError, match="no movie"):
        track_objects(np.zeros((2, 9, 9)))
    with pytest.raises(ImageError, match="positive"):
        TrackSettings(distance=0)


def test_track_objects_when_the_tracker_is_not_installed_then_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "laptrack", None)
    with pytest.raises(NapariSamError, match=r"pip install 'napari-sam-microscopy\[tracking\]'"):
        track_objects(draw(movie()))


def test_tracks_when_written_then_the_table_names_the_parents(tmp_path: Path) -> None:
    tracks = track_objects(draw(movie()))
    path = tmp_path / "tracks.csv"
    with pytest.raises(DataError, match=r"tracks\.csv does not exist; make it first"):
        tracks.write(tmp_path / "none" / "tracks.csv")
    tracks.write(path)
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["track", "t", "y", "x", "parent"]
    assert len(rows) == len(tracks.data)
    written = {int(row["track"]): [int(row["parent"])] for row in rows if row["parent"]}
    assert written == tracks.graph
    assert list(tmp_path.iterdir()) == [path]


def test_tracks_when_napari_takes_them_then_it_finds_them_valid() -> None:
    from napari.layers import Tracks as TracksLayer

    tracks = track_objects(draw(movie()))
    layer = TracksLayer(tracks.data, graph=dict(tracks.graph))
    assert len(np.unique(layer.data[:, 0])) == 6
    assert layer.graph == tracks.graph


def test_as_tracks_when_the_labels_are_numbered_already_then_each_number_is_a_track() -> None:
    tracks = as_tracks(draw(movie()))
    assert set(tracks.data[:, 0]) == {1, 2, 3, 4, 5, 6}
    assert tracks.graph == {}
    assert tracks.data[0] == pytest.approx([1, 0, 30, 30])


def test_as_tracks_when_numbers_are_large_then_kept_and_when_too_large_then_refused() -> None:
    numbered = np.zeros((2, 8, 8), np.int64)
    numbered[:, 2:5, 2:5] = 2**31 - 1
    numbered[:, 6:, 6:] = -1
    tracks = as_tracks(numbered)
    assert np.array_equal(tracks.labels, np.maximum(numbered, 0))
    assert np.array_equal(tracks.data, [[2**31 - 1, frame, 3, 3] for frame in (0, 1)])
    numbered[1, 2:5, 2:5] = 2**32 + 7
    with pytest.raises(ImageError, match="4294967303 is too large"):
        as_tracks(numbered)
    with pytest.raises(ImageError, match="no movie"):
        as_tracks(np.zeros((8, 8), int))
