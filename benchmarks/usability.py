"""Annotate 30 cells as a person would, in the real dock, and say what it took.

Run ``python benchmarks/usability.py IMAGE LABELS`` on a screen, or under
``xvfb-run -a -s "-screen 0 1600x1200x24"``; without files it takes an image of the test data. For each
cell: a point at its middle, the best of the candidates, one corrective point if that is under an IoU of
0.8, and a commit. A person's time to look and decide is not in the seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_sam.files.images import read_image
from napari_sam.training.measuring.evaluate import candidate_ious, correction, deepest_point
from napari_sam.widgets.annotator import AnnotatorWidget

DATA = Path(__file__).parent.parent / "tests" / "data" / "dsb2018"
NAME = "4327d2759187"
ENOUGH = 0.8
"""IoU from which a person leaves a mask as it is."""
PATIENCE = 120.0
"""Seconds until something must have gone wrong."""


@dataclass(frozen=True)
class Cell:
    """What one cell took: seconds of the machine, clicks and keys, and the IoU of its label."""

    seconds: float
    actions: int
    iou: float


class Pauses:
    """The longest time in which the window's thread did not answer, in milliseconds."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(1)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, 1000 * (now - self._last))
        self._last = now

    def end(self) -> float:
        """Stop watching and return it."""
        self._timer.stop()
        return self.longest


def main() -> None:
    """Annotate, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, nargs="?", default=DATA / "images" / f"{NAME}.png")
    parser.add_argument("labels", type=Path, nargs="?", default=DATA / "labels" / f"{NAME}.tif")
    parser.add_argument("--cells", type=int, default=30)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    os.environ["NAPARI_SAM_CONFIG"] = tempfile.mkdtemp()  # not what the person who runs this prefers
    os.environ["NAPARI_SAM_CACHE"] = tempfile.mkdtemp()  # nothing is embedded yet
    image, truth = read_image(arguments.image), read_image(arguments.labels).astype(np.int32)
    viewer, widget = opened(image)
    began, pauses = time.perf_counter(), Pauses()
    widget.start()
    wait_until(lambda: widget.annotation is not None and widget.annotation.session.ready)
    if widget.annotation is None:
        raise SystemExit(widget.panel.status.text())
    opening, pause = time.perf_counter() - began, pauses.end()
    labels = [int(label) for label in np.unique(truth[truth > 0])][: arguments.cells]
    cells = [annotated(widget, truth == label) for label in labels]
    viewer.close()
    report = {
        "cells": len(cells),
        "seconds_a_cell": round(statistics.mean(cell.seconds for cell in cells), 3),
        "actions_a_cell": round(statistics.mean(cell.actions for cell in cells), 2),
        "mean_iou": round(statistics.mean(cell.iou for cell in cells), 3),
        "opening_s": round(opening, 2),
        "longest_pause_while_opening_ms": round(pause),
    }
    print(json.dumps(report, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def opened(image: NDArray[Any]) -> tuple[napari.Viewer, AnnotatorWidget]:
    """Show the image and the dock, with everything imported that Start needs."""
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    viewer.add_image(image, rgb=image.ndim == 3)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam-microscopy", "Segment Anything")
    wait_until(lambda: not widget.jobs.busy)
    return viewer, widget


def annotated(widget: AnnotatorWidget, truth: NDArray[np.bool_]) -> Cell:
    """Annotate one cell."""
    annotation = widget.annotation
    assert annotation is not None  # noqa: S101 (main has seen to it)
    began, actions = time.perf_counter(), 1
    index, iou = asked(widget, deepest_point(truth), 1, truth)
    if iou < ENOUGH:
        candidates = annotation.session.proposals[0].candidates
        annotation.chooser.mark(index)
        shown = candidates.items[index]
        missed = correction(type(candidates)(candidates.shape, (shown,), 0, "", ""), truth)
        index, iou = asked(widget, *missed, truth)
        actions += 2
    annotation.chooser.mark(index)
    annotation.commit()
    return Cell(time.perf_counter() - began, actions + 1, iou)


def asked(
    widget: AnnotatorWidget, point: tuple[float, float], positive: int, truth: NDArray[np.bool_]
) -> tuple[int, float]:
    """Add a point; return which of the candidates shown is best, and its IoU."""
    annotation = widget.annotation
    assert annotation is not None  # noqa: S101 (main has seen to it)
    annotation.prompts.positive = bool(positive)
    before = annotation.session.proposals
    annotation.prompts.points.add(point)
    annotation.prompts.positive = True
    wait_until(lambda: not widget.jobs.busy and annotation.session.proposals is not before)
    offer = annotation.chooser.offer
    if offer is None:
        raise SystemExit(widget.panel.status.text())
    ious = candidate_ious(offer.candidates, truth)
    best = max(offer.shown, key=lambda index: ious[index])
    return best, ious[best]


def wait_until(satisfied: Callable[[], bool]) -> None:
    """Run the window until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not satisfied():
        QApplication.processEvents()
        if time.monotonic() > deadline:
            raise SystemExit(f"Not done after {PATIENCE:g} s.")


if __name__ == "__main__":
    main()
