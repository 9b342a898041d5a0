from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._source import layer_source
from qtpy.compat import isalive

from napari_sam import weights
from napari_sam.session import AnnotationSession, Key
from napari_sam.session.store import window_of
from napari_sam.weights import LoadedModel
from napari_sam.widgets.annotating.annotation import Annotation
from napari_sam.widgets.annotating.earlier import Earlier
from napari_sam.widgets.annotating.earlier_starts import free_name
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.background.jobs import Jobs
from napari_sam.widgets.layers.planes import plane_under_sliders

IMAGE = np.zeros((120, 160), np.uint8)


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no test know what another one chose or computed."""
    monkeypatch.setenv("NAPARI_SAM_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("NAPARI_SAM_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _layers_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the search of all memory with each layer that goes, which napari does for drivers on Windows."""
    monkeypatch.setattr("napari._vispy.canvas.gc", SimpleNamespace(collect=int), raising=False)


@pytest.fixture
def on_screen(request: pytest.FixtureRequest) -> bool:
    """Say whether the window is shown: to lay out and draw what a test does not look at is half its time."""
    return request.node.get_closest_marker("shown") is not None


@pytest.fixture
def make_annotator(
    make_napari_viewer: Any, qtbot: Any, discs: LoadedModel, monkeypatch: pytest.MonkeyPatch, on_screen: bool
) -> Iterator[Callable[..., AnnotatorWidget]]:
    """Return a function that opens a viewer on an image, with the dock, started and ready.

    Every model name loads the network with a known answer.
    """
    monkeypatch.setattr(weights, "load_model", lambda *_, **__: discs)
    opened: list[AnnotatorWidget] = []

    def make(image: Any = IMAGE, *, start: bool = True, **options: Any) -> AnnotatorWidget:
        viewer = make_napari_viewer(show=on_screen)
        viewer.add_image(image, name="cells", **options)
        widget = AnnotatorWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Segment Anything")
        opened.append(widget)
        settle(qtbot, widget)
        if start:
            widget.start()
            settle(qtbot, widget)
        return widget

    yield make
    for widget in filter(isalive, opened):
        widget.stop()
        widget.jobs.close()


@pytest.fixture
def jobs(qapp: Any) -> Iterator[Jobs]:  # noqa: ARG001 (Qt has to be there)
    """Return what runs work outside of the window's thread."""
    jobs = Jobs()
    yield jobs
    jobs.close()


def opened_by_napari(path: Path) -> Image:
    """Return the layer that napari's own reader makes of a TIFF, where no viewer has found its readers."""
    with layer_source(path=str(path), reader_plugin="napari"):
        return Image(tifffile.imread(path))


def earlier(viewer: ViewerModel, image: Image, labels: Labels | None = None) -> Earlier:
    """Return what there is of an image's labels, as Start looks it up."""
    name = free_name(f"{image.name} cells", viewer.layers) if labels is None else labels.name
    return Earlier.of(image, labels, name, plane_under_sliders(image, viewer.dims))


def begin(qtbot: Any, widget: AnnotatorWidget) -> Annotation:
    """Press Start, and return what is begun at once, before its layers are shown and the image is read."""
    widget.start()
    qtbot.waitUntil(lambda: widget.annotation is not None, timeout=20_000)
    assert widget.annotation is not None
    return widget.annotation


def settle(qtbot: Any, widget: AnnotatorWidget) -> None:
    """Wait until the widget's jobs are done, and layers that go are gone."""
    qtbot.waitUntil(lambda: not (widget.jobs.busy or widget.leaving.busy), timeout=20_000)


def areas_shown(session: AnnotationSession) -> dict[Key, int]:
    """Return of how many pixels each object is that no others hide."""
    store = session.store
    return {each.key: int((store.render(each.plane, window_of(each)) == each.id).sum()) for each in store}


def prompt(widget: AnnotatorWidget, qtbot: Any, *place: float) -> None:
    """Click at a place and wait for the candidates."""
    annotation = widget.annotation
    assert annotation is not None
    annotation.prompts.points.add(list(place))
    qtbot.waitUntil(lambda: bool(annotation.session.proposals), timeout=20_000)


def commit(widget: AnnotatorWidget, qtbot: Any, *place: float) -> None:
    """Click at a place and commit what is suggested."""
    prompt(widget, qtbot, *place)
    assert widget.annotation is not None
    widget.annotation.commit()
