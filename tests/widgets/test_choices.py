"""Which layers the dock has chosen once others were chosen, renamed, removed or annotated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from napari_sam.widgets.annotator import AnnotatorWidget

from .conftest import IMAGE, commit, settle

Make = Callable[..., AnnotatorWidget]
NEW = "new Labels layer"


@pytest.fixture
def widget(make_annotator: Make) -> AnnotatorWidget:
    """Return the dock on two images, not started."""
    widget = make_annotator(start=False)
    widget._viewer.add_image(IMAGE + 1, name="control")
    return widget


def start(widget: AnnotatorWidget, qtbot: Any, image: str = "") -> Any:
    if image:
        widget.panel.image.setCurrentText(image)
    widget.start()
    settle(qtbot, widget)
    assert widget.annotation is not None, widget.panel.status.text()
    return widget.annotation


def stop(widget: AnnotatorWidget, qtbot: Any) -> None:
    widget.stop()
    settle(qtbot, widget)


def test_another_image_when_chosen_after_stop_then_its_cells_go_into_labels_of_its_own_or_chosen_ones(
    widget: AnnotatorWidget, qtbot: Any
) -> None:
    labels = widget.panel.labels
    start(widget, qtbot, "cells")
    commit(widget, qtbot, 40, 50)
    stop(widget, qtbot)
    assert labels.currentText() == "cells cells"
    widget.panel.image.setCurrentText("control")
    assert labels.currentText() == NEW
    annotation = start(widget, qtbot)
    assert annotation.session.objects == ()
    commit(widget, qtbot, 80, 100)
    stop(widget, qtbot)
    widget.panel.image.setCurrentText("cells")
    assert labels.currentText() == "cells cells"
    widget.panel.image.setCurrentText("control")
    assert labels.currentText() == "control cells"
    layers = widget._viewer.layers
    assert layers["cells cells"].data[80, 100] == 0
    assert layers["control cells"].data[80, 100] == 1
    widget._viewer.add_labels(np.zeros(IMAGE.shape, np.int32), name="mine")
    widget.panel.image.setCurrentText("control")
    widget.panel.labels.setCurrentText("mine")
    assert start(widget, qtbot).writer.labels.name == "mine"
    stop(widget, qtbot)
    widget.panel.image.setCurrentText("cells")
    widget.panel.image.setCurrentText("control")
    assert widget.panel.labels.currentText() == "mine"


@pytest.mark.parametrize("running", [True, False])
def test_an_image_when_removed_then_the_one_that_is_chosen_next_gets_labels_of_its_own(
    widget: AnnotatorWidget, qtbot: Any, *, running: bool
) -> None:
    start(widget, qtbot, "cells")
    commit(widget, qtbot, 40, 50)
    if not running:
        stop(widget, qtbot)
    widget._viewer.layers.remove("cells")
    settle(qtbot, widget)
    assert (widget.panel.image.currentText(), widget.panel.labels.currentText()) == ("control", NEW)


def test_an_image_when_opened_again_then_its_labels_are_chosen_and_go_on(
    make_annotator: Make, qtbot: Any, tmp_path: Path
) -> None:
    widget = make_annotator(start=False)
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / f"{name}.tif", IMAGE)
        widget._viewer.open(str(tmp_path / f"{name}.tif"))
    start(widget, qtbot, "a")
    commit(widget, qtbot, 40, 50)
    widget._viewer.layers.remove("a")
    settle(qtbot, widget)
    widget._viewer.open(str(tmp_path / "a.tif"))
    widget.panel.image.setCurrentText("a")
    assert widget.panel.labels.currentText() == "a cells"
    assert len(start(widget, qtbot).session.objects) == 1


def test_chosen_layers_when_renamed_then_stay_chosen(widget: AnnotatorWidget, qtbot: Any) -> None:
    viewer, panel = widget._viewer, widget.panel
    viewer.add_labels(np.zeros(IMAGE.shape, np.int32), name="mine")
    viewer.add_points([(1, 2)], name="seeds")
    panel.image.setCurrentText("control")
    panel.labels.setCurrentText("mine")
    panel.prompts.setCurrentText("seeds")
    for name in ("control", "mine", "seeds"):
        viewer.layers[name].name = f"{name} 2"
    chosen = [each.currentText() for each in (panel.image, panel.labels, panel.prompts)]
    if hasattr(viewer.layers.events, "renamed"):  # napari 0.6 does not tell, so names are old until Start
        assert chosen == ["control 2", "mine 2", "seeds 2"]
    annotation = start(widget, qtbot)
    assert annotation.writer.labels.name == "mine 2"
    assert annotation._image.name == "control 2"
    assert annotation.prompts.points.data.tolist() == [[1, 2]]


@pytest.mark.parametrize(("labels", "file"), [("new", True), ("mine", False)])
def test_an_image_when_renamed_and_its_labels_removed_then_start_goes_on_with_all(
    make_annotator: Make, qtbot: Any, tmp_path: Path, *, file: bool, labels: str
) -> None:
    widget = make_annotator(start=False)
    viewer = widget._viewer
    if file:
        tifffile.imwrite(tmp_path / "one.tif", IMAGE)
        viewer.open(str(tmp_path / "one.tif"))
    else:
        viewer.add_image(IMAGE, name="one")
    widget.panel.image.setCurrentText("one")
    if labels == "mine":
        viewer.add_labels(np.zeros(IMAGE.shape, np.int32), name="mine")
        widget.panel.labels.setCurrentText("mine")
    annotation = start(widget, qtbot)
    commit(widget, qtbot, 40, 50)
    journal = annotation.keeping.journal.path
    for count, name in enumerate(("two", "three"), 1):
        viewer.layers[annotation._image.name].name = name
        viewer.layers.remove(annotation.writer.labels)
        settle(qtbot, widget)
        assert "Press Start to go on, with all that was committed" in widget.panel.status.text()
        annotation = start(widget, qtbot)
        assert annotation._image.name == name
        assert annotation.keeping.journal.path == journal
        assert len(annotation.session.objects) == count
        assert annotation.writer.labels.data[40, 50] == 1
        commit(widget, qtbot, 80, 30 + 50 * count)


def test_a_renamed_image_when_its_labels_are_still_there_then_new_ones_are_apart(
    widget: AnnotatorWidget, qtbot: Any
) -> None:
    annotation = start(widget, qtbot, "cells")
    commit(widget, qtbot, 40, 50)
    journal = annotation.keeping.journal.path
    stop(widget, qtbot)
    widget._viewer.layers["cells"].name = "renamed"
    again = start(widget, qtbot)
    assert again.keeping.journal.path == journal
    assert again.writer.labels is annotation.writer.labels
    stop(widget, qtbot)
    widget.panel.labels.setCurrentText(NEW)
    apart = start(widget, qtbot)
    assert apart.session.objects == ()
    assert apart.writer.labels.name == "renamed cells"
    assert apart.keeping.journal.path != journal


def test_mixed_channels_when_renamed_and_labels_removed_then_start_goes_on_with_all(
    make_annotator: Make, qtbot: Any
) -> None:
    stack = np.random.default_rng(0).integers(0, 255, (3, *IMAGE.shape), np.uint8)
    widget = make_annotator(stack, start=False, axis_labels=("c", "y", "x"))
    annotation = start(widget, qtbot)
    commit(widget, qtbot, 40, 50)
    (image,) = [each for each in widget._viewer.layers if isinstance(each, Image) and each.ndim == 3]
    image.name = "renamed"
    widget._viewer.layers.remove(annotation.writer.labels)
    settle(qtbot, widget)
    annotation = start(widget, qtbot)
    assert annotation.writer.labels.data.shape == IMAGE.shape
    assert len(annotation.session.objects) == 1
