"""Labels that other tools made: opened from their files, reopened with the prompts, corrected and saved."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam.export.layers import write_labels_layer
from napari_sam.widgets.annotator import AnnotatorWidget

from ..conftest import IMAGE, settle

PLUGIN = "napari-sam-microscopy"


def cellpose() -> np.ndarray:
    """Return labels with gaps in their numbers, and background to the right and below."""
    labels = np.zeros(IMAGE.shape, np.uint16)
    labels[10:30, 10:40], labels[50:70, 60:90], labels[90:100, 100:120] = 3, 7, 250
    return labels


def test_labels_of_a_file_when_one_is_refined_then_it_alone_changes_and_a_table_tells_what_made_an_object(
    make_annotator: Callable[..., AnnotatorWidget], qtbot: Any, tmp_path: Path
) -> None:
    widget = make_annotator(start=False)
    for ending in ("json", "geojson", "zip", "tif", "ome.zarr"):
        path = tmp_path / f"cellpose {ending}.{ending}"
        write_labels_layer(str(path), cellpose(), {})
        options = {"layer_type": "labels"} if ending == "tif" else {"plugin": PLUGIN}  # that is napari's own
        (layer,) = widget._viewer.open(str(path), **options)
        widget.panel.labels.setCurrentText(layer.name)
        refine_one_of(widget, layer, qtbot)
        widget.stop()
        settle(qtbot, widget)
    widget.panel.labels.setCurrentIndex(0)
    widget.start()
    settle(qtbot, widget)
    tells_what_made_it(widget, qtbot, tmp_path / "cells.csv")


def refine_one_of(widget: AnnotatorWidget, layer: Any, qtbot: Any) -> None:
    """Start on labels, correct the one of number 7 with a point, and take that back."""
    widget.start()
    settle(qtbot, widget)
    annotation = widget.annotation
    assert annotation is not None, widget.panel.status.text()
    assert np.array_equal(layer.data, cellpose())
    assert sorted(each.id for each in annotation.session.objects) == [3, 7, 250]
    widget._viewer.cursor.position = (60, 75)
    annotation.editing.reopen()
    settle(qtbot, widget)
    (proposal,) = annotation.session.proposals
    assert proposal.prompts.box == (49.5, 59.5, 69.5, 89.5)
    annotation.prompts.points.add([55, 70])
    settle(qtbot, widget)
    annotation.commit()
    assert sorted(each.id for each in annotation.session.objects) == [3, 7, 250]
    seven = annotation.session.store[7, ()]
    assert seven.model == "discs"
    assert seven.area not in (0, 20 * 30)  # no longer the rectangle
    assert np.count_nonzero(layer.data == 7) == seven.area
    others = cellpose()
    others[others == 7] = 0
    assert np.array_equal(np.where(layer.data == 7, 0, layer.data), others)
    annotation.editing.undo()
    assert np.array_equal(layer.data, cellpose())


def tells_what_made_it(widget: AnnotatorWidget, qtbot: Any, path: Path) -> None:
    """Commit an object, save its labels by napari as a table, and look at that."""
    annotation = widget.annotation
    assert annotation is not None
    annotation.prompts.points.add([40, 50])
    settle(qtbot, widget)
    annotation.commit()
    (made,) = annotation.session.objects
    annotation.writer.labels.save(str(path), plugin=PLUGIN)
    with path.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["label"], row["model"]) == ("1", "discs")
    assert float(row["predicted_iou"]) == pytest.approx(made.iou_prediction, abs=1e-3)
