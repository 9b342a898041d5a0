"""What Start looks up before anything is shown: in a worker, and let go of where nobody goes on with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_sam.masks import DENSE
from napari_sam.session import AnnotationSession, Object
from napari_sam.session.journal.journal import Journal
from napari_sam.session.regions import labels_in
from napari_sam.widgets.annotating import earlier as module
from napari_sam.widgets.annotating.earlier import Earlier
from napari_sam.widgets.annotating.earlier_starts import free_name
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.layers.label_stack import LabelStack
from napari_sam.widgets.layers.label_writer import LabelWriter, draw_all
from napari_sam.widgets.layers.pyramid import LabelPyramid

from ..conftest import IMAGE, areas_shown, settle

Make = Callable[..., AnnotatorWidget]


def disc(label: int, row: int, col: int, plane: tuple[int, ...] = ()) -> Object:
    return Object(label, plane, (row, col), np.hypot(*np.mgrid[-8:9, -8:9]) < 8)


def test_objects_of_a_session_that_comes_back_when_drawn_at_once_then_as_one_by_one() -> None:
    image = ViewerModel().add_image(np.zeros((2, 60, 1200), np.uint8), name="cells")
    first = Earlier.of(image, None, "cells cells", (0,))
    shown = Labels(np.zeros((2, 60, 1200), np.int32))
    _writer = LabelWriter(first.session, shown)
    for label, (row, col, plane) in enumerate([(5, 5, 0), (10, 9, 0), (9, 1015, 0), (9, 1020, 1)], 1):
        first.session.accept([disc(label, row, col, (plane,))])
    first.session.undo()
    first.close()
    again = Earlier.of(image, None, "cells cells", (0,))
    assert (again.returned, again.session.next_id) == (3, 5)
    assert np.array_equal(again.pixels, shown.data)
    assert set(np.unique(shown.data)) == {0, 1, 2, 3}
    again.session.redo()
    assert len(again.session.objects) == 4
    again.close()


@pytest.mark.parametrize("kind", [LabelStack, LabelPyramid])
def test_objects_when_drawn_at_once_into_large_labels_then_as_into_small_ones(kind: type) -> None:
    shape = (2, 1500, 3000)
    store = Earlier.of(ViewerModel().add_image(np.zeros(shape, bool)), None, "cells", (0,)).session.store
    for label, place in enumerate([(5, 5), (1020, 1020), (1030, 1030), (1400, 2900)], 1):
        store._put(disc(label, *place, plane=(label % 2,)))
    large, small = kind(shape), np.zeros(shape, np.int32)
    draw_all(store, large)
    draw_all(store, small)
    assert np.array_equal(np.asarray(large), small)
    assert set(np.unique(small)) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("highest", [9, DENSE + 5])
def test_labels_that_are_there_when_adopted_then_each_is_an_object_but_for_those_that_are_known(
    highest: int,
) -> None:
    labels = np.zeros((2, 30, 40), np.int64)
    labels[1, 2:5, 3:9], labels[1, 20:25, 30:40], labels[1, 10, 10], labels[0] = 4, highest, -1, 5
    store = Earlier.of(ViewerModel().add_image(labels), None, "cells", (0,)).session.store
    store._put(disc(4, 0, 0, (1,)))
    (found,) = labels_in(labels, (1,), store)
    assert (found.id, found.plane, found.origin, found.area) == (highest, (1,), (20, 30), 50)
    assert found.mask.all()


def test_start_when_image_and_labels_are_slow_then_no_pixel_is_read_in_the_windows_thread(
    make_annotator: Make, qtbot: Any
) -> None:
    readers: list[str] = []

    def slow(block: np.ndarray) -> np.ndarray:
        readers.append(threading.current_thread().name)
        return block

    class Watched(LabelStack):
        def max(self, axis: None = None, out: None = None) -> int:
            readers.append(threading.current_thread().name)
            return super().max(axis, out)

    lazy = da.zeros(IMAGE.shape, np.uint8, chunks=60).map_blocks(slow, dtype=np.uint8, meta=IMAGE[:0])
    widget = make_annotator(lazy, start=False, contrast_limits=(0, 255))
    labels = widget._viewer.add_labels(Watched(IMAGE.shape))
    widget.panel.labels.setCurrentText(labels.name)
    qtbot.wait(50)
    readers.clear()
    widget.start()
    assert not readers
    settle(qtbot, widget)
    assert widget.annotation is not None
    assert len(readers) > 1
    assert threading.main_thread().name not in readers


def test_start_when_cancelled_or_a_layer_goes_while_it_looks_then_the_journal_is_free_for_the_next(
    make_annotator: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, opened = threading.Event(), threading.Event()

    class Slow(Journal):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            opened.set()
            go.wait(20)

    monkeypatch.setattr(module, "Journal", Slow)
    widget = make_annotator(start=False)
    widget.start()
    assert opened.wait(20)
    assert not widget.panel.start.isEnabled()
    widget._cancel()
    go.set()
    assert widget.annotation is None
    assert widget.panel.start.isEnabled()
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None
    assert widget.annotation.keeping.trouble == ""
    assert [layer.name for layer in widget._viewer.layers].count("cells cells") == 1

    widget.stop()
    settle(qtbot, widget)
    viewer = widget._viewer
    widget.start()
    viewer.layers.remove("cells")
    settle(qtbot, widget)
    assert widget.annotation is None
    assert "'cells' was removed, so annotation did not start" in widget.panel.status.text()
    viewer.add_image(IMAGE, name="cells")
    viewer.add_labels(np.zeros(IMAGE.shape, int), name="given")
    widget.panel.labels.setCurrentText("given")
    widget.start()
    viewer.layers["cells"].data = IMAGE[:50]
    settle(qtbot, widget)
    assert "another shape now" in widget.panel.status.text()
    viewer.layers["cells"].data = IMAGE
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None
    assert widget.annotation.keeping.trouble == ""


def test_labels_when_painted_after_stop_then_the_next_start_knows_it_and_it_can_be_taken_back(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(np.zeros((3, *IMAGE.shape), np.uint8))
    viewer = widget._viewer
    assert widget.annotation is not None
    widget.annotation.session.accept([disc(1, 30, 40, (1,)), disc(2, 30, 50, (1,)), disc(3, 60, 90, (2,))])
    layer = widget.annotation.writer.labels
    widget.stop()
    drawn = layer.data.copy()
    layer.data_setitem((np.array([1]), np.array([38]), np.array([44])), [0])
    layer.data_setitem((np.array([2, 2]), np.array([68, 2]), np.array([98, 2])), [0, 7])
    painted = layer.data.copy()
    widget.start()
    settle(qtbot, widget)
    viewer.dims.set_current_step(0, 2)
    qtbot.waitUntil(lambda: widget.annotation.session.ready, timeout=20_000)
    session = widget.annotation.session
    assert np.array_equal(layer.data, painted)
    shown = areas_shown(session)
    wanted = [(1, 1), (2, 1), (3, 2), (7, 2)]
    assert shown == {(label, (plane,)): (painted[plane] == label).sum() for label, plane in wanted}
    session.undo()
    assert np.array_equal(np.where(layer.data == 7, 0, layer.data), drawn)


def test_labels_when_another_window_went_on_after_stop_then_the_next_start_shows_its_objects_too(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator()
    first = widget.annotation
    assert first is not None
    assert first.keeping.journal is not None
    first.session.accept([disc(0, 30, 40)])
    layer, path = first.writer.labels, first.keeping.journal.path
    widget.stop()
    other, journal = AnnotationSession(), Journal(path, IMAGE.shape)
    journal.follow(other)
    other.accept([disc(0, 60, 90)])
    journal.close()
    layer.data_setitem((np.array([100, 101]), np.array([10, 10])), [2, 2])
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None
    session = widget.annotation.session
    assert {each.id: each.origin for each in session.objects} == {1: (30, 40), 2: (60, 90), 3: (100, 10)}
    assert (layer.data[[38, 68, 100], [48, 98, 10]] == [1, 2, 3]).all()
    assert np.array_equal(layer.data, session.store.render((), (slice(0, 120), slice(0, 160))))
    assert "Label 2 is 3 now, since the number was given twice." in widget.panel.status.text()
    assert "2 labels are back" in widget.panel.status.text()


def test_labels_that_cannot_be_taken_over_when_started_on_then_one_sentence_and_the_journal_is_free(
    make_annotator: Make, qtbot: Any
) -> None:
    class Broken(LabelStack):
        broken = True

        def max(self, axis: None = None, out: None = None) -> int:
            if self.broken:
                raise OSError("the disk is gone")
            return super().max(axis, out)

    widget = make_annotator(start=False)
    high = widget._viewer.add_labels(np.full(IMAGE.shape, 2**63, np.uint64), name="high")
    widget.panel.labels.setCurrentText("high")
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is None
    assert "goes up to 9223372036854775808" in widget.panel.status.text()
    high.data = np.zeros(IMAGE.shape, np.uint64)
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None
    assert widget.annotation.keeping.trouble == ""
    widget.stop()
    pixels = Broken(IMAGE.shape)
    widget._viewer.add_labels(pixels, name="broken")
    widget.panel.labels.setCurrentText("broken")
    widget.start()
    settle(qtbot, widget)
    assert "the disk is gone" in widget.panel.status.text()
    pixels.broken = False
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None
    assert widget.annotation.keeping.trouble == ""


def test_a_free_name_then_is_the_one_that_napari_gives() -> None:
    viewer = ViewerModel()
    for _ in range(3):
        name = free_name("cells", viewer.layers)
        assert viewer.add_labels(IMAGE, name="cells").name == name
