"""Images of a batch that are opened from its table and annotated: where that is kept, and what is chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel

from napari_sam.widgets.annotating.earlier import Earlier
from napari_sam.widgets.annotator import AnnotatorWidget
from napari_sam.widgets.batch.opening import read, show
from napari_sam.widgets.layers.image_file import file_of

from ..conftest import IMAGE, opened_by_napari, settle

Make = Callable[..., AnnotatorWidget]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return an image's path, and that of its labels."""
    image, labels = tmp_path / "plate" / "well.tif", tmp_path / "plate_labels" / "well.tif"
    for path, pixels in ((image, IMAGE), (labels, np.zeros(IMAGE.shape, np.uint16))):
        path.parent.mkdir()
        tifffile.imwrite(path, pixels)
    pixels[10:30, 10:40], pixels[50:70, 60:90] = 1, 2
    tifffile.imwrite(labels, pixels)
    return image, labels


def test_an_image_of_a_batch_when_annotated_then_its_journal_is_the_one_of_its_file(
    files: tuple[Path, Path],
) -> None:
    viewer = ViewerModel()
    show(viewer, read(*files, None))
    image, labels = viewer.layers
    assert file_of(image) == files[0]
    earlier = Earlier.of(image, labels, labels.name, ())
    assert earlier.journal is not None
    assert earlier.journal.path.parent == files[0].with_name("well.napari-sam")
    assert earlier.journal.record.begins == {}
    earlier.session.edit("delete", [(1, ())])
    earlier.close()
    again = Earlier.of(opened_by_napari(files[0]), None, "well labels", ())
    assert [each.id for each in again.session.objects] == [2]
    again.close()


def test_an_image_of_a_batch_when_its_file_is_gone_then_has_none(files: tuple[Path, Path]) -> None:
    viewer = ViewerModel()
    show(viewer, read(*files, None))
    files[0].unlink()
    assert file_of(viewer.layers[0]) is None


def test_an_image_of_a_batch_when_shown_then_it_and_its_labels_are_chosen_and_corrections_come_back(
    make_annotator: Make, qtbot: Any, files: tuple[Path, Path]
) -> None:
    widget = make_annotator(start=False)
    viewer, panel = widget._viewer, widget.panel
    for left in (2, 1):
        found = read(*files, None)
        for _ in range(2):  # also when they are brought to sight again
            panel.image.setCurrentText("cells")
            panel.labels.setCurrentIndex(0)
            assert show(viewer, found) == ""
            assert (panel.image.currentText(), panel.labels.currentText()) == ("well", "well labels")
        widget.start()
        settle(qtbot, widget)
        annotation = widget.annotation
        assert annotation is not None
        assert len(annotation.session.objects) == left
        if left == 2:
            annotation.editing.edit("delete", [(1, ())])
        assert show(viewer, found) == ""
        other = files[0].with_name("other.tif")
        tifffile.imwrite(other, IMAGE)
        assert show(viewer, read(other, files[1], None)) == "well"  # is annotated: nothing else is chosen
        assert widget.annotation is annotation
        widget.stop()
        settle(qtbot, widget)
        assert (panel.image.currentText(), panel.labels.currentText()) == ("other", "other labels")
        for name in ("well", "well labels", "other", "other labels"):
            viewer.layers.remove(name)
