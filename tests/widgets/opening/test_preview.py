"""A quick model until a slow one is ready, in a viewer without a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_sam.errors import OutOfMemoryError
from napari_sam.predict import Predictor
from napari_sam.predict.embedding import Level
from napari_sam.session import embeddings
from napari_sam.weights import load_model
from napari_sam.widgets.annotating.annotation import Annotation
from napari_sam.widgets.background.jobs import Jobs

from ..conftest import earlier

IMAGE = np.kron(np.random.default_rng(0).integers(0, 2, (6, 8)), np.full((12, 12), 200)).astype(np.uint8)


class Slow(Predictor):
    """A ViT that takes until it is told to go on."""

    go: Event
    trouble: Exception | None = None

    def encode(self, *arguments: Any, **options: Any) -> tuple[Level, ...]:
        self.go.wait(20)
        if self.trouble is not None:
            raise self.trouble
        return super().encode(*arguments, **options)


@pytest.fixture
def slow(data_folder: Path) -> Iterator[Slow]:
    weights = data_folder.parent / "parity" / "sam_small.safetensors"
    predictor = Slow(load_model(weights, device="cpu", precision="float32"))
    predictor.go = Event()
    yield predictor
    predictor.go.set()


@pytest.fixture
def start(jobs: Jobs, slow: Slow, qtbot: Any) -> Iterator[Callable[[], tuple[Annotation, list[str]]]]:
    """Return a function that starts annotating with the slow model, and gives what is said."""
    begun: list[Annotation] = []

    def start(image: np.ndarray = IMAGE) -> tuple[Annotation, list[str]]:
        viewer = ViewerModel()
        layer = viewer.add_image(image)
        annotation = Annotation(viewer, layer, earlier(viewer, layer), lambda _: slow, jobs)
        begun.append(annotation)
        said: list[str] = []
        annotation.said.connect(said.append)
        annotation.failed.connect(said.append)
        qtbot.waitUntil(lambda: not jobs.busy, timeout=20_000)
        return annotation, said

    yield start
    for annotation in begun:
        annotation.close()


def answered_by(annotation: Annotation) -> str:
    return annotation.session.proposals[0].candidates.model if annotation.session.proposals else ""


def test_a_slow_model_then_follows_a_preview_and_answers_the_prompts_again(
    start: Callable[[], tuple[Annotation, list[str]]], slow: Slow, qtbot: Any
) -> None:
    annotation, said = start()
    assert said == [
        "A preview by cell-tiny, until sam_small is ready. Ready: click on a cell, or draw a box around it."
    ]
    annotation.prompts.points.add([30, 40])
    qtbot.waitUntil(lambda: answered_by(annotation) == "cell-tiny", timeout=20_000)
    slow.go.set()
    qtbot.waitUntil(lambda: answered_by(annotation) == "sam_small", timeout=20_000)
    assert "sam_small is ready." in said[1]
    annotation.commit()
    assert annotation.session.objects[0].model == "sam_small"


def test_a_slow_model_that_is_ready_after_the_plane_was_left_then_changes_nothing(
    start: Callable[..., tuple[Annotation, list[str]]], slow: Slow, jobs: Jobs, qtbot: Any
) -> None:
    annotation, _ = start(np.stack([IMAGE, IMAGE[::-1]]))
    annotation._viewer.dims.set_current_step(0, 1)
    slow.go.set()
    qtbot.waitUntil(lambda: annotation.session.ready and not jobs.busy, timeout=20_000)
    annotation.prompts.points.add([1, 30, 40])
    qtbot.waitUntil(lambda: answered_by(annotation) == "sam_small", timeout=20_000)
    assert annotation.session.proposals[0].plane == (1,)
    part = annotation.part
    assert part is not None
    np.testing.assert_array_equal(part.picture[..., 0], IMAGE[::-1] // 200 * 255)


def test_a_stored_embedding_of_a_slow_model_then_needs_no_preview(
    start: Callable[[], tuple[Annotation, list[str]]], slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "worth_storing", lambda *_: True)
    slow.go.set()
    embeddings.embedding_store().embed(slow, IMAGE)
    slow.go.clear()
    annotation, said = start()
    assert annotation.part is not None
    assert annotation.part.predictor is slow
    assert said == ["Ready: click on a cell, or draw a box around it."]


def test_a_slow_model_that_fails_then_leaves_the_preview_and_says_why(
    start: Callable[[], tuple[Annotation, list[str]]], slow: Slow, qtbot: Any
) -> None:
    annotation, said = start()
    slow.trouble = OutOfMemoryError("The device cpu ran out of memory.")
    slow.go.set()
    qtbot.waitUntil(lambda: len(said) == 2, timeout=20_000)
    assert said[1].startswith("The computer's memory is too small for sam_small")
    annotation.prompts.points.add([30, 40])
    qtbot.waitUntil(lambda: answered_by(annotation) == "cell-tiny", timeout=20_000)
