"""The longest times in which the window stands still: dock, Start, click, commit, Stop, and during embedding.

Planes of 2,048 x 2,048 pixels are embedded: the first one, its neighbours, and one that a slider went to.

Run ``python benchmarks/pauses.py`` on a screen, or under ``xvfb-run -a -s "-screen 0 1600x1200x24"``. A timer
of the window beats every millisecond; between two beats that are far apart, the window stood still. On a
busy machine that takes longer than on an idle one, so what this process, and the window's thread alone,
computed in between is given too. Where a worker keeps Python to itself, the process computes and the window
does not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_sam.samples import layer_settings, load_sample

PATIENCE = 300.0
"""Seconds until something must have gone wrong."""
SIDE = 2048
"""Of the planes that are embedded, in pixels."""
READING = "Reading the image"
"""The title of the job that embeds."""


class Heartbeat:
    """The longest times between two beats, in ms: on the clock, of this process and of this thread."""

    def __init__(self) -> None:
        self.longest = (0.0, 0.0, 0.0)
        self._last = now()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(1)

    def _beat(self) -> None:
        last, self._last = self._last, now()
        pauses = (1000 * (after - before) for after, before in zip(self._last, last, strict=True))
        self.longest = tuple(map(max, zip(self.longest, pauses, strict=True)))

    def end(self) -> dict[str, int]:
        """Stop watching, and return all three."""
        self._timer.stop()
        return dict(zip(("clock_ms", "process_ms", "window_ms"), map(round, self.longest), strict=True))


def now() -> tuple[float, float, float]:
    """Return seconds on the clock, and those that this process and this thread have computed."""
    return time.perf_counter(), time.process_time(), time.thread_time()


def main() -> None:
    """Open, start and click, and print and write the longest pauses."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    os.environ["NAPARI_SAM_CONFIG"] = tempfile.mkdtemp()  # not what the person who runs this prefers
    os.environ["NAPARI_SAM_CACHE"] = tempfile.mkdtemp()  # nothing is embedded yet
    report = {**using(), **embedding()}
    print(json.dumps(report, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def using() -> dict[str, dict[str, int]]:
    """Return the pauses of a person's first steps on a small image."""
    sample = load_sample("fluorescence")
    viewer = opened_viewer()
    viewer.add_image(sample.image, **layer_settings(sample))
    wait_until(lambda: False, 1.0)
    docks: list[Any] = []
    report = {
        "dock": watched(lambda: docks.append(dock(viewer)), lambda: bool(docks) and not docks[0].jobs.busy)
    }
    (widget,) = docks
    report["Start"] = watched(widget.start, lambda: ready(widget))
    report["first click"] = watched(
        lambda: widget.annotation.prompts.points.add(sample.open_point),
        lambda: bool(widget.annotation.session.proposals),
    )
    report["commit"] = watched(widget.annotation.commit, lambda: bool(widget.annotation.session.objects))
    report["Stop"] = watched(widget.stop, lambda: widget.annotation is None)
    viewer.close()
    return report


def embedding() -> dict[str, dict[str, int]]:
    """Return the pauses while planes of a stack are embedded, and at the slider that asks for it."""
    image = load_sample("fluorescence").image
    plane = np.tile(image, [-(-SIDE // side) for side in image.shape])[:SIDE, :SIDE]
    viewer = opened_viewer()
    viewer.add_image(np.stack([plane, np.rot90(plane), plane.T, plane[::-1]]), name="stack")
    labels = viewer.add_labels(np.zeros((4, SIDE, SIDE), np.int32))
    wait_until(lambda: False, 1.0)
    report = {"napari alone: a slider moves": slide(viewer, 0)}
    viewer.layers.remove(labels)
    slide(viewer, 1)
    widget = dock(viewer)
    wait_until(lambda: not widget.jobs.busy)
    begun: list[str] = []
    widget.jobs.started.connect(begun.append)
    widget.start()
    wait_until(lambda: READING in begun)  # when the last layer that Start brings is painted
    report["the first plane is embedded"] = watched(nothing, lambda: ready(widget))
    held = widget.annotation._parts._held
    report["its neighbours are embedded"] = watched(nothing, lambda: len(held) == 3)
    held.clear()
    shutil.rmtree(os.environ["NAPARI_SAM_CACHE"])
    report["a slider moves"] = slide(viewer, 3)
    report["the plane that it went to is embedded"] = watched(nothing, lambda: ready(widget))
    viewer.close()
    return report


def opened_viewer() -> napari.Viewer:
    """Return a window of a usual size."""
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    return viewer


def dock(viewer: napari.Viewer) -> Any:
    """Open the dock, as napari's menu does."""
    return viewer.window.add_plugin_dock_widget("napari-sam-microscopy", "Segment Anything")[1]


def slide(viewer: napari.Viewer, step: int) -> dict[str, int]:
    """Move the slider, and return the longest pause until all is drawn."""
    return watched(lambda: viewer.dims.set_current_step(0, step), lambda: True)


def nothing() -> None:
    """Do nothing, where only what goes on already is watched."""


def ready(widget: Any) -> bool:
    """Say whether the image can be annotated."""
    if widget.annotation is None and not widget.jobs.busy:
        raise SystemExit(widget.panel.status.text())
    return widget.annotation is not None and bool(widget.annotation.session.ready)


def watched(act: Callable[[], object], done: Callable[[], bool]) -> dict[str, int]:
    """Return the longest pauses from an action of the person, which the window runs, until it is done."""
    acted: list[object] = []
    heart = Heartbeat()
    QTimer.singleShot(50, lambda: acted.append(act()))
    wait_until(lambda: bool(acted) and done())
    wait_until(lambda: False, 0.5)
    return heart.end()


def wait_until(satisfied: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Run the window until something is so, or time is over."""
    deadline = time.monotonic() + seconds
    while not satisfied() and time.monotonic() < deadline:
        QApplication.processEvents()
        time.sleep(0.0005)


if __name__ == "__main__":
    main()
