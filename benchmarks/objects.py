"""Time commits among many objects, from the choice to the painted label, and what is done in their table.

Run ``python benchmarks/objects.py --json objects.json`` on a screen, or under
``xvfb-run -a -s "-screen 0 1600x1200x24"``. The candidates come from the bundled model; the other objects are
small squares, evenly over the image.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication

from napari_sam.samples import Sample, layer_settings, load_sample
from napari_sam.session import Object
from napari_sam.widgets.annotator import AnnotatorWidget

PATIENCE = 300.0
"""Seconds until something must have gone wrong."""


def main() -> None:
    """Time everything, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 2048, 8192], metavar="PIXELS")
    parser.add_argument("--present", type=int, nargs="+", default=[10, 5000], metavar="OBJECTS")
    parser.add_argument("--commits", type=int, default=10)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    os.environ["NAPARI_SAM_CONFIG"] = tempfile.mkdtemp()  # not what the person who runs this prefers
    report: list[dict[str, Any]] = []
    for side in arguments.sides:
        for present in arguments.present:
            found = measured(side, present, arguments.commits)
            print(json.dumps(found))
            report.append(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measured(side: int, present: int, commits: int) -> dict[str, Any]:
    """Return the figures of one image with so many objects."""
    viewer, widget, sample = open_annotator(side)
    annotation = widget.annotation
    if annotation is None or not annotation.session.ready:
        raise SystemExit(widget.panel.status.text())
    annotation.session.adopt(squares(side, present))
    wait_until(lambda: False, 1)
    rows, cols = (np.array(sample.image.shape) * max(side // sample.image.shape[0] // 2, 0)).tolist()
    points = [(row + rows, col + cols) for row, col in sample.points]
    taken = [time_commit(widget, points[number % len(points)]) for number in range(commits + 2)][2:]
    called, drawn, cpu = zip(*taken, strict=True)
    table = {name: timed(act) for name, act in acts(widget).items()}
    viewer.close()
    return {
        "side": side,
        "present": present,
        "commit_ms": middle(called),
        "slowest_commit_ms": round(max(called), 1),
        "drawn_ms": middle(drawn),
        "cpu_ms": middle(cpu),
        "gui_thread_ms": table,
    }


def open_annotator(side: int) -> tuple[napari.Viewer, AnnotatorWidget, Sample]:
    """Start annotating copies of a sample side by side, with the page of objects open."""
    sample = load_sample("fluorescence")
    copies = [-(-side // length) for length in sample.image.shape]
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    viewer.add_image(np.tile(sample.image, copies)[:side, :side], **layer_settings(sample))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam-microscopy", "Segment Anything")
    wait_until(lambda: not widget.jobs.busy)
    viewer.reset_view()
    widget.start()
    wait_until(lambda: not widget.jobs.busy)
    widget.pages.setCurrentWidget(widget.object_panel)
    return viewer, widget, sample


def squares(side: int, count: int) -> list[Object]:
    """Return small squares, evenly over the image."""
    across = int(np.ceil(np.sqrt(count)))
    pitch = side / across
    size = int(np.clip(0.7 * pitch, 2, 30))
    corners = [(int(pitch * (i // across)), int(pitch * (i % across))) for i in range(count)]
    return [Object(i, (), corner, np.ones((size, size), bool)) for i, corner in enumerate(corners, 1)]


def time_commit(widget: AnnotatorWidget, point: tuple[float, float]) -> tuple[float, float, float]:
    """Return milliseconds: how long a commit keeps the window, until its frame is drawn, and of CPU."""
    annotation = widget.annotation
    assert annotation is not None  # noqa: S101 (measured has seen to it)
    annotation.prompts.points.add(point)
    wait_until(lambda: bool(annotation.session.proposals) and not widget.jobs.busy)
    wait_until(lambda: False, 0.5)
    frames: list[float] = []
    canvas = widget.window().findChild(QOpenGLWidget)
    noted = canvas.frameSwapped.connect(lambda: frames.append(time.perf_counter()))
    began, computed = time.perf_counter(), time.process_time()
    annotation.commit()
    done, spent = time.perf_counter(), time.process_time()
    wait_until(lambda: bool(frames) and frames[-1] > done)
    canvas.frameSwapped.disconnect(noted)
    return 1000 * (done - began), 1000 * (frames[-1] - began), 1000 * (spent - computed)


def acts(widget: AnnotatorWidget) -> dict[str, Callable[[], object]]:
    """Return what is done in the table, in order."""
    annotation, panel = widget.annotation, widget.object_panel
    assert annotation is not None  # noqa: S101 (measured has seen to it)
    editing, selection = annotation.editing, annotation.editing.selection
    keys = [each.key for each in annotation.session.objects]
    area = 2
    return {
        "sort by area": lambda: panel.table.sortByColumn(area, Qt.SortOrder.DescendingOrder),
        "select a row": lambda: panel.table.selectRow(len(keys) // 2),
        "class of one": lambda: editing.edit("describe", selection.keys, category="nucleus"),
        "delete one": lambda: editing.edit("delete", keys[:1]),
        "undo it": editing.undo,
        "select all": panel.table.selectAll,
        "class of all": lambda: editing.edit("describe", keys, category="cell"),
        "colours on": lambda: panel.colours.setChecked(True),
        "class of one, colours on": lambda: editing.edit("describe", keys[:1], category="nucleus"),
        "colours off": lambda: panel.colours.setChecked(False),
        "select none": lambda: selection.set(()),
        "others on top": lambda: panel.overlaps.setCurrentIndex(1 - panel.overlaps.currentIndex()),
    }


def timed(act: Callable[[], object]) -> float:
    """Return the milliseconds of the GUI thread that something takes, without drawing."""
    wait_until(lambda: False, 0.3)
    began = time.thread_time()
    act()
    return round(1000 * (time.thread_time() - began), 1)


def middle(values: tuple[float, ...]) -> float:
    """Return the median, to a tenth."""
    return round(statistics.median(values), 1)


def wait_until(satisfied: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Run the window until something is so, or time is over."""
    deadline = time.perf_counter() + seconds
    while not satisfied() and time.perf_counter() < deadline:
        QApplication.processEvents()
        time.sleep(0.0005)


if __name__ == "__main__":
    main()
