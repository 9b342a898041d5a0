"""The size of a pixel, read from each kind of file, and kept in labels."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_sam.automatic.batch.image import BatchSettings
from napari_sam.automatic.batch.run import run_batch
from napari_sam.cli import main
from napari_sam.export import read_objects
from napari_sam.files.label_tiff import write_label_tiff
from napari_sam.files.pixel_size import PixelSize, pixel_size_of

PLANE = np.zeros((40, 50), np.uint16)
OME = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 250.0, "PhysicalSizeYUnit": "nm"}
WAYS: dict[str, dict[str, Any]] = {
    "a.ome.tif": {"metadata": OME},
    "imagej.tif": {"imagej": True, "resolution": (2, 4), "metadata": {"unit": "micron"}},
    "utf8.tif": {"imagej": True, "resolution": (2, 4), "metadata": {"unit": "\\u00B5m"}},
    "centimetres.tif": {"resolution": (20_000, 40_000), "resolutionunit": "CENTIMETER"},
}


@pytest.mark.parametrize("name", WAYS)
def test_pixel_size_when_a_tiff_says_it_in_any_way_then_it_is_in_micrometers(
    name: str, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / name, PLANE, **WAYS[name])
    size = pixel_size_of(tmp_path / name)
    assert size is not None
    assert (size.rows, size.cols) == pytest.approx((0.25, 0.5))
    write_label_tiff(tmp_path / "labels.tif", PLANE.astype(np.int32), size=size)
    again = pixel_size_of(tmp_path / "labels.tif")
    assert again is not None
    assert (again.rows, again.cols) == pytest.approx((0.25, 0.5))


def test_pixel_size_when_a_volume_says_how_far_its_planes_are_apart_then_its_labels_do_in_each_format(
    tmp_path: Path,
) -> None:
    volume = np.stack([PLANE] * 3)
    deep = {**OME, "axes": "ZYX", "PhysicalSizeZ": 1500.0, "PhysicalSizeZUnit": "nm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", volume, metadata=deep)
    said = {"axes": "ZYX", "spacing": 1.5, "unit": "um"}
    tifffile.imwrite(tmp_path / "imagej.tif", volume, imagej=True, resolution=(2, 4), metadata=said)
    for image in ("a.ome.tif", "imagej.tif"):
        size = pixel_size_of(tmp_path / image)
        assert size is not None
        assert (size.planes, size.rows, size.cols) == pytest.approx((1.5, 0.25, 0.5)), image
        for name in ("labels.tif", "labels.ome.tif", "labels.ome.zarr"):
            given = ["convert", str(tmp_path / image), "-o", str(tmp_path / name), "--overwrite"]
            assert main(given) == 0
            space = read_objects(tmp_path / name).space
            assert space is not None
            assert space.scale == pytest.approx((1.5, 0.25, 0.5)), name
            assert space.units == ("micrometer",) * 3
            again = pixel_size_of(tmp_path / name)
            assert again is not None
            assert again.planes == pytest.approx(1.5), name
        write_label_tiff(tmp_path / "movie.ome.tif", volume, "TYX", size)
        frames = pixel_size_of(tmp_path / "movie.ome.tif")
        assert frames is not None
        assert frames.planes is None


def test_pixel_size_when_a_slide_or_a_scan_says_it_in_its_own_way_then_it_is_in_micrometers(
    tmp_path: Path,
) -> None:
    told = "Aperio Image Library v11\n400x300|AppMag = 20|MPP = 0.4990|Left = 25.6"
    tifffile.imwrite(tmp_path / "slide.svs", PLANE, description=told, metadata=None)
    assert pixel_size_of(tmp_path / "slide.svs") == PixelSize(0.499, 0.499)
    scan = struct.pack("<I9i3d424x", 0x0400494C, 512, 50, 40, 1, 1, 1, 2, 50, 40, 5e-7, 2.5e-7, 2e-6)
    with tifffile.TiffWriter(tmp_path / "scan.lsm") as file:
        file.write(PLANE, metadata=None, extratags=[(34412, 1, len(scan), scan, True)])
        file.write(PLANE[::4, ::4], metadata=None, subfiletype=1)
    size = pixel_size_of(tmp_path / "scan.lsm")
    assert size is not None
    assert (size.planes, size.rows, size.cols) == pytest.approx((2.0, 0.25, 0.5))
    detector = {"imagej": True, "resolution": (1 / 0.127, 1 / 0.127), "metadata": {"unit": "mm"}}
    tifffile.imwrite(tmp_path / "detector.tif", PLANE, **detector)  # as far apart as dots, 200 an inch
    size = pixel_size_of(tmp_path / "detector.tif")
    assert size is not None
    assert (size.rows, size.cols) == pytest.approx((127.0, 127.0))


def test_pixel_size_when_the_file_says_nothing_or_nonsense_then_there_is_none(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "plain.tif", PLANE)
    tifffile.imwrite(tmp_path / "zero.tif", PLANE, resolution=(0, 0), resolutionunit="CENTIMETER")
    tifffile.imwrite(tmp_path / "a.ome.tif", PLANE, metadata={**OME, "PhysicalSizeYUnit": "pixel"})
    tifffile.imwrite(tmp_path / "one.tif", PLANE, resolution=(1, 1), resolutionunit="INCH")
    tifffile.imwrite(tmp_path / "screen.tif", PLANE, resolution=(72, 72), resolutionunit="INCH")
    screen = {"resolution": (37.795, 37.795), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "screen2.tif", PLANE, **screen)
    tifffile.imwrite(tmp_path / "print.tif", PLANE, resolution=(300, 300), resolutionunit="INCH")
    tifffile.imwrite(tmp_path / "print2.tif", PLANE, resolution=(118.11, 118.11), resolutionunit="CENTIMETER")
    scanned = {"imagej": True, "resolution": (300, 300), "metadata": {"unit": "inch"}}
    tifffile.imwrite(tmp_path / "print3.tif", PLANE, **scanned)
    Image.fromarray(PLANE).save(tmp_path / "pillow.tif")  # without any tag of a resolution
    zarr.create_array(tmp_path / "bare.zarr", data=PLANE)
    for path in (*tmp_path.iterdir(), Path("cells.png")):
        assert pixel_size_of(path) is None, path


BROKEN = {
    "no-end.ome.tif": '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME"><Image></OME>',
    "no-pixels.ome.tif": '<?xml version="1.0"?><OME><Image><Pixels>4</Pixels></Image></OME>',
}


def test_pixel_size_when_the_xml_is_broken_then_there_is_none_and_the_image_is_segmented(
    tmp_path: Path,
) -> None:
    disc = np.asarray(zarr.open_group(ome_zarr(tmp_path / "disc.zarr"), mode="r")["0"])
    for name, description in BROKEN.items():
        tifffile.imwrite(tmp_path / name, disc, description=description, metadata=None)
        assert pixel_size_of(tmp_path / name) is None
    (row,) = run_batch([tmp_path / "no-end.ome.tif"], tmp_path / "out", BatchSettings(device="cpu"))
    assert (row.objects, row.error) == (1, "")


def ome_zarr(path: Path) -> Path:
    """Write a picture of a disc whose pixels are 0.25 by 0.5 micrometers."""
    rows, cols = np.mgrid[:96, :96]
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    steps = [{"type": "scale", "scale": [0.5, 1.0]}]
    datasets = [{"path": "0", "coordinateTransformations": steps}]
    half = [{"type": "scale", "scale": [0.5, 0.5]}]
    about = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    about["multiscales"][0]["coordinateTransformations"] = half  # type: ignore[index]
    group = zarr.create_group(path, attributes={"ome": about})
    disc = np.where((rows - 40) ** 2 + (cols - 50) ** 2 < 400, 200, 20).astype(np.uint8)
    group.create_array("0", data=disc)
    return path


def test_batch_when_an_ome_zarr_image_says_its_scale_then_its_labels_and_their_reader_do(
    tmp_path: Path,
) -> None:
    image = ome_zarr(tmp_path / "disc.zarr")
    (row,) = run_batch([image], tmp_path / "out", BatchSettings(device="cpu"))
    assert row.objects == 1
    labels = tmp_path / "out" / "disc.zarr"
    assert pixel_size_of(labels) == PixelSize(0.25, 0.5)
    space = read_objects(labels).space
    assert space is not None
    assert (space.scale, space.units) == ((0.25, 0.5), ("micrometer", "micrometer"))


def test_auto_when_a_tiff_says_how_large_its_pixels_are_then_the_labels_say_it(tmp_path: Path) -> None:
    disc = np.asarray(zarr.open_group(ome_zarr(tmp_path / "disc.zarr"), mode="r")["0"])
    tifffile.imwrite(tmp_path / "disc.tif", disc, **WAYS["imagej.tif"])
    for out in ("labels.tif", "labels.zarr"):
        given = ["auto", str(tmp_path / "disc.tif"), "-o", str(tmp_path / out), "--device", "cpu"]
        assert main(given) == 0
        size = pixel_size_of(tmp_path / out)
        assert size is not None
        assert (size.rows, size.cols) == pytest.approx((0.25, 0.5))
