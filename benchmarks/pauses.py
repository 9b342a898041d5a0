"""The longest times in which the window stands still: while the dock opens, at Start, a click and a commit.

Run ``python benchmarks/pauses.py`` on a screen, or under ``xvfb-run -a -s "-screen 0 1600x1200x24"``. A timer
of the window beats every millisecond; between two beats that are far apart, the window stood still. On a
busy machine that takes longer than on an idle one, so what this process computed in between is given too.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_sam.samples import layer_settings, load_sample

PATIENCE = 300.0
"""Seconds until something must have gone wrong."""


class Heartbeat:
    """The longest time between two beats, in milliseconds on the clock and of this process's CPU."""

    def __init__(self) -> None:
        self.clock = self.cpu = 0.0
        self._last = time.perf_counter(), time.process_time()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(1)

    def _beat(self) -> None:
        now = time.perf_counter(), time.process_time()
        self.clock = max(self.clock, 1000 * (now[0] - self._last[0]))
        self.cpu = max(self.cpu, 1000 * (now[1] - self._last[1]))
        self._last = now

    def end(self) -> dict[str, int]:
        """Stop watching, and return both."""
        self._timer.stop()
        return {"clock_ms": round(self.clock), "cpu_ms": round(self.cpu)}


def main() -> None:
    """Open, start and click, and print and write the longest pauses."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    os.environ["NAPARI_SAM_CONFIG"] = tempfile.mkdtemp()  # not what the person who runs this prefers
    os.environ["NAPARI_SAM_CACHE"] = tempfile.mkdtemp()  # nothing is embedded yet
    sample = load_sample("fluorescence")
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    viewer.add_image(sample.image, **layer_settings(sample))
    wait_until(lambda: False, 1.0)
    docks: list[Any] = []

    def open_dock() -> None:
        docks.append(viewer.window.add_plugin_dock_widget("napari-sam-microscopy", "Segment Anything")[1])

    report = {
        "dock": watched(open_dock, lambda: bool(docks) and not docks[0].jobs.busy),
        "Start": watched(docks[0].start, lambda: ready(docks[0])),
        "first click": watched(
            lambda: docks[0].annotation.prompts.points.add(sample.open_point),
            lambda: bool(docks[0].annotation.session.proposals),
        ),
        "commit": watched(docks[0].annotation.commit, lambda: bool(docks[0].annotation.session.objects)),
    }
    viewer.close()
    print(json.dumps(report, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


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
