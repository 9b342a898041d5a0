from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam.cli.files import read_image, write_labels
from napari_sam.cli.outputs import LABELS
from napari_sam.errors import DataError


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
