from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_sam.export import labels_from_regions, read_regions
from napari_sam.export.annotated import annotated_regions
from napari_sam.export.layers import OBJECTS, TOLD, read_labels_layer, write_labels_layer
from napari_sam.session import Edit, Object, ObjectStore

FIRST = Object(
    1,
    (),
    (2, 2),
    np.ones((8, 8), bool),
    iou_prediction=0.9,
    model="cell-tiny",
    category="nucleus",
    note="odd",
)
SECOND = Object(2, (), (6, 6), np.ones((8, 8), bool))


def store() -> ObjectStore:
    objects = ObjectStore()
    objects.apply(Edit("commit", (), (FIRST, SECOND)))
    return objects


def drawn() -> np.ndarray:
    labels = store().render((), (slice(0, 20), slice(0, 20)))
    labels[15:18, 2:5] = 7  # of another tool
    return labels


def test_labels_with_a_session_when_exported_then_hidden_pixels_classes_and_notes_are_there() -> None:
    second, first, foreign = annotated_regions(drawn(), store())
    assert [each.area for each in (first, second, foreign)] == [64, 64, 9]
    assert (first.category, first.note, first.iou_prediction, first.model) == (
        "nucleus",
        "odd",
        0.9,
        "cell-tiny",
    )
    assert np.array_equal(labels_from_regions([second, first, foreign], (20, 20)), drawn())


def test_labels_that_were_painted_over_since_when_exported_then_are_as_they_are_seen() -> None:
    labels = drawn()
    labels[2:4] = 0
    labels[labels == 2] = 0
    regions = {each.id: each for each in annotated_regions(labels, store())}
    assert sorted(regions) == [1, 7]
    assert (regions[1].area, regions[1].category) == (48, "nucleus")
    assert np.array_equal(labels_from_regions(list(regions.values()), (20, 20)), labels)


def test_labels_that_were_painted_beside_an_object_or_erased_over_it_then_are_as_seen() -> None:
    labels = drawn()
    labels[14, 14] = 2  # beyond the box of what is known of it
    labels[6:10, 6:10] = 0  # where the first one hid the second
    regions = annotated_regions(labels, store())
    assert {each.id: each.area for each in regions} == {1: 48, 2: 49, 7: 9}
    assert np.array_equal(labels_from_regions(regions, (20, 20)), labels)
    labels = drawn()
    labels[6:10, 6:10] = 0
    assert np.array_equal(labels_from_regions(annotated_regions(labels, store()), (20, 20)), labels)


@pytest.mark.parametrize("shape", [(20, 20), (1, 20, 20), (3, 4, 4)])
def test_labels_that_took_the_place_of_a_stack_when_exported_then_are_as_they_are_seen(
    shape: tuple[int, ...],
) -> None:
    objects = ObjectStore.after([Edit("commit", (), (replace(FIRST, plane=(2,)),))])
    labels = np.zeros(shape, int)
    labels[..., 2:4, 2:4] = 7
    assert {(each.id, each.area) for each in annotated_regions(labels, objects)} == {(7, 4)}


def test_a_layer_with_a_session_when_saved_then_the_table_has_class_note_iou_and_model(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cells.csv"
    write_labels_layer(str(path), drawn(), {"metadata": {OBJECTS: store()}})
    with path.open(newline="") as file:
        rows = {row["label"]: row for row in csv.DictReader(file)}
    assert list(rows) == sorted(rows, key=int)
    assert sorted(rows) == ["1", "2", "7"]
    row = rows["1"]
    assert (row["class"], row["note"], row["predicted_iou"], row["model"]) == (
        "nucleus", "odd", "0.9000", "cell-tiny",
    )  # fmt: skip
    for ending in ("json", "geojson"):
        write_labels_layer(str(tmp_path / f"a.{ending}"), drawn(), {"metadata": {OBJECTS: store()}})
        regions = {each.id: each for each in read_regions(tmp_path / f"a.{ending}")[0]}
        assert (regions[1].note, regions[1].category, regions[1].area) == ("odd", "nucleus", 64)


@pytest.mark.parametrize("newest", [False, True])
def test_a_file_when_opened_and_saved_again_then_classes_notes_and_what_is_hidden_are_there(
    tmp_path: Path, newest: bool
) -> None:
    first, again = tmp_path / "a.json", tmp_path / "b.json"
    objects = store()
    objects.newest_on_top = newest
    objects.apply(Edit("commit", (), (Object(3, (), (7, 7), np.ones((2, 2), bool), note="hidden"),)))
    labels = objects.render((), (slice(0, 20), slice(0, 20)))
    write_labels_layer(str(first), labels, {"metadata": {OBJECTS: objects}})
    ((pixels, options, _),) = read_labels_layer(str(first))
    assert np.array_equal(pixels, labels)
    write_labels_layer(str(again), pixels, options)
    assert again.read_bytes().replace(b'"b"', b'"a"') == first.read_bytes()

    pixels[2:4], pixels[15:18, 2:5] = 0, 7  # painted since
    pixels[pixels == 2] = 0
    write_labels_layer(str(again), pixels, options)
    regions = {each.id: each for each in read_regions(again)[0]}
    assert {each.id: each.category + each.note for each in regions.values()} == {
        1: "nucleusodd", 3: "hidden", 7: "",
    }  # fmt: skip
    assert np.array_equal(labels_from_regions(list(regions.values()), (20, 20)), pixels)


def test_a_file_that_tells_no_more_than_its_labels_when_opened_then_nothing_is_kept_of_it(
    tmp_path: Path,
) -> None:
    write_labels_layer(str(tmp_path / "a.json"), drawn(), {})
    assert TOLD not in read_labels_layer(str(tmp_path / "a.json"))[0][1]["metadata"]
