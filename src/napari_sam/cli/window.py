"""The demo's window: napari with the annotator on a sample, and a first prompt waiting for a choice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NapariSamError
from ..samples import Sample, layer_settings

if TYPE_CHECKING:
    import napari

    from ..widgets.annotator import AnnotatorWidget
    from ..widgets.forms.panel import Panel

PLUGIN, WIDGET = "napari-sam-microscopy", "Segment Anything"
SIZE = (1400, 900)
SETTLE = 1000
"""Milliseconds that the canvas is given to draw before a screenshot."""
PATIENCE = 600_000
"""Milliseconds until a screenshot is given up; a model may have to be downloaded first."""


def show(sample: Sample, model: str, device: str, screenshot: Path | None = None) -> None:
    """Open napari on a sample, start annotating, and place a first point.

    Parameters
    ----------
    sample : Sample
        The image and where to click.
    model, device : str
        As for `load_model`.
    screenshot : Path, optional
        Write a picture of the window here and close it; otherwise it stays open until the person closes it.

    Raises
    ------
    NapariSamError
        If there is no Qt, or, with `screenshot`, if annotating could not start.
    """
    import napari

    viewer = _open_viewer()
    viewer.window.resize(*SIZE)
    viewer.add_image(sample.image, **layer_settings(sample))
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    failures: list[str] = []
    steps = [lambda: _start(viewer, widget, model, device), lambda: _click(widget, sample)]
    if screenshot is not None:
        steps.append(lambda: _shoot_and_close(viewer, screenshot))
        _give_up(viewer, widget, failures)
    _run_one_by_one(widget, steps)
    napari.run()
    if failures:
        raise NapariSamError(failures[0])


def _open_viewer() -> napari.Viewer:
    try:
        import qtpy.QtWidgets  # noqa: F401 (napari's own message about a missing Qt is long)
    except ImportError as error:
        raise NapariSamError(
            'There is no Qt to open a window with; `pip install "napari-sam-microscopy[qt]"` brings one.'
        ) from error
    import napari

    return napari.Viewer(title="Segment Anything for microscopy")


def _give_up(viewer: napari.Viewer, widget: AnnotatorWidget, failures: list[str]) -> None:
    """Close the window when a job fails or nothing comes; nobody may be there to do it."""
    from qtpy.QtCore import QTimer

    def fail(sentence: str) -> None:
        failures.append(sentence)
        viewer.close()

    widget.jobs.failed.connect(fail)
    late = f"No candidates were shown within {PATIENCE / 60_000:g} minutes; try without --screenshot."
    timer = QTimer(widget)
    timer.setSingleShot(True)
    timer.timeout.connect(lambda: fail(late))
    timer.start(PATIENCE)


def _run_one_by_one(widget: AnnotatorWidget, steps: list[Callable[[], None]]) -> None:
    """Take the next step whenever the widget's jobs are done."""
    remaining = iter(steps)

    def advance() -> None:
        step = next(remaining, None)
        if step is None:
            widget.jobs.idle.disconnect(advance)
        else:
            step()

    widget.jobs.idle.connect(advance)


def _start(viewer: napari.Viewer, widget: AnnotatorWidget, model: str, device: str) -> None:
    viewer.reset_view()  # the dock has taken its place by now
    _choose(widget.panel, model, device)
    widget.start()


def _click(widget: AnnotatorWidget, sample: Sample) -> None:
    if widget.annotation is not None:
        widget.annotation.prompts.points.add(sample.open_point)


def _choose(panel: Panel, model: str, device: str) -> None:
    if panel.model.findData(model) < 0:
        panel.model.insertItem(0, Path(model).name, model)
    panel.model.setCurrentIndex(panel.model.findData(model))
    if panel.device.findText(device) < 0:
        panel.device.addItem(device)
    panel.device.setCurrentText(device)


def _shoot_and_close(viewer: napari.Viewer, path: Path) -> None:
    from PIL import Image
    from qtpy.QtCore import QTimer

    from ..files.writing import write_picture

    def shoot() -> None:
        seen = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False))
        write_picture(path, seen.convert("RGB"))
        viewer.close()

    QTimer.singleShot(SETTLE, shoot)
