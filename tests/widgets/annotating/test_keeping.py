"""Commits that outlive the viewer, in a viewer without a window."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers._source import layer_source

from napari_sam.predict import Predictor
from napari_sam.weights import LoadedModel
from napari_sam.widgets.annotating.annotation import Annotation
from napari_sam.widgets.annotating.earlier import Earlier
from napari_sam.widgets.background.jobs import Jobs

from ..conftest import earlier, opened_by_napari

Start = Callable[..., Annotation]


@pytest.fixture
def start(qapp: Any, qtbot: Any, discs: LoadedModel) -> Iterator[Start]:  # noqa: ARG001 (Qt has to be there)
    """Return a function that opens a viewer on an image, as after starting napari again."""
    jobs = Jobs()

    def start(
        image: Any, labels: np.ndarray | None = None, path: Path | None = None, said: Any = None
    ) -> Annotation:
        viewer = ViewerModel()
        with layer_source(path=None if path is None else str(path)):
            layer = viewer.add_image(image, name="cells")
        given = None if labels is None else viewer.add_labels(labels, name="cells cells")
        annotation = Annotation(
            viewer, layer, earlier(viewer, layer, given), lambda _: Predictor(discs), jobs
        )
        if said is not None:
            annotation.said.connect(said)
        qtbot.waitUntil(lambda: not jobs.busy, timeout=20_000)
        return annotation

    yield start
    jobs.close()


def commit(annotation: Annotation, qtbot: Any, *place: int) -> None:
    annotation.prompts.points.add(list(place))
    qtbot.waitUntil(lambda: bool(annotation.session.proposals), timeout=20_000)
    annotation.commit()


def end(annotation: Annotation) -> None:
    """Let go of the journal as a process does that ends."""
    assert annotation.keeping.journal is not None
    annotation.keeping.journal.close()


def test_commits_when_napari_ends_without_notice_then_are_back_next_time(start: Start, qtbot: Any) -> None:
    image = np.random.default_rng(0).integers(0, 255, (2, 60, 80), np.uint8)
    first = start(image)
    said: list[str] = []
    commit(first, qtbot, 0, 20, 20)
    commit(first, qtbot, 0, 40, 60)
    first.editing.undo()
    before = first.writer.labels.data.copy()
    end(first)
    second = start(image.copy())
    second.said.connect(said.append)
    assert before.any()
    assert np.array_equal(second.writer.labels.data, before)
    assert [each.id for each in second.session.objects] == [1]
    second.editing.redo()
    assert second.writer.labels.data[0, 40, 60] == 2
    second.editing.undo()
    second.editing.undo()
    assert not second.writer.labels.data.any()


def test_commits_when_frames_were_added_to_the_image_then_are_back_and_it_goes_on(
    start: Start, qtbot: Any, tmp_path: Path
) -> None:
    image, path = np.zeros((2, 60, 80), np.uint8), tmp_path / "movie.tif"
    tifffile.imwrite(path, image, photometric="minisblack")
    first = start(image, path=path)
    commit(first, qtbot, 0, 20, 20)
    before = first.writer.labels.data.copy()
    end(first)
    longer = np.concatenate([image, image])
    tifffile.imwrite(path, longer, photometric="minisblack")
    again = start(longer, path=path)
    told = (
        "The image is longer than in the last session, 4 along its first axis, not 2; check that its labels"
    )
    assert again.keeping.greeting.startswith(told)
    assert np.array_equal(again.writer.labels.data[:2], before)
    commit(again, qtbot, 1, 40, 60)  # where a viewer of four planes opens
    end(again)
    assert len(start(longer, path=path).session.objects) == 2


def test_another_image_of_the_same_name_when_opened_then_begins_anew(start: Start, qtbot: Any) -> None:
    commit(start(np.zeros((60, 80), np.uint8)), qtbot, 20, 20)
    assert start(np.ones((60, 80), np.uint8)).session.objects == ()


def test_labels_that_were_painted_since_when_given_again_then_stay_as_they_are(
    start: Start, qtbot: Any
) -> None:
    image = np.zeros((60, 80), np.uint8)
    first = start(image)
    commit(first, qtbot, 20, 20)
    painted = first.writer.labels.data.copy()
    end(first)
    painted[20:] = 0
    painted[50:, 70:] = 9
    again = start(image, painted.copy())
    assert np.array_equal(again.writer.labels.data, painted)
    areas = {each.id: each.area for each in again.session.objects}
    assert areas == {1: (painted == 1).sum(), 9: (painted == 9).sum()}
    assert again.session.next_id == 10
    again.editing.undo()
    assert np.array_equal(again.writer.labels.data[50:, 70:], painted[50:, 70:])


def test_an_image_with_a_file_when_annotated_then_the_journal_lies_beside_it(
    start: Start, qtbot: Any, tmp_path: Path
) -> None:
    path = tmp_path / "plate 1.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(np.zeros((60, 80), np.uint8))
        file.write(np.zeros((50, 80), np.uint8))
    viewer_image, said = tifffile.imread(path), list[str]()
    annotation = start(viewer_image, path=path, said=said.append)
    assert [text[:46] for text in said] == ["plate 1.tif has 2 images, and only the first i"]
    commit(annotation, qtbot, 20, 20)
    kept = tmp_path / "plate 1.napari-sam" / "cells cells.journal"
    assert kept.stat().st_size > 100
    end(annotation)
    path.rename(tmp_path / "well 7.tif")
    again = start(viewer_image, path=tmp_path / "well 7.tif")
    assert len(again.session.objects) == 1
    moved = tmp_path / "well 7.napari-sam" / kept.name
    told = f"The work on {path}, which is gone and had the same pixels, goes on here, in {moved}."
    assert again.keeping.greeting == f"{told} Your last session's 1 label is back."
    end(again)
    copy = moved.with_name("cells cells (conflicted copy 2026-11-29).journal")
    copy.write_bytes(moved.read_bytes() + b"more")
    again = start(viewer_image, path=tmp_path / "well 7.tif")
    assert again.keeping.greeting.startswith(f"{copy} is a copy of the journal with edits that are not here")
    end(again)
    moved.write_bytes(bytes(50))  # as a power cut leaves it
    again = start(viewer_image, path=tmp_path / "well 7.tif")
    assert again.keeping.greeting.endswith("move it away. Until then, commits are not kept on disk.")
    assert moved.read_bytes() == bytes(50)


def test_a_journal_that_cannot_be_used_then_one_sentence_and_annotation_goes_on(
    start: Start, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a file, no folder"
    blocked.write_text("")
    monkeypatch.setenv("NAPARI_SAM_CONFIG", str(blocked))
    annotation = start(np.zeros((60, 80), np.uint8))
    commit(annotation, qtbot, 20, 20)
    assert annotation.keeping.journal is not None
    assert "could not be written" in annotation.keeping.journal.trouble
    assert annotation.writer.labels.data[20, 20] == 1


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no modes of folders")
def test_a_folder_of_journals_that_may_not_be_looked_into_then_one_sentence() -> None:
    with TemporaryDirectory(dir="/tmp") as name:
        image, folder = Path(name) / "a.tif", Path(name) / "a.napari-sam"
        tifffile.imwrite(image, np.zeros((60, 80), np.uint8))
        layer = opened_by_napari(image)
        folder.mkdir(mode=0)
        Path(name).chmod(0o755)
        root = not os.geteuid()
        if root:
            os.seteuid(65534)
        try:
            found = Earlier.of(layer, None, "cells", ())
        finally:
            if root:
                os.seteuid(0)
        assert found.journal is None
        assert "could not be looked into" in found.trouble
        assert "commits are not kept on disk" in found.trouble


def test_a_second_window_on_the_same_image_then_only_looks_until_the_first_is_closed(
    start: Start, qtbot: Any
) -> None:
    image = np.random.default_rng(0).integers(0, 255, (60, 80), np.uint8)
    first = start(image)
    commit(first, qtbot, 20, 20)
    second = start(image.copy())
    failed: list[str] = []
    second.failed.connect(failed.append)
    assert second.keeping.greeting.endswith("to take over. Its 1 label is shown.")
    shown = second.writer.labels.data.copy()
    assert np.array_equal(shown, first.writer.labels.data)
    commit(second, qtbot, 40, 60)
    second.editing.undo()
    second.editing.edit("delete", [(1, ())])
    assert [("only looks" in each, each.count(".")) for each in failed] == [(True, 2)] * 3
    assert not second.writer.labels.editable
    second.writer.labels.data_setitem((np.array([50]), np.array([70])), [5])  # by a script
    assert [each.id for each in second.session.objects] == [1]
    assert (second.writer.labels.data != shown).sum() == 1
    second.close()
    assert second.writer.labels.editable
    commit(first, qtbot, 40, 40)
    end(first)
    third = start(image.copy())
    assert [each.id for each in third.session.objects] == [1, 2]
