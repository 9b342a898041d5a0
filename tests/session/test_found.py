from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam.automatic import AutomaticSettings, WindowSettings
from napari_sam.errors import Cancelled, ImageError
from napari_sam.files.images import read_image
from napari_sam.predict import PlaneWindow, Predictor
from napari_sam.session import Edit, Object, ObjectStore, Plane
from napari_sam.session.channels import Channel, Mix
from napari_sam.session.embeddings import EmbeddingStore
from napari_sam.session.found import PlaneView, Search, widened
from napari_sam.session.objects import common
from napari_sam.weights import load_model


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor(load_model("cell-tiny", device="cpu", precision="float32"))


@pytest.fixture(scope="module")
def nuclei(data_folder: Path) -> np.ndarray:
    return read_image(data_folder / "dsb2018" / "images" / "4327d2759187.png")


def search(predictor: Predictor, data: np.ndarray, folder: Path, **options: Any) -> Search:
    def read(plane: Plane, window: PlaneWindow) -> np.ndarray:
        return data[(*plane, *window.index)]

    rows, cols = data.shape[-2:]
    return Search(predictor, read, (rows, cols), EmbeddingStore(folder), AutomaticSettings(), **options)


def all_of(edits: Any) -> list[Object]:
    store = ObjectStore()
    for edit in edits:
        assert isinstance(edit, Edit)
        store.apply(edit)
    return list(store)


def found_again(ours: list[Object], others: list[Object]) -> float:
    """Return which share of objects has an equal among others."""

    def same(one: Object, other: Object) -> bool:
        both = common(one, other)
        return both > 0.6 * (one.area + other.area - both)

    return sum(any(same(one, other) for other in others) for one in ours) / len(ours)


def test_planes_of_a_stack_then_are_searched_one_by_one_with_labels_of_their_own(
    predictor: Predictor, nuclei: np.ndarray, tmp_path: Path
) -> None:
    stack = np.stack([nuclei, np.zeros_like(nuclei), nuclei[::-1]])
    reports: list[tuple[int, int]] = []
    edits = list(
        search(predictor, stack, tmp_path).planes(
            [(0,), (1,), (2,)], 5, progress=lambda done, total: reports.append((done, total))
        )
    )
    assert [{each.plane for each in edit.after} for edit in edits] == [{(0,)}, set(), {(2,)}]
    numbers = [each.id for each in all_of(edits)]
    assert numbers == list(range(5, 5 + len(numbers)))
    assert reports == sorted(reports)
    assert reports[-1] == (300, 300)
    box = next(each.prompts for each in edits[2].after)
    assert box is not None
    assert box.box is not None


def test_a_large_plane_when_searched_by_windows_then_what_is_found_is_about_the_same(
    predictor: Predictor, nuclei: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = all_of(search(predictor, nuclei, tmp_path).planes([()], 1))
    monkeypatch.setattr("napari_sam.session.found.WHOLE", 100)
    windows = WindowSettings(side=224, overlap=96)
    parts = all_of(search(predictor, nuclei, tmp_path, windows=windows).planes([()], 1))
    assert found_again(whole, parts) > 0.8
    assert found_again(parts, whole) > 0.8
    assert not any(common(a, b) for a in parts for b in parts if a is not b)


def test_a_part_of_a_plane_then_no_more_than_that_is_read(
    predictor: Predictor, nuclei: np.ndarray, tmp_path: Path
) -> None:
    parts: list[PlaneWindow] = []
    corner = (30_000, 40_000)

    def read(plane: Plane, window: PlaneWindow) -> np.ndarray:
        assert plane == (7,)
        parts.append(window)
        rows, cols = (
            slice(part.start - first, part.stop - first)
            for part, first in zip(window.index, corner, strict=True)
        )
        return nuclei[rows, cols]

    region = PlaneWindow(corner, nuclei.shape, (50_000, 60_000))
    large = Search(predictor, read, region.plane, EmbeddingStore(tmp_path), AutomaticSettings())
    found = all_of(large.window((7,), region, 1, lambda *_: None))
    assert len(found) > 5
    assert all(each.window[1].start >= corner[0] and each.window[2].start >= corner[1] for each in found)
    for part in parts:
        assert all(np.array(part.origin) >= corner)
        assert all(np.add(part.origin, part.shape) <= np.add(corner, nuclei.shape))


def test_a_large_plane_when_channels_are_mixed_then_objects_know_which(
    predictor: Predictor, nuclei: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam.session.found.WHOLE", 100)

    def read(_: Plane, window: PlaneWindow) -> np.ndarray:
        part = nuclei[window.index]
        return np.stack([part, np.zeros_like(part)], axis=-1)

    mix = Mix((Channel(2, "green"), Channel(0, "red")), axis=0)
    mixed = Search(
        predictor,
        read,
        nuclei.shape,
        EmbeddingStore(tmp_path),
        AutomaticSettings(),
        mix,  # type: ignore[arg-type]
    )
    found = all_of(mixed.planes([()], 1))
    assert len(found) > 5
    record = found[0].normalization
    assert record is not None
    assert (record["channels"], record["colours"]) == ((2, 0), ((0, 1, 0), (1, 0, 0)))


def test_planes_when_one_shows_next_to_nothing_then_its_noise_is_taken_back_in_the_end(
    predictor: Predictor, fading: np.ndarray, tmp_path: Path
) -> None:
    *found, taken_back = search(predictor, fading, tmp_path).planes([(0,), (1,)], 1)
    assert [len(edit.after) > count for edit, count in zip(found, (24, 10), strict=True)] == [True, True]
    assert not taken_back.after
    assert {each.plane for each in taken_back.before} == {(1,)}
    left = [each for each in all_of([*found, taken_back]) if each.plane == (1,)]
    assert len(left) < 8  # of 17
    assert all(any(each.covers(*place) for each in left) for place in ((25, 25), (25, 75)))


def test_a_search_when_cancelled_then_what_was_found_before_stays(
    predictor: Predictor, nuclei: np.ndarray, tmp_path: Path
) -> None:
    stop: list[bool] = []
    edits = search(predictor, np.stack([nuclei] * 3), tmp_path).planes(
        [(0,), (1,), (2,)], 1, cancelled=lambda: bool(stop)
    )
    kept = [next(edits)]
    stop.append(True)
    with pytest.raises(Cancelled):
        next(edits)
    assert len(all_of(kept)) > 5


def test_planes_when_some_cannot_be_read_then_the_others_are_searched_and_it_is_said(
    predictor: Predictor, nuclei: np.ndarray, tmp_path: Path
) -> None:
    def read(plane: Plane, window: PlaneWindow) -> np.ndarray:
        if plane[0] in broken:
            raise ImageError(f"Plane {plane[0]} cannot be read; replace its file.")
        return nuclei[:150, :150][window.index]

    whole = Search(predictor, read, (150, 150), EmbeddingStore(tmp_path), AutomaticSettings())
    sentence = "Plane 0 cannot be read; replace its file"
    for broken, told in (
        ({0}, f"{sentence}; all others were searched."),
        ({0, 2}, f"{sentence}; 1 further plane cannot be read either; all others were searched."),
        ({0, 1, 2}, f"{sentence}."),
    ):
        found: list[Object] = []
        edits = whole.planes([(0,), (1,), (2,)], 1)
        with pytest.raises(ImageError) as error:
            found.extend(each for edit in edits for each in edit.after)
        assert str(error.value) == told
        assert {each.plane[0] for each in found} == {0, 1, 2} - broken


def test_plane_view_when_the_image_has_channels_then_they_stay_last() -> None:
    data = np.arange(2 * 6 * 8 * 3).reshape(2, 6, 8, 3)
    view = PlaneView(
        lambda plane, window: data[(*plane, *window.index)], (1,), PlaneWindow((2, 3), (4, 5), (6, 8))
    )
    assert view.shape == (4, 5, 3)
    assert np.array_equal(view[slice(0, 2), slice(1, 5)], data[1, 2:4, 4:8])
    assert widened(PlaneWindow((100, 300), (50, 50), (170, 4000))) == PlaneWindow(
        (0, 172), (170, 306), (170, 4000)
    )
