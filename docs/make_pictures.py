"""Make the documentation's pictures: screenshots of the plugin at work on a bundled sample.

Run ``python docs/make_pictures.py`` on a screen, or under
``xvfb-run -a -s "-screen 0 1600x1200x24"``; pictures are written into docs/images.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

from napari_sam.samples import SAMPLE_NAMES, Sample, layer_settings, load_sample
from napari_sam.widgets.annotator import AnnotatorWidget

IMAGES = Path(__file__).parent / "images"
SIZE = (1400, 900)
PATIENCE = 120.0
"""Seconds until something must have gone wrong."""
REST = 1.0
"""Seconds that the window is given to draw."""


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", choices=SAMPLE_NAMES, default=SAMPLE_NAMES[0], help="which image")
    parser.add_argument("--model", default="cell-tiny", help="a known model, or a file of weights")
    parser.add_argument("--out", type=Path, default=IMAGES / "annotator.png", metavar="FILE")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as nobodys:
        os.environ["NAPARI_SAM_CONFIG"] = nobodys  # not what the person who runs this prefers
        annotator(load_sample(arguments.sample), arguments.model, arguments.out)


def annotator(sample: Sample, model: str, path: Path) -> None:
    """Draw the annotator with cells committed by points and boxes, and candidates that await a choice."""
    viewer = napari.Viewer(title="Segment Anything for microscopy")
    viewer.window.resize(*SIZE)
    viewer.add_image(sample.image, **layer_settings(sample))
    _, widget = viewer.window.add_plugin_dock_widget("napari-sam-microscopy", "Segment Anything")
    wait_for(widget)
    start(widget, model)
    viewer.reset_view()
    annotate(widget, sample)
    rest()
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    viewer.close()


def start(widget: AnnotatorWidget, model: str) -> None:
    """Choose the model and start."""
    combo = widget.panel.model
    if combo.findData(model) < 0:
        combo.insertItem(0, Path(model).name, model)
    combo.setCurrentIndex(combo.findData(model))
    widget.start()
    wait_for(widget)


def annotate(widget: AnnotatorWidget, sample: Sample) -> None:
    """Commit the suggested mask at every prompt but the last one, which stays open."""
    annotation = widget.annotation
    if annotation is None or not annotation.session.ready:
        raise SystemExit(widget.panel.status.text())
    for point in sample.points:
        annotation.prompts.points.add(point)
        wait_for(widget)
        annotation.commit()
    corners = [[box[:2], box[2:]] for box in sample.boxes]
    annotation.prompts.boxes.add_rectangles(corners)
    wait_for(widget)
    annotation.commit()
    annotation.prompts.points.add(sample.open_point)
    wait_for(widget)
    annotation.view.fill(annotation.chooser.index)  # as when the pointer is over it


def wait_for(widget: AnnotatorWidget) -> None:
    """Wait until no job is going on."""
    run_until(lambda: not widget.jobs.busy, PATIENCE)
    if widget.jobs.busy:
        raise SystemExit(f"Still busy after {PATIENCE:g} s: {widget.panel.status.text()}")


def rest() -> None:
    """Let the window draw."""
    run_until(lambda: False, REST)


def run_until(satisfied: Callable[[], bool], seconds: float) -> None:
    """Run the window until something is so, or time is over."""
    deadline = time.monotonic() + seconds
    while not satisfied() and time.monotonic() < deadline:
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main()
