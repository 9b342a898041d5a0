"""What can go wrong in the middle of a session, in a real viewer: one sentence each, and nothing is lost."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam import weights
from napari_sam.session.journal.record import read_record
from napari_sam.weights import LoadedModel
from napari_sam.widgets.annotator import AnnotatorWidget

from .conftest import commit

IMAGE = np.random.default_rng(0).integers(0, 255, (120, 160), np.uint8)
STACK = np.random.default_rng(0).integers(0, 255, (3, 120, 160), np.uint8)
Make = Callable[..., AnnotatorWidget]


def settle(qtbot: Any, widget: AnnotatorWidget) -> None:
    qtbot.waitUntil(lambda: not widget.jobs.busy, timeout=20_000)


def told(widget: AnnotatorWidget) -> str:
    return str(widget.panel.status.text())


def shown(widget: AnnotatorWidget) -> np.ndarray:
    assert widget.annotation is not None
    return np.asarray(widget.annotation.writer.labels.data).copy()


def restart(widget: AnnotatorWidget, qtbot: Any) -> None:
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None


def test_layers_when_renamed_reordered_rescaled_and_moved_then_commits_go_on(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(IMAGE)
    commit(widget, qtbot, 30, 40)
    annotation = widget.annotation
    assert annotation is not None
    image, labels, points = annotation._image, annotation.writer.labels, annotation.prompts.points
    for number, layer in enumerate(widget._viewer.layers):
        layer.name = f"renamed {number}"
    if hasattr(widget._viewer.layers.events, "renamed"):  # younger than napari 0.6
        assert widget.panel.image.currentText() == image.name
        assert widget.panel.labels.currentText() == labels.name
    widget._viewer.layers.reverse()
    commit(widget, qtbot, 80, 100)
    assert told(widget) == "Committed label 2. 2 so far."
    image.scale, image.translate = (0.5, 0.5), (7, 9)
    assert "follow" in told(widget)
    for layer in (labels, points, annotation.prompts.boxes, *annotation.view.layers):
        assert np.allclose(layer.data_to_world((80, 100)), image.data_to_world((80, 100))), layer.name
    commit(widget, qtbot, *points.world_to_data(image.data_to_world((100, 20))))
    labels.scale = (3, 3)
    assert f"{labels.name!r} lies over the image, so it was put back" in told(widget)
    assert np.allclose(labels.scale, image.scale)
    drawn = shown(widget)
    assert (drawn[30, 40], drawn[80, 100], drawn[100, 20]) == (1, 2, 3)


def test_layers_when_removed_or_renamed_then_starting_again_brings_all_back_and_new_labels_are_apart(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(IMAGE)
    commit(widget, qtbot, 30, 40)
    assert widget.annotation is not None
    (first,) = widget.annotation.session.objects
    before = shown(widget)
    for name in ("Points", "cells", "cells cells"):
        another = widget._viewer.add_image(IMAGE)  # which is offered at Stop
        widget._viewer.layers.remove(name)
        qtbot.wait(300)  # what is left is drawn
        assert widget.annotation is None
        assert f"{name!r} was removed" in told(widget)
        assert "ress Start to go on, with all that was committed" in told(widget)
        assert ("Open it again" in told(widget)) == (name == "cells")
        widget._viewer.layers.remove(another)
        if name == "cells":
            widget._viewer.add_image(IMAGE, name="cells")
        restart(widget, qtbot)
        assert np.array_equal(shown(widget), before)
    commit(widget, qtbot, 80, 100)
    assert shown(widget)[80, 100] == 2

    widget._viewer.layers["cells cells"].name = "mine"
    widget.stop()
    restart(widget, qtbot)
    assert widget.annotation.writer.labels.name == "mine"
    again, _ = widget.annotation.session.objects
    assert again.prompts is not None
    assert again.prompts.positions.tolist() == first.prompts.positions.tolist()
    widget.stop()
    widget.panel.labels.setCurrentIndex(0)
    restart(widget, qtbot)
    assert widget.annotation.session.objects == ()
    assert widget.annotation.writer.labels.name == "cells cells [1]"


@pytest.mark.shown
def test_the_image_when_removed_after_stop_then_napari_draws_its_labels_and_the_next_image(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(IMAGE)
    viewer = widget._viewer
    commit(widget, qtbot, 30, 40)
    widget.stop()
    qtbot.wait(200)
    viewer.layers.remove("cells")
    qtbot.wait(200)
    alone = viewer.screenshot(canvas_only=True, flash=False)
    viewer.add_image(IMAGE, name="the next")
    qtbot.wait(200)
    assert alone[..., :3].std() > 1
    assert viewer.screenshot(canvas_only=True, flash=False)[..., :3].std() > alone[..., :3].std()


def test_data_when_replaced_by_that_of_another_shape_then_stops_and_the_commits_come_back(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(IMAGE)
    commit(widget, qtbot, 30, 40)
    before = shown(widget)
    assert widget.annotation is not None
    widget.annotation.writer.labels.data = np.zeros((60, 80), int)
    assert widget.annotation is None
    assert "shape (60, 80) now and the image (120, 160)" in told(widget)
    widget._viewer.layers.remove("cells cells")
    restart(widget, qtbot)
    assert np.array_equal(shown(widget), before)
    widget._viewer.layers["cells"].data = np.zeros((60, 80), np.uint8)
    assert widget.annotation is None
    assert "another shape" in told(widget)
    assert np.array_equal(widget._viewer.layers["cells cells"].data, before)


def test_labels_of_the_wrong_shape_or_dtype_when_chosen_then_one_sentence_and_they_stay(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(IMAGE, start=False)
    small = widget._viewer.add_labels(np.zeros((60, 80), int), name="small")
    full = np.zeros(IMAGE.shape, np.uint8)
    full[100:, 100:] = 255
    full = widget._viewer.add_labels(full, name="full")
    widget.panel.labels.setCurrentText("small")
    widget.start()
    assert widget.annotation is None
    assert "has the shape (60, 80) and the image (120, 160)" in told(widget)
    widget.panel.labels.setCurrentText("full")
    restart(widget, qtbot)
    commit(widget, qtbot, 30, 40)
    assert "cannot count beyond 255" in told(widget)
    assert not small.data.any()
    assert set(np.unique(full.data)) == {0, 255}


def test_another_model_and_new_embeddings_when_committed_objects_are_there_then_leave_them(
    make_annotator: Make, qtbot: Any, discs: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make_annotator(IMAGE)
    commit(widget, qtbot, 30, 40)
    commit(widget, qtbot, 80, 100)
    annotation = widget.annotation
    assert annotation is not None
    before, objects = shown(widget), annotation.session.objects
    widget._viewer.layers["cells"].data = IMAGE[::-1].copy()  # the same shape, so it is embedded again
    settle(qtbot, widget)
    assert annotation.session.ready
    assert annotation.session.objects == objects
    assert np.array_equal(shown(widget), before)
    widget._viewer.layers.remove("cells cells")  # and their journal goes by the pixels of before
    assert "with all that was committed" in told(widget)
    restart(widget, qtbot)
    assert np.array_equal(shown(widget), before)
    widget._viewer.layers["cells"].data = IMAGE
    settle(qtbot, widget)
    widget.stop()
    assert widget.panel.labels.currentText() == "cells cells"
    other = replace(discs, name="larger", weights_hash="larger")
    monkeypatch.setattr(weights, "load_model", lambda *_, **__: other)
    widget._starting._predictors.clear()
    restart(widget, qtbot)
    assert np.array_equal(shown(widget), before)
    commit(widget, qtbot, 100, 20)
    annotation = widget.annotation
    assert annotation is not None
    assert [each.model for each in annotation.session.objects] == ["discs", "discs", "larger"]
    shown_now = shown(widget)
    assert np.array_equal(shown_now[before > 0], before[before > 0])


class Disk(np.ndarray):
    """Pixels on a disk that may be full."""

    full = False

    def __setitem__(self, place: Any, value: Any) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().__setitem__(place, value)


def test_labels_that_take_no_pixels_then_steps_are_kept_and_shown_once_they_do(
    make_annotator: Make, qtbot: Any
) -> None:
    widget = make_annotator(IMAGE, start=False)
    widget._viewer.add_labels(np.zeros(IMAGE.shape, int).view(Disk), name="mine")
    widget.panel.labels.setCurrentText("mine")
    restart(widget, qtbot)
    annotation = widget.annotation
    assert annotation is not None
    pixels = annotation.writer.labels.data
    commit(widget, qtbot, 30, 40)
    pixels.full = True
    annotation.editing.undo()
    for place in ((80, 100), (60, 20)):
        commit(widget, qtbot, *place)
        assert told(widget).startswith("Committed label")
        assert "No space left on device), so it does not show all objects" in told(widget)
    assert set(np.unique(pixels)) == {0, 1}
    assert widget.object_panel.model.rowCount() == 2
    assert annotation.keeping.journal is not None
    assert len(read_record(annotation.keeping.journal.path).objects) == 2
    widget.stop()
    restart(widget, qtbot)  # nobody has erased what the layer never showed
    annotation = widget.annotation
    assert annotation is not None
    assert told(widget).startswith("Your last session's 2 labels are back.")
    assert "No space left on device" in told(widget)
    assert [each.id for each in annotation.session.objects] == [2, 3]
    pixels.full = False
    commit(widget, qtbot, 100, 20)
    assert told(widget) == "Committed label 4. 3 so far."
    assert np.array_equal(pixels, annotation.session.store.render((), (slice(0, 120), slice(0, 160))))


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_when_committing_then_each_commit_says_so_and_they_are_kept_once_there_is_room(
    make_annotator: Make, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam.widgets.annotating.keeping.AGAIN", 100)
    widget = make_annotator(IMAGE)
    commit(widget, qtbot, 30, 40)
    assert widget.annotation is not None
    journal = widget.annotation.keeping.journal
    assert journal is not None
    with no_file_beyond(journal.path.stat().st_size + 50):
        for place in ((80, 100), (60, 20)):
            commit(widget, qtbot, *place)
            assert told(widget).startswith("Committed label")
            assert "could not be written" in told(widget)
        widget.annotation.clear()
        assert "could not be written" in told(widget)  # as long as that is so, whatever else is told
    widget.annotation.editing.undo()
    assert told(widget).startswith("Took back")
    assert "written" not in told(widget)
    record = read_record(journal.path)
    assert (len(record.objects), len(record.undone)) == (2, 1)

    with no_file_beyond(journal.path.stat().st_size + 50):
        commit(widget, qtbot, 80, 100)
        qtbot.wait(350)  # it was tried again
        assert "could not be written" in told(widget)
        assert len(read_record(journal.path).objects) == 2
    qtbot.waitUntil(lambda: not journal.trouble, timeout=5_000)
    assert told(widget) == "The disk has room again, and all commits are kept on it."
    assert len(read_record(journal.path).objects) == 3


def test_an_image_that_was_replaced_under_its_name_then_labels_are_back_and_it_is_said(
    make_annotator: Make, qtbot: Any, tmp_path: Path
) -> None:
    path = tmp_path / "cells.tif"
    told_at_start = []
    widget = make_annotator(start=False)
    for image in (IMAGE, IMAGE, IMAGE + 1):
        tifffile.imwrite(path, image)
        widget._viewer.layers.clear()
        widget._viewer.open(str(path), plugin="napari")
        restart(widget, qtbot)
        told_at_start.append(told(widget))
        if len(told_at_start) == 1:
            commit(widget, qtbot, 30, 40)
        widget.stop()
    other = "pixels are not those of the last session"
    assert [other in each for each in told_at_start] == [False, False, True]
    assert ["1 label is back" in each for each in told_at_start] == [False, True, True]


OTHER_PROCESS = """
import sys, time
import numpy as np, napari, tifffile
from napari_sam.widgets.annotator import AnnotatorWidget
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer(show=False)
viewer.open(sys.argv[1], name="cells", plugin="napari")
widget = AnnotatorWidget(viewer)
viewer.window.add_dock_widget(widget)

def wait(what):
    while not what():
        QApplication.processEvents()
        time.sleep(0.01)

wait(lambda: not widget.jobs.busy)
widget.start()
wait(lambda: widget.annotation is not None and widget.annotation.session.ready)
def commit(*places):
    for place in places:
        widget.annotation.prompts.points.add(place)
        wait(lambda: widget.annotation.session.proposals)
        widget.annotation.commit()
    np.save(sys.argv[2], widget.annotation.writer.labels.data)
    print("ready", flush=True)
    sys.stdin.readline()

commit((30, 40), (80, 100))
widget.annotation.editing.undo()
commit()
commit((90, 130))
"""


@pytest.mark.timeout(300)  # it starts napari twice
def test_a_process_when_it_annotates_and_is_killed_then_others_look_and_take_its_session_over(
    make_annotator: Make, qtbot: Any, tmp_path: Path
) -> None:
    path, saved = tmp_path / "cells.tif", tmp_path / "labels.npy"
    tifffile.imwrite(path, IMAGE)
    command = [sys.executable, "-c", OTHER_PROCESS, str(path), str(saved)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def go_on() -> None:
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "ready\n"

        assert process.stdout.readline() == "ready\n"
        go_on()
        widget = make_annotator(IMAGE, start=False)
        widget._viewer.layers.clear()
        widget._viewer.open(str(path), name="cells", plugin="napari")
        restart(widget, qtbot)
        assert "open in another window, so this one only looks" in told(widget)
        assert np.array_equal(shown(widget), np.load(saved))
        commit(widget, qtbot, 100, 20)
        assert "nothing can be changed here" in told(widget)
        assert np.array_equal(shown(widget), np.load(saved))
        go_on()
        process.send_signal(signal.SIGKILL)
    widget.stop()
    restart(widget, qtbot)
    assert "Your last session's 2 labels are back" in told(widget)
    assert np.array_equal(shown(widget), np.load(saved))
    commit(widget, qtbot, 100, 20)
    record = read_record(tmp_path / "cells.napari-sam" / "cells cells.journal")
    assert [each.id for each in record.objects] == [1, 3, 4]
    assert [each.model for each in record.objects] == ["cell-tiny", "cell-tiny", "discs"]
