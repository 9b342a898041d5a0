from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_sam.cli.files import read_image, write_labels
from napari_sam.cli.outputs import LABELS
from napari_sam.errors import DataError
from napari_sam.files.pixel_size import PixelSize, pixel_size_of


@pytest.mark.parametrize("suffix", LABELS.endings)
def test_write_labels_when_a_file_is_there_then_it_is_replaced_by_labels_that_read_back(
    suffix: str, tmp_path: Path
) -> None:
    labels = np.arange(40 * 50, dtype=np.uint16).reshape(40, 50)
    path = tmp_path / f"labels{suffix}"
    path.write_bytes(b"old")
    write_labels(path, labels)
    np.testing.assert_array_equal(read_image(path), labels)
    assert list(tmp_path.iterdir()) == [path]
    many = labels.astype(np.int32) + 70_000
    if suffix == ".png":
        with pytest.raises(DataError, match="71999 labels are more than the 16 bits of a PNG"):
            write_labels(path, many)
    else:
        write_labels(path, many)
        np.testing.assert_array_equal(read_image(path), many)


@pytest.mark.parametrize("name", ["labels.tif", "labels.ome.tif", "labels.OME.TIFF"])
def test_write_labels_when_named_as_ome_then_axes_and_pixel_size_are_told_in_its_way(
    name: str, tmp_path: Path
) -> None:
    path, labels = tmp_path / name, np.arange(600, dtype=np.uint16).reshape(3, 10, 20)
    write_labels(path, labels, "ZYX", PixelSize(0.5, 0.25))
    with tifffile.TiffFile(path) as file:
        assert file.is_ome == ("ome" in name.lower())
        assert file.series[0].axes == "ZYX"
        assert np.array_equal(file.asarray(), labels)
    assert pixel_size_of(path) == PixelSize(0.5, 0.25)
