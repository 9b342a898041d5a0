"""Make the documentation's pictures: screenshots of the plugin at work on the bundled samples.

Run ``python docs/make_pictures.py`` on a screen, or under
``xvfb-run -a -s "-screen 0 1600x1200x24"``; pictures are written into docs/images.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["NAPARI_CONFIG"] = ""  # not what the person who runs this prefers

from staging import PLUGIN, Stage

from napari_sam.samples import layer_settings, load_sample

IMAGES = Path(__file__).parent / "images"
DATA = Path(__file__).parent.parent / "tests" / "data" / "dsb2018" / "images"
WINDOW = (1400, 900)
"""Of the README's picture."""
PAGE = (1180, 760)
"""Of pictures that lose napari's left side and are to be read at their own size."""


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"{', '.join(SCENES)} (default: all)")
    parser.add_argument("--model", default="cell-tiny", help="a known model, or a file of weights")
    parser.add_argument("--out", type=Path, default=IMAGES, metavar="DIR")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.scenes or SCENES:
        with tempfile.TemporaryDirectory() as nobodys:
            os.environ["NAPARI_SAM_CONFIG"] = nobodys
            SCENES[name](arguments.model, arguments.out)


def readme(model: str, out: Path) -> None:
    """Draw cells committed by points and boxes, and candidates that await a choice."""
    sample = load_sample("fluorescence")
    stage = Stage(WINDOW, model)
    stage.viewer.add_image(sample.image, **layer_settings(sample))
    stage.open_dock()
    stage.start()
    stage.viewer.reset_view()
    for point in sample.points:
        stage.click(point)
        stage.commit()
    stage.draw_boxes(sample.boxes)
    stage.commit()
    stage.click(sample.open_point)
    stage.annotation.view.fill(stage.annotation.chooser.index)  # as when the pointer is over it
    stage.shoot(out / "annotator.png", whole=True)
    stage.close()


def tutorial(model: str, out: Path) -> None:
    """Draw the steps of the tutorial, one after another, in one session."""
    sample = load_sample("fluorescence")
    stage = Stage(PAGE, model)
    stage.viewer.open_sample("napari-sam-microscopy", "fluorescence")
    stage.open_dock()
    stage.shoot(out / "tutorial-start.png", whole=True)
    stage.start()
    panel = stage.widget.panel
    stage.look_at((195, 205), 2.6)
    stage.click((205, 220))
    stage.annotation.view.fill(1)  # as when the pointer is over it
    stage.scroll_to(panel.start)
    stage.shoot(out / "tutorial-choose.png")
    stage.commit(2)
    stage.click((192, 186))
    stage.annotation.chooser.mark(2)
    stage.click((205, 225), outside=True)
    stage.scroll_to(panel.start)
    stage.shoot(out / "tutorial-correct.png")
    stage.commit()
    stage.viewer.reset_view()
    stage.draw_boxes(sample.boxes[2:])
    stage.scroll_to(panel.start)
    stage.shoot(out / "tutorial-boxes.png")
    stage.commit()
    stage.search()
    stage.scroll_to(panel.segment_all)
    stage.shoot(out / "tutorial-review.png")
    panel.segment_all.accept_above_asked.emit()
    stage.widget.pages.setCurrentIndex(1)
    stage.widget.object_panel.table.selectRow(2)
    stage.shoot(out / "tutorial-objects.png")
    stage.close()


def many(model: str, out: Path) -> None:
    """Draw the dock that segments many images, with the test data's."""
    from napari_sam.widgets.batch.batch import BatchWidget

    del model  # the bundled one is chosen
    stage = Stage(PAGE, "")
    _, widget = stage.viewer.window.add_plugin_dock_widget(PLUGIN, "Segment many images")
    assert isinstance(widget, BatchWidget)  # noqa: S101 (it is what the manifest names)
    stage.wait_for(widget.opening)
    with tempfile.TemporaryDirectory() as folder:
        plate, labels = Path(folder) / "plate1", Path(folder) / "plate1_labels"
        plate.mkdir()
        for well, image in zip(("A1", "A2", "A3"), sorted(DATA.iterdir()), strict=True):
            shutil.copy(image, plate / f"{well}.png")
        widget.add([str(plate)])
        stage.wait_for(widget.opening)
        widget.panel.out.setText(str(labels))
        widget.start()
        stage.wait_for(widget.jobs)
        widget.open(1)
        stage.wait_for(widget.opening)
        widget.panel.out.setText(labels.name)
        stage.shoot(out / "many-images.png")
    stage.close()


SCENES: dict[str, Callable[[str, Path], None]] = {"readme": readme, "tutorial": tutorial, "many": many}

if __name__ == "__main__":
    main()
