"""TIFF files that hold several images, lie in a set, or are damaged."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam.automatic.batch.axes import opened_plane
from napari_sam.automatic.batch.files import opened
from napari_sam.cli import main
from napari_sam.errors import DataError
from napari_sam.export import read_regions
from napari_sam.files.images import images_beside, read_image
from napari_sam.files.tiff import opened_tiff
from napari_sam.training.planes import read_labels

OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{}">{}</OME>'
IMAGE = (
    '<Image ID="Image:{0}" Name="position {0}"><Pixels ID="Pixels:{0}" DimensionOrder="XYCZT" Type="uint16"'
    ' SizeX="40" SizeY="30" SizeC="2" SizeZ="1" SizeT="1"><Channel ID="Channel:{0}:0" SamplesPerPixel="1"/>'
    '<Channel ID="Channel:{0}:1" SamplesPerPixel="1"/><TiffData IFD="0" PlaneCount="2">'
    '<UUID FileName="position{0}.ome.tif">urn:uuid:{0}</UUID></TiffData></Pixels></Image>'
)


def damaged(path: Path, tags: list[str], value: int, **options: Any) -> Path:
    """Write an image, and then another length of sides into its header."""
    noise = np.random.default_rng(0).integers(0, 3000, (300, 400)).astype(np.uint16)
    tifffile.imwrite(path, noise, photometric="minisblack", metadata=None, **options)
    with tifffile.TiffFile(path) as file:
        places = [file.pages.first.tags[tag].valueoffset for tag in tags]
    content = bytearray(path.read_bytes())
    for place in places:
        struct.pack_into("<I", content, place, value)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
@pytest.mark.parametrize("value", [60_000, 2**24, 2**31 - 1])
@pytest.mark.parametrize("options", [{}, {"tile": (64, 64)}, {"compression": "zlib", "tile": (64, 64)}])
def test_a_tiff_when_its_header_asks_for_more_than_it_holds_then_one_sentence_before_it_is_read(
    options: dict[str, Any], value: int, tag: str, tmp_path: Path
) -> None:
    path = damaged(tmp_path / "cells.tif", [tag], value, **options)
    sides = "300 x {}" if tag == "ImageWidth" else "{} x 400"
    told = rf"cells\.tif cannot be read as .* said to be of {sides.format(value)} pixels, which the file"
    for read in (read_image, read_regions, lambda file: opened_plane(file).__enter__()):
        with pytest.raises(DataError, match=told):
            read(path)


def test_a_tiff_when_it_was_begun_and_holds_nothing_yet_then_says_so(tmp_path: Path) -> None:
    (tmp_path / "cells.tif").write_bytes(struct.pack("<2sHI", b"II", 42, 0))
    with pytest.raises(DataError, match=r"cells\.tif cannot be read as an image \(it holds no image\);"):
        read_image(tmp_path / "cells.tif")


def test_a_stack_when_it_is_large_then_it_is_told_from_a_plane_without_being_read(tmp_path: Path) -> None:
    path, planes = tmp_path / "stack.tif", 90
    said = f"ImageJ=1.54f\nimages={planes}\nslices={planes}\n"
    tifffile.imwrite(path, np.zeros((1024, 1024), np.uint8), description=said, metadata=None, byteorder=">")
    with path.open("r+b") as file:  # as ImageJ writes more than 4 GB: all planes after one header
        file.truncate(file.seek(0, 2) + (planes - 1) * 1024**2)
        file.seek(-1, 2)
        file.write(b"\7")
    with opened(path) as array:
        assert not isinstance(array, np.ndarray)
        assert (array.shape, array[-1, -1, -1]) == ((planes, 1024, 1024), 7)
    with pytest.raises(DataError, match="is a stack of 90 planes; use `napari-sam stack`"):
        opened_plane(path).__enter__()


def test_a_tiff_when_memory_is_too_short_for_it_then_is_not_called_damaged(tmp_path: Path) -> None:
    sides = ["ImageWidth", "ImageLength", "RowsPerStrip"]
    path = damaged(tmp_path / "cells.tif", sides, 2**31 - 1, compression="zstd", rowsperstrip=300)
    for read in (read_image, read_regions):
        with pytest.raises(DataError, match=r"cells\.tif needs more memory than there is; close other"):
            read(path)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw", "predictor": True},
        {"compression": "zstd", "tile": (64, 64)},
        {"compression": "jpeg", "compressionargs": {"level": 100}},
        {"compression": "jpeg2000"},
    ],
)
def test_a_tiff_when_compressed_as_microscopes_and_scanners_do_then_is_read(
    options: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "cells.tif"
    labels = np.repeat(np.repeat(np.eye(8, dtype=np.uint8) * 200, 16, axis=0), 16, axis=1)
    tifffile.imwrite(path, labels, **options)
    np.testing.assert_array_equal(read_image(path), labels)
    with opened_plane(path) as plane:
        np.testing.assert_array_equal(np.asarray(plane), labels)
    if options["compression"] == "jpeg":  # whose numbers are rarely as they were
        for read in (read_regions, read_labels):
            with pytest.raises(DataError, match=r"cells\.tif is compressed by JPEG, .* as PNG, or as TIFF"):
                read(path)
    else:
        regions, shape = read_regions(path)
        assert (len(regions), shape) == (1, labels.shape)


def test_a_tiff_when_empty_bits_planes_or_colours_apart_then_is_read(tmp_path: Path) -> None:
    empty, bits = np.zeros((3000, 4000), np.uint8), np.zeros((2000, 3000), bool)
    colours, stack = np.zeros((3, 200, 300), np.uint8), np.zeros((40, 30, 50), np.float32)
    packed: dict[str, Any] = {"compression": "zlib", "compressionargs": {"level": 9}}
    apart: dict[str, Any] = {"photometric": "rgb", "planarconfig": "separate"}
    for array, options in (
        (empty, packed | {"rowsperstrip": 3000}),
        (bits, packed),
        (bits, {}),
        (colours, apart),
        (colours, apart | packed | {"tile": (64, 64)}),
        (stack, {"imagej": True}),
        (stack, {"volumetric": True, "tile": (16, 16, 16)}),
    ):
        tifffile.imwrite(tmp_path / "image.tif", array, **options)
        assert np.array_equal(read_image(tmp_path / "image.tif"), array)


def test_files_of_a_set_when_read_then_each_gives_its_own_image(tmp_path: Path) -> None:
    images = "".join(IMAGE.format(number) for number in range(2))
    paths = [tmp_path / f"position{number}.ome.tif" for number in range(2)]
    for number, path in enumerate(paths):
        pixels = np.full((2, 30, 40), number + 1, np.uint16)
        described = OME.format(number, images)
        tifffile.imwrite(path, pixels, compression="zlib", description=described, metadata=None, ome=False)
    for number, path in enumerate(paths):
        assert (read_image(path) == number + 1).all()
        with opened_plane(path) as plane:
            assert plane.shape == (30, 40, 2)
            assert (plane == number + 1).all()
        assert images_beside(path) == ""
        assert images_beside(path, in_set=True) == (
            f"{path.name} is of a set of 2 images, of which the first is shown whichever is opened."
        )


def test_images_beside_when_planes_are_missing_then_says_how_many(tmp_path: Path) -> None:
    path, told = tmp_path / "position0.ome.tif", OME.format(0, IMAGE.format(0))
    tifffile.imwrite(path, np.ones((30, 40), np.uint16), description=told, metadata=None, ome=False)
    assert read_image(path).max(axis=(1, 2)).tolist() == [1, 0]
    assert images_beside(path).startswith("position0.ome.tif lacks 1 of its 2 planes, for which zeros are")


def test_images_beside_when_others_are_as_large_then_counts_them_but_no_pictures_of_a_slide(
    tmp_path: Path,
) -> None:
    path, slide = tmp_path / "cells.ome.tif", np.zeros((600, 800), np.uint8)
    with tifffile.TiffWriter(path) as file:
        file.write(slide, subifds=1, tile=(64, 64))
        file.write(slide[::2, ::2], subfiletype=1, tile=(64, 64))
        file.write(slide[:300], metadata={"Name": "label image"})
        file.write(slide[:100, :200], metadata={"Name": "small"})
    assert images_beside(path) == ""
    with tifffile.TiffWriter(path) as file:
        for _ in range(3):
            file.write(slide)
    told = "cells.ome.tif has 3 images, and only the first is taken; save each to a file of its own."
    assert images_beside(path) == told
    with opened_tiff(path) as (_, index):
        assert index == 0
    frames = [Image.fromarray(slide[:20, :20] + each) for each in range(3)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    assert images_beside(tmp_path / "film.gif").startswith("film.gif has 3 images, and only the first is ")
    assert images_beside(tmp_path / "none.tif") == images_beside(tmp_path / "cells.png") == ""


def test_convert_when_labels_are_several_images_then_says_that_the_first_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.eye(30, dtype=np.uint8)
    with tifffile.TiffWriter(tmp_path / "labels.ome.tif") as file:
        file.write(labels)
        file.write(labels * 2)
    assert main(["convert", str(tmp_path / "labels.ome.tif"), "-o", str(tmp_path / "labels.csv")]) == 0
    assert capsys.readouterr().err.startswith("labels.ome.tif has 2 images, and only the first is taken;")
