"""Images of which no more is read than is needed, in a viewer without a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
import zarr
from napari.components import ViewerModel
from napari.layers import Image
from torch import Tensor

from napari_sam.model import Features
from napari_sam.predict import Predictor
from napari_sam.weights import LoadedModel
from napari_sam.widgets.annotating.annotation import Annotation
from napari_sam.widgets.background import look_ahead
from napari_sam.widgets.background.jobs import Jobs
from napari_sam.widgets.layers.planes import camera_of

from .conftest import earlier

SIDE, CHUNK = 50_000, 1000
Start = Callable[..., Annotation]


@pytest.fixture
def start(jobs: Jobs, qtbot: Any, discs: LoadedModel) -> Start:
    """Return a function that starts annotating an image and waits until it is ready."""

    def start(image: Any, model: LoadedModel = discs, **options: Any) -> Annotation:
        viewer = ViewerModel()
        layer = viewer.add_image(image, contrast_limits=(0, 255), **options)
        annotation = Annotation(viewer, layer, earlier(viewer, layer), lambda _: Predictor(model), jobs)
        settle(qtbot, jobs)
        return annotation

    return start


def settle(qtbot: Any, jobs: Jobs) -> None:
    qtbot.waitUntil(lambda: not jobs.busy, timeout=20_000)


def gradient(read: list[tuple[int, ...]], side: int) -> da.Array:
    """Return a plane that is made chunk by chunk, and notes which."""

    def block(block_info: Any = None) -> np.ndarray:
        (top, bottom), (left, right) = block_info[None]["array-location"]
        read.append(block_info[None]["chunk-location"])
        return (np.arange(top, bottom)[:, None] + np.arange(left, right)).astype(np.uint8)

    chunks = tuple(min(CHUNK, side - at) for at in range(0, side, CHUNK))
    return da.map_blocks(block, chunks=(chunks, chunks), dtype=np.uint8, meta=np.zeros((0, 0), np.uint8))


@pytest.fixture
def read() -> list[tuple[int, ...]]:
    return []


@pytest.fixture
def pyramid(read: list[tuple[int, ...]]) -> list[da.Array]:
    """Return seven levels of a plane of 50,000 pixels a side; only reads of the finest are noted."""
    return [gradient(read if factor == 1 else [], SIDE // factor) for factor in (1, 2, 4, 8, 16, 32, 64)]


def test_a_pyramid_then_is_read_where_the_view_is_and_where_one_clicks(
    start: Start, jobs: Jobs, qtbot: Any, pyramid: list[da.Array], read: list[tuple[int, ...]]
) -> None:
    annotation = start(pyramid, multiscale=True)
    assert annotation.session.ready
    near = {(row, col) for row in (24, 25) for col in (24, 25)}
    assert set(read) <= near
    read.clear()
    annotation.prompts.points.add([40_010, 9_990])
    settle(qtbot, jobs)
    assert 0 < len(read) <= 4
    assert set(read) <= {(row, col) for row in (39, 40) for col in (9, 10)}
    (proposal,) = annotation.session.proposals
    for item in proposal.candidates.items:
        middle = np.argwhere(item.mask).mean(axis=0) + item.origin
        np.testing.assert_allclose(middle, (40_010, 9_990), atol=2)
    part = annotation.part
    assert part is not None
    assert part.picture[tuple(np.array([40_010, 9_990]) - part.window.origin)].shape == (3,)
    read.clear()
    annotation.prompts.points.add([40_015, 9_990])
    settle(qtbot, jobs)
    assert read == []


def test_a_commit_in_a_pyramid_then_is_written_to_its_place_and_taken_back(
    start: Start, jobs: Jobs, qtbot: Any, pyramid: list[da.Array]
) -> None:
    annotation = start(pyramid, multiscale=True)
    annotation.prompts.points.add([40_010, 9_990])
    settle(qtbot, jobs)
    annotation.commit()
    labels = annotation.writer.labels
    assert labels.data[40_010, 9_990] == 1
    assert np.max(labels.data) == 1
    annotation.editing.undo()
    assert np.max(labels.data) == 0
    annotation.editing.redo()
    assert labels.data[40_010, 9_990] == 1


def test_a_zarr_stack_then_is_read_window_by_window_and_plane_by_plane(
    start: Start, jobs: Jobs, qtbot: Any
) -> None:
    stack = zarr.create_array({}, shape=(2, 3000, 3000), chunks=(1, 500, 500), dtype="uint8", fill_value=9)
    annotation = start(stack)
    assert annotation.part is not None
    assert annotation.part.window.shape == (1024, 1024)
    annotation.prompts.points.add([0, 2900, 100])
    settle(qtbot, jobs)
    annotation.commit()
    assert annotation.session.objects[0].plane == (0,)
    assert annotation.writer.labels.data[0, 2900, 100] == 1
    assert not annotation.writer.labels.data[1].any()


def test_the_view_when_it_comes_to_rest_elsewhere_then_is_opened_ahead_of_a_click(
    start: Start, jobs: Jobs, qtbot: Any, pyramid: list[da.Array], read: list[tuple[int, ...]]
) -> None:
    annotation = start(pyramid, multiscale=True)
    said: list[str] = []
    annotation.said.connect(said.append)
    camera_of(annotation._viewer).center = (0, 30_300, 5_400)
    qtbot.waitUntil(lambda: jobs.busy, timeout=20_000)
    settle(qtbot, jobs)
    assert annotation.part is not None
    assert annotation.part.window.holds(np.array([[30_300, 5_400]]))
    assert said == []
    read.clear()
    annotation.prompts.points.add([30_100, 5_200])
    settle(qtbot, jobs)
    assert annotation.session.proposals
    assert read == []


def test_neighbours_when_nobody_waits_then_are_opened_and_a_step_there_reads_nothing(
    start: Start,
    jobs: Jobs,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
    pyramid: list[da.Array],
    read: list[tuple[int, ...]],
) -> None:
    monkeypatch.setattr(look_ahead, "IDLE", 1)
    annotation = start(pyramid, multiscale=True)
    parts, part = annotation._parts, annotation.part
    assert part is not None
    wanted = {((), window) for window in (part.window, *part.window.neighbours)}
    qtbot.waitUntil(lambda: set(parts._held.keys) == wanted, timeout=20_000)
    monkeypatch.setattr(look_ahead, "IDLE", 100_000)  # what comes next is not looked at here
    read.clear()
    annotation.prompts.points.add(np.add(part.window.origin, (512, 1112)))
    settle(qtbot, jobs)
    assert len(annotation.session.proposals) == 1
    assert annotation.part is not part
    assert read == []
    annotation.close()


def test_the_planes_beside_when_nobody_waits_then_are_opened(
    start: Start, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_ahead, "IDLE", 1)
    annotation = start(np.random.default_rng(0).integers(0, 255, (4, 60, 80), np.uint8))
    parts = annotation._parts
    assert annotation.seeing.plane == (1,)
    qtbot.waitUntil(lambda: {plane for plane, _ in parts._held.keys} == {(0,), (1,), (2,)}, timeout=20_000)
    annotation._viewer.dims.set_current_step(0, 2)
    qtbot.waitUntil(lambda: len(parts._held) == 4, timeout=20_000)
    assert annotation.session.ready
    annotation.close()


def test_prompts_too_far_apart_then_are_refused_and_the_next_ones_answered(
    start: Start, jobs: Jobs, qtbot: Any, pyramid: list[da.Array]
) -> None:
    annotation = start(pyramid, multiscale=True)
    failed: list[str] = []
    annotation.failed.connect(failed.append)
    annotation.prompts.points.add(np.array([[40_010, 9_990], [100, 100]]))
    settle(qtbot, jobs)
    assert "mark a smaller object" in failed[0]
    assert annotation.session.proposals == ()
    annotation.clear()
    annotation.prompts.points.add([100, 100])
    settle(qtbot, jobs)
    assert len(annotation.session.proposals) == 1


def test_a_large_object_at_the_windows_border_then_is_opened_whole(
    start: Start, jobs: Jobs, qtbot: Any, discs: LoadedModel
) -> None:
    discs.sam.config = replace(discs.sam.config, scales=(0.25,))
    discs.sam.radii = (30.0, 40.0, 50.0, 60.0)  # the third one is suggested: 200 data pixels
    annotation = start(np.zeros((4000, 4000), np.uint8))
    first = annotation.part
    assert first is not None
    edge = np.add(first.window.origin, (512, 1024))
    annotation.prompts.points.add(edge - (0, 135))
    settle(qtbot, jobs)
    (proposal,) = annotation.session.proposals
    assert annotation.part is not None
    assert annotation.part.window != first.window
    chosen = proposal.chosen(None)
    assert chosen.bbox[3] > edge[1]
    middle = np.argwhere(chosen.mask).mean(axis=0) + chosen.origin
    np.testing.assert_allclose(middle, edge - (0, 135), atol=2)


def starved(discs: LoadedModel) -> LoadedModel:
    """Return discs on a device whose memory holds inputs of 600 pixels a side."""

    class Starved(type(discs.sam)):  # type: ignore[misc]
        def encode_image(self, image: Tensor) -> Features:
            if max(image.shape[-2:]) > 600:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
            return super().encode_image(image)

    return replace(discs, sam=Starved())


def test_short_memory_then_is_said_once_and_prompts_are_answered_everywhere(
    jobs: Jobs, qtbot: Any, discs: LoadedModel
) -> None:
    viewer = ViewerModel()
    layer: Image = viewer.add_image(np.zeros((1500, 1800), np.uint8))
    model = starved(discs)
    annotation = Annotation(viewer, layer, earlier(viewer, layer), lambda _: Predictor(model), jobs)
    said: list[str] = []
    annotation.said.connect(said.append)
    settle(qtbot, jobs)
    (sentence,) = said
    assert "The memory of cpu is too small, so 512 x 512 pixels are opened at a time. Ready" in sentence
    for place in ([20, 1700], [1400, 30]):
        annotation.prompts.points.add(place)
        settle(qtbot, jobs)
        annotation.commit()
        assert annotation.writer.labels.data[tuple(place)]
    assert len(said) == 3
