from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam.cli.files import read_image, write_labels
from napari_sam.cli.outputs import LABELS


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
