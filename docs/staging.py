"""A napari window with the dock in it, driven and photographed; for make_pictures.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QApplication, QWidget

from napari_sam.widgets.annotating.annotation import Annotation
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.background.jobs import Jobs
from napari_sam.widgets.layers.planes import camera_of

PLUGIN, DOCK = "napari-sam-microscopy", "Segment Anything"
PATIENCE = 900.0
"""Seconds until something must have gone wrong."""
REST = 1.0
"""Seconds that the window is given to draw."""

Point = tuple[float, ...]


class Stage:
    """A window with the dock, to be worked in as a person would and photographed.

    Parameters
    ----------
    size : (width, height)
        Of the window, in pixels.
    model : str
        A known model, or a file of weights.
    """

    def __init__(self, size: tuple[int, int], model: str) -> None:
        self._model = model
        self.viewer = napari.Viewer(title="Segment Anything for microscopy")
        self.viewer.window.resize(*size)

    def open_dock(self) -> None:
        """Open the plugin, as its menu does."""
        _, self.widget = self.viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
        assert isinstance(self.widget, AnnotatorWidget)  # noqa: S101 (it is what the manifest names)
        self.wait()
        self.viewer.reset_view()

    @property
    def annotation(self) -> Annotation:
        """What is being annotated."""
        annotation = self.widget.annotation
        if annotation is None or not annotation.session.ready:
            raise SystemExit(self.widget.panel.status.text())
        return annotation

    def start(self) -> None:
        """Choose the model and press Start."""
        combo = self.widget.panel.model
        if combo.findData(self._model) < 0:
            combo.insertItem(0, Path(self._model).name, self._model)
        combo.setCurrentIndex(combo.findData(self._model))
        self.widget.start()
        self.wait()

    def click(self, point: Point, *, outside: bool = False) -> None:
        """Put a point on the image."""
        prompts = self.annotation.prompts
        prompts.use_points()
        prompts.positive = not outside
        prompts.points.add(point)
        prompts.positive = True
        self.wait()

    def draw_boxes(self, boxes: Sequence[Sequence[float]]) -> None:
        """Draw a box around each of some cells."""
        self.annotation.prompts.use_boxes()
        self.annotation.prompts.boxes.add_rectangles([[box[:2], box[2:]] for box in boxes])
        self.wait()

    def commit(self, number: int | None = None) -> None:
        """Press Enter, or a candidate's number."""
        self.annotation.commit(None if number is None else number - 1)
        self.wait()

    def search(self, scope: str = "plane") -> None:
        """Press one of the buttons of Segment all."""
        self.widget.panel.segment_all.search_asked.emit(scope)
        self.wait()

    def wait(self) -> None:
        """Wait until no job of the dock is going on."""
        sections = (self.widget.reviewing, self.widget.stack)
        for jobs in (self.widget.jobs, *(each.jobs for each in sections if each is not None)):
            self.wait_for(jobs)

    def wait_for(self, jobs: Jobs) -> None:
        """Wait until some jobs are done."""
        run_until(lambda: not jobs.busy, PATIENCE)
        if jobs.busy:
            raise SystemExit(f"Still busy after {PATIENCE:g} s.")

    def look_at(self, centre: Point, zoom: float) -> None:
        """Zoom in on a place, by a factor over the whole image."""
        self.viewer.reset_view()
        camera = camera_of(self.viewer)
        camera.center = centre
        camera.zoom *= zoom

    def scroll_to(self, part: QWidget) -> None:
        """Bring a part of the dock's first page into view, at its top."""
        rest()
        area: Any = self.widget.pages.widget(0)
        area.verticalScrollBar().setValue(part.mapTo(area.widget(), QPoint(0, 0)).y())

    def shoot(self, path: Path, *, whole: bool = False) -> None:
        """Write a picture of the image and the dock, or of the whole window, as a small PNG file."""
        from PIL import Image

        rest()
        picture = Image.fromarray(self.viewer.screenshot(canvas_only=False, flash=False)).convert("RGB")
        if not whole:
            window = self.viewer.window._qt_window
            left = window.centralWidget().mapTo(window, QPoint(0, 0))
            picture = picture.crop((left.x(), left.y(), picture.width, picture.height))
        picture.quantize(256, kmeans=3, dither=Image.Dither.NONE).save(path, optimize=True)
        print(path.name, picture.size, f"{path.stat().st_size / 1000:.0f} kB")

    def close(self) -> None:
        """Close the window."""
        self.viewer.close()


def rest() -> None:
    """Let the window draw."""
    run_until(lambda: False, REST)


def run_until(satisfied: Callable[[], bool], seconds: float) -> None:
    """Run the window until something is so, or time is over."""
    deadline = time.monotonic() + seconds
    while not satisfied() and time.monotonic() < deadline:
        QApplication.processEvents()
        time.sleep(0.01)
