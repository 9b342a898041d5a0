"""The ties between a session and layers, in a viewer without a window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_sam.errors import ImageError, WeightsError
from napari_sam.predict import Predictor
from napari_sam.session.preference import Preference, save_preference
from napari_sam.weights import LoadedModel
from napari_sam.widgets.annotating.annotation import ELSEWHERE, Annotation
from napari_sam.widgets.annotating.committing import HIDDEN, NOT_YET, TWICE, UNSEEN
from napari_sam.widgets.annotating.fitting import check_labels
from napari_sam.widgets.background.jobs import Job, Jobs

from ..conftest import earlier

SHAPE = (60, 80)


@pytest.fixture
def make(jobs: Jobs, qtbot: Any, discs: LoadedModel) -> Callable[..., Annotation]:
    """Return a function that starts annotating an image."""

    def make(image: np.ndarray, **options: Any) -> Annotation:
        viewer = ViewerModel()
        layer = viewer.add_image(image, **options)
        annotation = Annotation(viewer, layer, earlier(viewer, layer), lambda _: Predictor(discs), jobs)
        settle(qtbot, jobs)
        return annotation

    return make


def settle(qtbot: Any, jobs: Jobs) -> None:
    qtbot.waitUntil(lambda: not jobs.busy, timeout=20_000)


def sentences(annotation: Annotation) -> list[str]:
    said: list[str] = []
    annotation.failed.connect(said.append)
    return said


def test_a_commit_while_newer_prompts_are_answered_then_drops_them_and_their_late_answer(
    make: Callable[..., Annotation], jobs: Jobs, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam.widgets.annotating.asking.BLINK", 0)  # as on a slow machine
    annotation = make(np.zeros(SHAPE, np.uint8))
    annotation.prompts.points.add([20, 20])
    settle(qtbot, jobs)
    go, answer = Event(), annotation.session.answer

    def slow(prompts: Any) -> Any:
        go.wait(10)
        return answer(prompts)

    monkeypatch.setattr(annotation.session, "answer", slow)
    annotation.prompts.points.add([40, 60])
    annotation.commit(0)
    go.set()
    with qtbot.waitSignal(jobs.idle):
        jobs.run("Next", lambda _: None, lambda _: None)
    assert annotation.session.proposals == ()
    assert annotation.prompts.read(()) == []
    assert [each.prompts.positions.tolist() for each in annotation.session.objects] == [[[20, 20]]]

    said = sentences(annotation)
    go.clear()
    annotation.prompts.points.add([40, 60])
    annotation.commit()  # before there is anything to see
    go.set()
    settle(qtbot, jobs)
    assert said == [NOT_YET]
    assert len(annotation.session.proposals) == 1
    told: list[str] = []
    annotation.said.connect(told.append)
    annotation.commit()
    assert len(annotation.session.objects) == 2
    annotation.prompts.points.add([40, 60])
    settle(qtbot, jobs)
    annotation.commit()
    assert told == ["Committed label 2. 2 so far.", f"Committed label 3. 3 so far. {TWICE.format(2)}"]
    annotation.prompts.points.add([40, 60])
    settle(qtbot, jobs)
    annotation.commit(0)  # a small one, under both
    assert told[-1] == f"Committed label 4. 4 so far. {UNSEEN.format('all of it')}"
    labels = annotation.writer.labels
    labels.visible = False
    annotation.prompts.points.add([5, 75])
    settle(qtbot, jobs)
    annotation.commit(0)
    assert told[-1] == f"Committed label 5. 5 so far. {HIDDEN.format(labels.name)}"


def test_prompts_that_are_answered_in_a_blink_then_need_no_thread(
    make: Callable[..., Annotation], jobs: Jobs, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam.widgets.annotating.asking.BLINK", 60)  # as on a fast machine
    annotation = make(np.zeros(SHAPE, np.uint8))
    annotation.prompts.points.add([20, 20])
    assert jobs.busy  # how fast it is shows only now
    settle(qtbot, jobs)
    annotation.commit()
    annotation.prompts.points.add([40, 60])
    assert not jobs.busy
    assert [each.prompts.positions.tolist() for each in annotation.session.proposals] == [[[40, 60]]]
    told = sentences(annotation)
    jobs.failed.connect(told.append)
    annotation.prompts.points.add([200, 20])
    assert "outside the image" in told[0]
    assert annotation.session.proposals == ()


def test_several_boxes_then_are_committed_as_this_person_prefers(
    make: Callable[..., Annotation],
    jobs: Jobs,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAPARI_SAM_CONFIG", str(tmp_path))
    save_preference(Preference(suggested=0, cluster=5, choices=9), tmp_path / "preference.json")
    annotation = make(np.zeros(SHAPE, np.uint8))
    boxes = np.array([[(5, 5), (5, 25), (25, 25), (25, 5)], [(30, 40), (30, 60), (50, 60), (50, 40)]])
    annotation.prompts.boxes.add_rectangles(boxes)
    settle(qtbot, jobs)
    proposals = annotation.session.proposals
    assert len(proposals) == 2
    annotation.commit()
    for made, proposal in zip(annotation.session.objects, proposals, strict=True):
        assert made.mask.sum() == max(item.area for item in proposal.candidates.items)
    annotation.editing.reopen()
    settle(qtbot, jobs)
    assert [each.prompts.box for each in annotation.session.proposals] == [(30, 40, 50, 60)]
    annotation.commit(0)
    assert [each.id for each in annotation.session.objects] == [1, 2]
    first, second = annotation.session.objects
    assert second.area < first.area
    annotation.editing.undo()
    assert [each.area for each in annotation.session.objects] == [first.area, first.area]


def test_a_folder_that_cannot_be_written_then_stops_no_one_from_choosing(
    make: Callable[..., Annotation], jobs: Jobs, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NAPARI_SAM_CONFIG", str(tmp_path / "file"))
    annotation = make(np.zeros(SHAPE, np.uint8))
    annotation.prompts.points.add([20, 20])
    settle(qtbot, jobs)
    annotation.commit(2)
    assert annotation.chooser.preference.choices == 1
    assert len(annotation.session.objects) == 1


@pytest.mark.parametrize("blink", [0, 60])
def test_a_point_outside_the_image_then_drops_the_candidates_and_says_so(
    make: Callable[..., Annotation], jobs: Jobs, qtbot: Any, monkeypatch: pytest.MonkeyPatch, blink: float
) -> None:
    monkeypatch.setattr("napari_sam.widgets.annotating.asking.BLINK", blink)
    annotation = make(np.zeros(SHAPE, np.uint8))
    annotation.prompts.points.add([20, 20])
    settle(qtbot, jobs)
    assert annotation.session.proposals
    with qtbot.waitSignal(jobs.failed) as told:
        annotation.prompts.points.add([200, 20])
    assert "outside the image" in told.args[0]
    settle(qtbot, jobs)
    assert annotation.session.proposals == ()
    assert annotation.session.ready


def test_a_model_that_cannot_be_loaded_then_stops_the_annotation(jobs: Jobs, qtbot: Any) -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros(SHAPE))

    def load(_: Job) -> Predictor:
        raise WeightsError("There is no such model; choose another.")

    annotation = Annotation(viewer, layer, earlier(viewer, layer), load, jobs)
    stopped: list[int] = []
    annotation.stopped.connect(lambda: stopped.append(1))
    with qtbot.waitSignal(jobs.failed) as told:
        pass
    assert told.args == ["There is no such model; choose another."]
    assert stopped == [1]


def test_the_sliders_when_moved_then_the_plane_is_read_and_its_prompts_are_answered_once_it_can_be(
    make: Callable[..., Annotation], jobs: Jobs, qtbot: Any
) -> None:
    broken: set[int] = set()

    def plane(block_info: Any) -> np.ndarray:
        if block_info[None]["chunk-location"][0] in broken:
            raise OSError("bad block")
        return np.zeros((1, *SHAPE), np.uint8)

    lazy = da.map_blocks(plane, chunks=((1,) * 5, *((side,) for side in SHAPE)), dtype=np.uint8)
    annotation = make(lazy, contrast_limits=(0, 255))
    broken.add(4)  # too far off to be read ahead
    annotation.prompts.points.add([0, 30, 40])
    settle(qtbot, jobs)
    assert annotation.session.proposals == ()
    annotation._viewer.dims.set_current_step(0, 0)
    assert not annotation.session.ready
    qtbot.waitUntil(lambda: bool(annotation.session.proposals), timeout=20_000)
    annotation.commit()
    labels = annotation.writer.labels.data
    assert labels.shape == (5, *SHAPE)
    assert labels.any(axis=(1, 2)).tolist() == [True, False, False, False, False]
    stopped: list[int] = []
    said = sentences(annotation)
    annotation.stopped.connect(lambda: stopped.append(1))
    with pytest.raises(OSError, match="bad block"):  # napari's own: nobody else hears of the sliders then
        annotation._viewer.dims.set_current_step(0, 4)
    annotation.prompts.points.add([4, 30, 40])
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    assert said[0].startswith("The pixels [4, 0:60, 0:80] of the image cannot be read (bad block)")
    assert said[0].endswith(ELSEWHERE)
    assert stopped == []
    broken.clear()
    annotation.prompts.points.add([4, 31, 40])
    qtbot.waitUntil(lambda: bool(annotation.session.proposals), timeout=20_000)
    annotation.commit()
    assert labels.any(axis=(1, 2)).tolist() == [True, False, False, False, True]
    steps: list[str] = []
    annotation.said.connect(steps.append)
    annotation.undo()
    annotation.undo()
    assert steps == ["Took back: commit, 1 label.", "Took back: commit, 1 label, on plane 0."]


def test_other_pixels_in_the_image_then_are_read_again_and_labels_stay(
    make: Callable[..., Annotation], jobs: Jobs, qtbot: Any
) -> None:
    annotation = make(np.zeros(SHAPE, np.uint8))
    annotation.prompts.points.add([20, 20])
    settle(qtbot, jobs)
    annotation.commit()
    before = annotation.writer.labels.data.copy()
    annotation._image.data = np.full(SHAPE, 9, np.uint8)
    assert not annotation.session.ready
    settle(qtbot, jobs)
    assert annotation.session.ready
    assert np.array_equal(annotation.writer.labels.data, before)
    stopped: list[int] = []
    annotation.stopped.connect(lambda: stopped.append(1))
    said = sentences(annotation)
    annotation._image.data = np.zeros((30, 30), np.uint8)
    assert stopped == [1]
    assert "another shape" in said[0]


@pytest.mark.parametrize("name", ["cells", "Points", "Boxes", "Candidates", "Candidate names", "cells cells"])
def test_a_layer_when_removed_in_the_middle_then_annotation_asks_to_be_stopped(
    make: Callable[..., Annotation], jobs: Jobs, qtbot: Any, name: str
) -> None:
    annotation = make(np.zeros(SHAPE, np.uint8), name="cells")
    annotation.prompts.points.add([20, 20])
    settle(qtbot, jobs)
    annotation.commit()
    annotation.prompts.points.add([40, 60])
    annotation.stopped.connect(annotation.close)
    said = sentences(annotation)
    layers, labels = annotation._viewer.layers, annotation.writer.labels
    layers.remove(layers[name])
    stopped = f"The layer '{name}' was removed, so annotation stopped."
    start = "Open it again and press Start" if name == "cells" else "Press Start"
    assert said == [f"{stopped} {start} to go on, with all that was committed."]
    left = {layer.name for layer in {*layers} - {*annotation.layers}}
    assert left == {"cells", "cells cells"} - {name}
    assert labels.data[20, 20] == 1
    assert not jobs.busy


def test_a_point_beyond_the_image_then_leaves_the_sliders_to_the_image(
    make: Callable[..., Annotation], jobs: Jobs, qtbot: Any
) -> None:
    annotation = make(np.zeros((3, *SHAPE), np.uint8), name="cells")
    dims = annotation._viewer.dims
    before = dims.range
    annotation.prompts.points.add([7, 20, 20])
    settle(qtbot, jobs)
    assert dims.range == before


def test_an_annotation_when_closed_then_leaves_image_and_labels_and_hears_nothing(
    make: Callable[..., Annotation], jobs: Jobs, qtbot: Any
) -> None:
    annotation = make(np.zeros((3, *SHAPE), np.uint8), name="cells")
    annotation.prompts.points.add([1, 20, 20])
    settle(qtbot, jobs)
    annotation.commit()
    annotation.close()
    viewer = annotation._viewer
    assert {*viewer.layers} - {*annotation.layers} == {*viewer.layers[:2]}
    assert [type(layer) for layer in viewer.layers[:2]] == [Image, Labels]
    assert viewer.layers[1].data.any()
    viewer.dims.set_current_step(0, 2)
    viewer.layers[0].data = np.ones((3, *SHAPE), np.uint8)
    viewer.layers.clear()
    assert not jobs.busy


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (Labels(np.zeros((4, 5), int)), "shape"),
        (Labels(da.zeros(SHAPE, dtype=int)), "cannot be written"),
        (Labels([np.zeros(SHAPE, int), np.zeros((30, 40), int)], multiscale=True), "cannot be written"),
        (Labels(np.broadcast_to(np.int32(0), SHAPE)), "cannot be written"),
    ],
    ids=["other shape", "dask", "multiscale", "read-only"],
)
def test_labels_that_cannot_take_commits_then_one_sentence_says_so(labels: Labels, reason: str) -> None:
    image = Image(np.zeros(SHAPE))
    with pytest.raises(ImageError, match=reason):
        check_labels(image, labels)
    check_labels(image, Labels(np.zeros(SHAPE, int)))
    check_labels(image, None)
