from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

PLUGIN = "napari-sam-microscopy"


@pytest.mark.parametrize("ending", ["geojson", "zip", "json"])
def test_a_labels_layer_when_saved_and_opened_by_napari_then_the_same(
    make_napari_viewer: Any, tmp_path: Path, ending: str
) -> None:
    labels = np.zeros((30, 40), np.uint8)
    labels[3:9, 4:20], labels[20:30, 30:40] = 1, 7
    viewer = make_napari_viewer()
    layer = viewer.add_labels(labels, name="cells")
    path = tmp_path / f"cells.{ending}"
    assert layer.save(str(path), plugin=PLUGIN) == [str(path)]
    (opened,) = viewer.open(str(path), plugin=PLUGIN)
    assert type(opened).__name__ == "Labels"
    assert opened.name in ("cells", "cells [1]")
    assert np.array_equal(opened.data, labels)


def test_a_table_when_saved_by_napari_then_has_a_line_an_object(
    make_napari_viewer: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_labels(np.eye(5, dtype=int) * np.arange(5))
    path = tmp_path / "cells.csv"
    assert layer.save(str(path), plugin=PLUGIN) == [str(path)]
    assert len(path.read_text().splitlines()) == 5
