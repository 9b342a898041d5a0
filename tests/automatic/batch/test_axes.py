from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam.automatic.batch.axes import opened_plane
from napari_sam.errors import DataError
from napari_sam.files.images import images_beside

CHANNELS = np.arange(2 * 40 * 50, dtype=np.uint16).reshape(2, 40, 50)


def ome_zarr(path: Path, data: np.ndarray, axes: str, *, named: bool = True) -> Path:
    """Write an image whose axes are objects, or just their names, as before version 0.4."""
    group = zarr.create_group(path)
    group.create_array("s0", data=data, chunks=data.shape)
    objects = [{"name": name, "type": "channel" if name == "c" else "space"} for name in axes]
    told = objects if named else [*axes]
    group.attrs["ome"] = {"multiscales": [{"axes": told, "datasets": [{"path": "s0"}]}]}
    return path


@pytest.mark.parametrize("kind", ["ome.tif", "imagej.tif", "lsm", "qptiff", "zarr", "names.zarr", "raw.zarr"])
def test_opened_plane_when_the_file_names_channels_first_then_they_come_last(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / f"image.{kind}"
    if kind == "raw.zarr":  # as bioformats2raw writes: images in a group
        ome_zarr(path / "0", CHANNELS[None, :, None], "tczyx")
        ome_zarr(path / "1", CHANNELS[:1], "cyx")
        zarr.create_group(path)
        assert images_beside(path).startswith("image.raw.zarr has 2 images, and only the first is taken;")
    elif kind.endswith("zarr"):
        ome_zarr(path, CHANNELS[None, :, None], "tczyx", named=kind == "zarr")
        assert images_beside(path) == ""
    else:
        tifffile.imwrite(path, CHANNELS, imagej=kind == "imagej.tif", metadata={"axes": "CYX"})
    with opened_plane(path) as array:
        assert np.array_equal(np.asarray(array), CHANNELS.transpose(1, 2, 0))
    with opened_plane(path, channel_axis=0) as array:
        assert np.array_equal(np.asarray(array), CHANNELS)


def test_opened_plane_when_the_file_is_a_stack_then_says_which_command_takes_it(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "z.ome.tif", CHANNELS, metadata={"axes": "ZYX"})
    ome_zarr(tmp_path / "t.zarr", CHANNELS, "tyx")
    for name, what in (("z.ome.tif", "2 planes"), ("t.zarr", "2 frames")):
        told = f"{name} is a stack of {what}; use `napari-sam stack`"
        with pytest.raises(DataError, match=told), opened_plane(tmp_path / name):
            pass


def test_opened_plane_when_axes_have_no_names_then_they_stay_as_they_are(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", CHANNELS, photometric="minisblack")
    zarr.create_array(tmp_path / "b.zarr", data=CHANNELS)
    np.save(tmp_path / "c.npy", CHANNELS)
    for name in ("a.tif", "b.zarr", "c.npy"):
        with opened_plane(tmp_path / name) as array:
            assert array.shape == CHANNELS.shape
        told = r"has the shape \(2, 40, 50\) and does not say on which axis its channels are"
        with pytest.raises(DataError, match=told), opened_plane(tmp_path / name, channels=(0,)):
            pass  # of the last axis, they would be two columns
