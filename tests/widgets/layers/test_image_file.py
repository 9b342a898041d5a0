"""What an image's file says of its axes and pixels, which napari's own reader passes over."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam.export.file_space import KEY, FileSpace
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.layers.image_file import file_space
from napari_sam.widgets.layers.planes import axis_names

from ..conftest import IMAGE, opened_by_napari, settle

Make = Callable[..., AnnotatorWidget]
SIZES = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}


def open_file(widget: AnnotatorWidget, path: Path, qtbot: Any) -> Any:
    """Open an image by napari's own reader, choose it, and wait until its file was looked at."""
    (layer,) = widget._viewer.open(str(path), plugin="napari")
    panel = widget.panel
    panel.image.setCurrentIndex(panel.image.findText(layer.name))
    qtbot.waitUntil(lambda: KEY in layer.metadata, timeout=20_000)
    return layer


def test_channels_and_pixel_size_of_an_ome_tiff_then_are_offered_and_saved_with_the_labels(
    make_annotator: Make, qtbot: Any, tmp_path: Path
) -> None:
    path, stack = tmp_path / "cells.ome.tif", np.stack([IMAGE, IMAGE // 2])
    movie = np.stack([stack, stack, stack])
    tifffile.imwrite(path, movie, metadata={"axes": "TCYX", "Channel": {"Name": ["DAPI", "GFP"]}, **SIZES})
    widget = make_annotator(start=False)
    image = open_file(widget, path, qtbot)
    assert axis_names(image) == ("t", "c", "y", "x")
    choice = widget.panel.channels
    assert choice.how.currentText().endswith("(2 channels)")
    assert choice.how.itemText(1).endswith("(3 frames)")
    assert [colour.accessibleName() for colour, _ in choice._rows] == ["Colour of DAPI", "Colour of GFP"]
    widget.start()
    settle(qtbot, widget)
    annotation = widget.annotation
    assert annotation is not None
    assert widget.stack is not None
    annotation.prompts.points.add(annotation.prompts.points.world_to_data((0, 0, 30, 40)))
    settle(qtbot, widget)
    annotation.commit()
    for name in ("labels.tif", "table.csv"):
        widget.saving.save(tmp_path / name)  # type: ignore[union-attr]
        qtbot.waitUntil(lambda: not widget.saving.jobs.busy, timeout=20_000)  # type: ignore[union-attr]
    with tifffile.TiffFile(tmp_path / "labels.tif") as file:
        named = dict(zip(file.series[0].axes, file.series[0].shape, strict=True))
        page = file.pages.first
        unit, *resolution = (
            page.tags[name].value for name in ("ResolutionUnit", "XResolution", "YResolution")
        )
    assert {**named, "C": 1} == {"T": 3, "C": 1, "Y": IMAGE.shape[0], "X": IMAGE.shape[1]}
    assert unit == tifffile.RESUNIT.CENTIMETER
    assert [pixels / of for pixels, of in resolution] == pytest.approx([40_000, 20_000])
    with (tmp_path / "table.csv").open(newline="") as table:
        (row,) = csv.DictReader(table)
    (made,) = annotation.session.objects
    assert float(row["area_um2"]) == pytest.approx(made.area * 0.125)


@pytest.mark.parametrize(
    ("shape", "options", "axes"),
    [
        ((3, 4, 20, 30), {"imagej": True, "metadata": {"axes": "ZCYX"}}, "zcyx"),
        ((4, 20, 30), {"metadata": {"axes": "TYX"}, "ome": True}, "tyx"),
        ((40, 50, 3), {"photometric": "rgb"}, "yx"),
        ((3, 20, 30), {"photometric": "rgb", "planarconfig": "separate"}, "cyx"),
        ((1, 4, 1, 20, 30), {"metadata": {"axes": "TZCYX"}, "ome": True}, "zyx"),
        ((7, 20, 30), {"photometric": "minisblack"}, ""),
    ],
)
def test_axes_of_a_file_when_napari_opened_it_then_are_those_of_its_layer_or_not_named(
    shape: tuple[int, ...], options: dict[str, Any], axes: str, tmp_path: Path
) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.zeros(shape, np.uint8), **options)
    layer = opened_by_napari(path)
    space = file_space(layer)
    assert space.axes == axes
    space.keep_in(layer.metadata)
    assert FileSpace.kept_in(json.loads(json.dumps(layer.metadata))) == space  # as other plugins may write it
    assert axis_names(layer) == (tuple(axes) or layer.axis_labels)
    layer.axis_labels = named = tuple("abcde"[: layer.ndim])
    assert axis_names(layer) == named  # what a person said counts
    layer.data = np.zeros((2, 3, 4, 5, 6, 3))
    assert axis_names(layer) == layer.axis_labels


def test_axes_of_a_file_when_the_layer_has_other_pixels_then_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.zeros((3, 20, 30), np.uint8), imagej=True, metadata={"axes": "CYX"})
    layer = opened_by_napari(path)
    layer.data = np.zeros((4, 20, 30), np.uint8)
    assert file_space(layer).axes == ""
    path.write_bytes(b"no image")
    assert file_space(layer).axes == ""
