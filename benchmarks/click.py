"""Time a click in the annotator on a 2048 x 2048 image, from the mouse button to the drawn candidates.

Run ``python benchmarks/click.py --json click.json`` on a screen, or under
``xvfb-run -a -s "-screen 0 1600x1200x24"``. Each click is a real mouse event on napari's canvas at a cell;
the clock stops when the canvas has shown a frame that was drawn after the candidates arrived. Before it
the pointer rests on the cell for `--rest` milliseconds, as a person's does; the answer may begin then.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import napari
import numpy as np
import torch
from qtpy.QtCore import QPoint, Qt
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_sam.samples import Sample, layer_settings, load_sample
from napari_sam.widgets.annotator import AnnotatorWidget

SIDE = 2048
PATIENCE = 120.0
"""Seconds until something must have gone wrong."""


@dataclass(frozen=True)
class Click:
    """Milliseconds from the mouse button to the candidates, and to the frame that shows them.

    `cpu` counts what all threads of this process computed until then: on a busy machine it is what
    the click would have taken on one core of its own; `window` counts the window's thread alone.
    """

    answered: float
    drawn: float
    cpu: float
    window: float


def main() -> None:
    """Time clicks, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="cell-tiny", help="a known model, or a file of weights")
    parser.add_argument("--clicks", type=int, default=30)
    parser.add_argument("--rest", type=int, default=200, help="of the pointer before a click, milliseconds")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    os.environ["NAPARI_SAM_CONFIG"] = tempfile.mkdtemp()  # not what the person who runs this prefers
    viewer, widget, sample = open_annotator(arguments.model)
    embedded = wait_until(lambda: not widget.jobs.busy)
    if widget.annotation is None or not widget.annotation.session.ready:
        raise SystemExit(widget.panel.status.text())
    clicks = [
        time_click(viewer, widget, place, arguments.rest) for place in places(sample, arguments.clicks + 2)
    ][2:]
    viewer.close()
    report = summary(clicks) | {
        "model": arguments.model,
        "image": [SIDE, SIDE],
        "rest_ms": arguments.rest,
        "open_s": round(embedded, 2),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
    }
    print(json.dumps(report, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def open_annotator(model: str) -> tuple[napari.Viewer, AnnotatorWidget, Sample]:
    """Start annotating many copies of a sample side by side."""
    sample = load_sample("fluorescence")
    copies = [-(-SIDE // length) for length in sample.image.shape]
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    viewer.add_image(np.tile(sample.image, copies)[:SIDE, :SIDE], **layer_settings(sample))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam-microscopy", "Segment Anything")
    wait_until(lambda: not widget.jobs.busy)
    if widget.panel.model.findData(model) < 0:
        widget.panel.model.insertItem(0, Path(model).name, model)
    widget.panel.model.setCurrentIndex(widget.panel.model.findData(model))
    viewer.reset_view()
    widget.start()
    return viewer, widget, sample


def places(sample: Sample, count: int) -> list[np.ndarray[Any, Any]]:
    """Return positions on cells, in copies of the sample away from the image's edges."""
    rows, cols = sample.image.shape
    found = [
        np.add(point, (down * rows, along * cols))
        for down in range(1, SIDE // rows)
        for along in range(1, SIDE // cols)
        for point in sample.points
    ]
    chosen: list[np.ndarray[Any, Any]] = found[:: max(1, len(found) // count)][:count]
    return chosen


def time_click(
    viewer: napari.Viewer, widget: AnnotatorWidget, place: np.ndarray[Any, Any], rest: int
) -> Click:
    """Rest on a place for some milliseconds, click, wait for the candidates' frame, and drop the prompt."""
    annotation = widget.annotation
    assert annotation is not None  # noqa: S101 (main has seen to it)
    canvas = widget.window().findChild(QOpenGLWidget)
    answered: list[float] = []
    frames: list[tuple[float, float, float]] = []
    heard = annotation.session.proposed.connect(lambda _: answered.append(time.perf_counter()))
    noted = canvas.frameSwapped.connect(lambda: frames.append(now()))
    camera = getattr(viewer, "scene", viewer).camera  # since napari 0.9 it is the scene's
    offset = (place - np.asarray(camera.center[-2:])) * camera.zoom
    pixel = QPoint(round(canvas.width() / 2 + offset[1]), round(canvas.height() / 2 + offset[0]))
    QTest.mouseMove(canvas, pixel)
    wait_until(lambda: False, rest / 1000)
    began = now()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, pixel)
    wait_until(lambda: bool(answered) and bool(frames) and frames[-1][0] > answered[0])
    drawn = next(frame for frame in frames if frame[0] > answered[0])
    annotation.session.proposed.disconnect(heard)
    canvas.frameSwapped.disconnect(noted)
    annotation.clear()
    wait_until(lambda: False, 0.3)
    spent = (1000 * (after - before) for after, before in zip(drawn, began, strict=True))
    return Click(1000 * (answered[0] - began[0]), *spent)


def now() -> tuple[float, float, float]:
    """Return seconds on the clock, and those that this process and this thread have computed."""
    return time.perf_counter(), time.process_time(), time.thread_time()


def summary(clicks: list[Click]) -> dict[str, Any]:
    """Return the median and the slowest, in milliseconds."""
    report: dict[str, Any] = {"clicks": len(clicks)}
    for name in ("answered", "drawn", "cpu", "window"):
        values = [getattr(click, name) for click in clicks]
        report[f"{name}_ms"] = {
            "median": round(statistics.median(values), 1),
            "slowest": round(max(values), 1),
        }
    return report


def wait_until(satisfied: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """Run the window until something is so, or time is over; return the seconds it took."""
    began = time.perf_counter()
    while not satisfied() and time.perf_counter() - began < seconds:
        QApplication.processEvents()
        time.sleep(0.0005)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
