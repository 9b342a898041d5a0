from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_sam.errors import NapariSamError
from napari_sam.export.layers import get_folder_reader, save_ome_zarr, save_rois, write_labels_layer

PLUGIN = "napari-sam-microscopy"


def test_a_labels_layer_when_saved_and_opened_by_napari_then_the_same(
    make_napari_viewer: Any, tmp_path: Path
) -> None:
    labels = np.zeros((30, 40), np.uint8)
    labels[3:9, 4:20], labels[20:30, 30:40] = 1, 7
    viewer = make_napari_viewer()
    layer = viewer.add_labels(labels, name="cells")
    for ending in ("geojson", "zip", "json", "ome.zarr", "zarr"):
        path = tmp_path / f"cells.{ending}"
        assert layer.save(str(path), plugin=PLUGIN) == [str(path)]
        (opened,) = viewer.open(str(path), plugin=PLUGIN)
        assert type(opened).__name__ == "Labels"
        assert opened.name in ("cells", "cells [1]")
        assert np.array_equal(opened.data, labels)
        viewer.layers.remove(opened)


def test_a_table_when_saved_by_napari_then_has_a_line_an_object(
    make_napari_viewer: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_labels(np.eye(5, dtype=int) * np.arange(5))
    path = tmp_path / "cells.csv"
    assert layer.save(str(path), plugin=PLUGIN) == [str(path)]
    assert len(path.read_text().splitlines()) == 5


def test_a_labels_layer_when_it_cannot_be_saved_or_has_no_ending_then_napari_is_told_or_gets_one(
    make_napari_viewer: Any, tmp_path: Path
) -> None:
    layer = make_napari_viewer().add_labels(np.ones((5, 6), int), name="cells")
    for nowhere in (tmp_path / "none" / "cells.json", tmp_path / "none" / "cells.zip"):
        with pytest.raises(NapariSamError, match="does not exist; make it first"):
            layer.save(str(nowhere))
    for save, ending in ((save_rois, ".zip"), (save_ome_zarr, ".ome.zarr")):
        data, attributes, _ = layer.as_layer_data_tuple()
        written = tmp_path / f"day 1.5{ending}"
        assert save(str(tmp_path / "day 1.5"), data, attributes) == [str(written)]  # as the dialog gives it
        with pytest.raises(NapariSamError, match="there already"):  # which nobody was asked about
            save(str(tmp_path / "day 1.5"), data, attributes)
        assert save(str(written), data, attributes) == [str(written)]


def test_labels_with_a_scale_when_saved_as_ome_zarr_then_lie_where_they_lay(
    make_napari_viewer: Any, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_labels(
        np.ones((2, 5, 6), int), scale=(3, 0.5, 0.5), translate=(0, 7, 8), units="um", axis_labels="tyx"
    )
    path = tmp_path / "cells.ome.zarr"
    layer.save(str(path), plugin=PLUGIN)
    (opened,) = viewer.open(str(path), plugin=PLUGIN)
    assert np.allclose(opened.data_to_world((1, 2, 3)), layer.data_to_world((1, 2, 3)))
    assert (opened.units, opened.axis_labels) == (layer.units, ("t", "y", "x"))


def test_a_folder_without_labels_when_opened_then_is_left_to_other_readers(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "image.zarr", data=np.ones((5, 6), np.uint16))
    assert get_folder_reader(str(tmp_path)) is None
    assert get_folder_reader(str(tmp_path / "image.zarr")) is None
    write_labels_layer(str(tmp_path / "cells.zarr"), np.ones((5, 6), int), {})
    assert get_folder_reader(str(tmp_path / "cells.zarr")) is not None
