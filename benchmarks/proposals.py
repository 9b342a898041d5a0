"""What an answer to one of many proposals takes of the window's thread. Needs a screen, or Xvfb."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import napari
import numpy as np
from napari.components import Camera
from objects import middle, open_annotator, wait_until
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from skimage.draw import ellipse

from napari_sam.session import Edit, Object
from napari_sam.widgets.layers.planes import camera_of
from napari_sam.widgets.proposals.reviewing import Reviewing

TIMES = 8


def main() -> None:
    """Time everything, and print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048, metavar="PIXELS")
    parser.add_argument("--proposals", type=int, nargs="+", default=[10, 1000, 2000])
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    os.environ["NAPARI_SAM_CONFIG"] = tempfile.mkdtemp()  # not what the person who runs this prefers
    report = [measured(arguments.side, count) for count in arguments.proposals]
    for found in report:
        print(json.dumps(found))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measured(side: int, count: int) -> dict[str, object]:
    """Return the median milliseconds of CPU of each kind of answer, and with its drawing, among so many."""
    viewer, widget, _ = open_annotator(side)
    reviewing, annotation = widget.reviewing, widget.annotation
    assert reviewing is not None  # noqa: S101 (the annotator has started)
    assert annotation is not None  # noqa: S101
    widget.pages.setCurrentIndex(0)
    reviewing.review.put(Edit("found", (), tuple(ellipses(side, count))))
    wait_until(lambda: False, 1)
    acts = {
        "look at the next": lambda: reviewing.step(1),
        "accept": reviewing.accept,
        "take it back": annotation.editing.undo,
        "reject": reviewing.reject,
        "take that back": annotation.editing.undo,
        "other ones are sure": lambda: score.setValue(next(scores)),
        "rest at another zoom": lambda: zoom(reviewing, camera, next(zooms)),
        "accept the sure ones": reviewing.accept_above,
        "take them back": annotation.editing.undo,
        "accept all": reviewing.accept_all,
        "take all back": annotation.editing.undo,
    }
    score, scores = reviewing.panel.score, cycle((0.5, 0.7))
    camera = camera_of(viewer)
    zooms = cycle((1.1 * camera.zoom, camera.zoom))
    taken = {name: [] for name in acts}
    for _ in range(TIMES):
        for name, act in acts.items():
            taken[name].append(timed_and_drawn(viewer, act))
    viewer.close()
    found = {name: list(map(middle, zip(*times, strict=True))) for name, times in taken.items()}
    return {"side": side, "proposals": count, "gui_thread_ms, then with drawing": found}


def zoom(reviewing: Reviewing, camera: Camera, to: float) -> None:
    """Look closer or from further away, and draw outlines in that scale as after a rest."""
    camera.zoom = to
    reviewing._draw()


def timed_and_drawn(viewer: napari.Viewer, act: Callable[[], object]) -> tuple[float, float]:
    """Return milliseconds that the window's thread computes: for something, and until it is drawn, too."""
    wait_until(lambda: False, 0.3)
    frames: list[float] = []
    canvas = viewer.window._qt_window.findChild(QOpenGLWidget)
    noted = canvas.frameSwapped.connect(lambda: frames.append(time.thread_time()))
    began = time.thread_time()
    act()
    done = time.thread_time()
    wait_until(lambda: bool(frames) and frames[-1] > done)
    canvas.frameSwapped.disconnect(noted)
    return round(1000 * (done - began), 1), round(1000 * (frames[-1] - began), 1)


def ellipses(side: int, count: int) -> list[Object]:
    """Return proposals of all scores, evenly over the image."""
    draw, across = np.random.default_rng(0), int(np.ceil(np.sqrt(count)))
    pitch = side // across
    made = []
    for number in range(count):
        down, along = draw.integers(4, min(pitch // 2, 40), 2)
        mask = np.zeros((2 * down + 1, 2 * along + 1), bool)
        mask[ellipse(down, along, down, along, shape=mask.shape)] = True
        corner = (pitch * (number // across), pitch * (number % across))
        made.append(Object(number + 1, (), corner, mask, score=float(draw.random())))
    return made


if __name__ == "__main__":
    main()
