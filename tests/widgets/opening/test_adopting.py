"""Labels of planes that were not seen yet: read in the worker, whole, whatever is painted meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sam.predict import Predictor
from napari_sam.weights import LoadedModel
from napari_sam.widgets.annotating.annotation import Annotation
from napari_sam.widgets.background.jobs import Jobs
from napari_sam.widgets.opening import adopting

from ..conftest import earlier

SHAPE = (3, 60, 80)
Make = Callable[[], Annotation]


@pytest.fixture
def make(jobs: Jobs, qtbot: Any, discs: LoadedModel) -> Make:
    """Return a function that starts on the first plane of a stack with a square of label 5 in every plane."""

    def make() -> Annotation:
        viewer = ViewerModel()
        image = viewer.add_image(np.zeros(SHAPE, np.uint8))
        given = np.zeros(SHAPE, np.int32)
        given[:, 20:40, 30:60] = 5
        given_layer = viewer.add_labels(given)
        viewer.dims.set_current_step(0, 0)
        begun = earlier(viewer, image, given_layer)
        annotation = Annotation(viewer, image, begun, lambda _: Predictor(discs), jobs)
        qtbot.waitUntil(lambda: annotation.session.ready, timeout=20_000)
        return annotation

    return make


def areas(annotation: Annotation) -> dict[Any, int]:
    return {each.key: each.area for each in annotation.session.objects}


def go(annotation: Annotation, qtbot: Any, plane: int) -> None:
    annotation._viewer.dims.set_current_step(0, plane)
    assert not annotation.session.ready
    qtbot.waitUntil(lambda: annotation.session.ready, timeout=20_000)


def test_labels_of_the_plane_that_a_slider_goes_to_then_are_read_in_the_worker_before_it_is_ready(
    make: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotation, readers = make(), []
    read = adopting.labels_in

    def watched(*arguments: Any) -> Any:
        readers.append(threading.current_thread())
        return read(*arguments)

    monkeypatch.setattr(adopting, "labels_in", watched)
    assert areas(annotation) == {(5, (0,)): 600}
    go(annotation, qtbot, 2)
    assert areas(annotation) == {(5, (0,)): 600, (5, (2,)): 600}
    assert len(readers) == 1
    assert threading.main_thread() not in readers
    go(annotation, qtbot, 0)
    go(annotation, qtbot, 2)
    assert len(readers) == 1


def test_a_plane_when_painted_while_its_labels_are_read_then_the_stroke_and_all_labels_are_known(
    make: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotation, begun, go_on = make(), threading.Event(), threading.Event()
    labels, read = annotation.writer.labels, adopting.labels_in

    def slow(*arguments: Any) -> Any:
        found = read(*arguments)
        begun.set()
        go_on.wait(10)
        return found

    monkeypatch.setattr(adopting, "labels_in", slow)
    annotation._viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(begun.is_set, timeout=20_000)
    labels.brush_size = 9
    labels.paint((1, 30, 61), 7)  # over the edge of the square
    go_on.set()
    qtbot.waitUntil(lambda: annotation.session.ready, timeout=20_000)
    drawn = labels.data[1]
    assert 0 < (drawn == 5).sum() < 600
    assert areas(annotation) == {
        (5, (0,)): 600,
        (5, (1,)): (drawn == 5).sum(),
        (7, (1,)): (drawn == 7).sum(),
    }


@pytest.mark.parametrize("label", [5, 7, 0])
def test_a_stroke_through_planes_that_were_not_seen_yet_then_their_labels_stay_whole_and_it_can_be_undone(
    make: Make, qtbot: Any, label: int
) -> None:
    annotation = make()
    labels = annotation.writer.labels
    before = labels.data.copy()
    labels.n_edit_dimensions, labels.brush_size = 3, 9
    labels.paint((0, 30, 61), label)
    painted = labels.data.copy()
    assert (painted[1] != before[1]).any()
    assert (painted[1] == 5).sum() > 500
    counted = {
        (each, (plane,)): int((painted[plane] == each).sum())
        for plane in (0, 1, 2)
        for each in np.unique(painted[plane]).tolist()
        if each and (plane < 2 or (painted[2] != before[2]).any())
    }
    assert areas(annotation) == counted
    labels.undo()
    assert np.array_equal(labels.data, before)
    labels.redo()
    assert np.array_equal(labels.data, painted)
    go(annotation, qtbot, 1)
    go(annotation, qtbot, 2)
    assert areas(annotation)[5, (2,)] == (painted[2] == 5).sum()


def test_other_labels_by_a_script_when_the_open_plane_has_no_object_any_more_then_are_objects_there(
    make: Make,
) -> None:
    annotation = make()
    labels = annotation.writer.labels
    labels.data = np.zeros(SHAPE, np.int32)
    assert areas(annotation) == {}
    other = np.zeros(SHAPE, np.int32)
    other[:2, 10:20, 10:40] = 9
    labels.data = other
    assert areas(annotation) == {(9, (0,)): 300}
    annotation.editing.edit("delete", [(9, (0,))])
    assert not labels.data[0].any()
