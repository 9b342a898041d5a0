"""Labels that were begun from an image which was written anew."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import tifffile
import zarr

from napari_sam.automatic import segment_windows
from napari_sam.automatic.windows.version import changed, version_of
from napari_sam.errors import DataError
from napari_sam.weights import LoadedModel

PLANE = np.zeros((60, 70), np.uint8)


def test_segment_windows_when_the_array_is_another_then_refused_until_overwritten(
    discs_model: LoadedModel, tmp_path: Path
) -> None:
    out, other = tmp_path / "labels.zarr", PLANE.copy()
    other[3, 4] = 1
    segment_windows(PLANE, out, discs_model)
    segment_windows(PLANE, out, discs_model)
    with pytest.raises(DataError, match="begun with another version of the image; choose another output"):
        segment_windows(other, out, discs_model)
    segment_windows(other, out, discs_model, overwrite="others")
    segment_windows(other, out, discs_model)


def test_segment_windows_when_the_file_is_written_anew_then_labels_of_the_old_one_are_not_gone_on_with(
    discs_model: LoadedModel, tmp_path: Path
) -> None:
    file, out = tmp_path / "image.zarr", tmp_path / "labels.zarr"
    array: Any = zarr.create_array(file, data=PLANE)
    segment_windows(array, out, discs_model, file=file)
    made = out.stat().st_mtime_ns
    segment_windows(array, out, discs_model, file=file, overwrite="others")
    assert out.stat().st_mtime_ns == made
    os.utime(file / "zarr.json", ns=(1, changed(file) + 10**9))
    with pytest.raises(DataError, match="another version of the image"):
        segment_windows(array, out, discs_model, file=file)


def test_version_when_asked_of_arrays_then_only_what_is_in_memory_or_a_file_has_one(tmp_path: Path) -> None:
    turned = np.arange(24, dtype=np.uint16).reshape(4, 6).T
    assert version_of(turned) == version_of(turned.copy())
    assert version_of(turned) != version_of(turned + 1)
    assert version_of(dask.array.zeros((4, 5))) is None
    np.save(tmp_path / "a.npy", turned)
    assert version_of(np.load(tmp_path / "a.npy", mmap_mode="r")) == version_of(PLANE, tmp_path / "a.npy")


def test_changed_when_the_finest_level_of_an_image_is_newer_than_its_folder_then_its_time(
    tmp_path: Path,
) -> None:
    store, file = tmp_path / "image.zarr", tmp_path / "image.tif"
    zarr.create_group(store).create_array("0", data=PLANE)
    tifffile.imwrite(file, PLANE)
    for path, written in ((store, store / "0" / "zarr.json"), (file, file)):
        later = changed(path) + 10**9
        os.utime(written, ns=(later, later))
        assert changed(path) == later
