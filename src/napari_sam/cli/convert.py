"""``napari-sam convert``: objects from one program's file to another's."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError
from ..wording import counted
from . import arguments as arg

if TYPE_CHECKING:
    from ..export import Contents
    from ..export.regions import Shape

EXAMPLE = """\
examples:
  napari-sam convert labels.tif -o cells.geojson      # QuPath
  napari-sam convert labels.tif -o cells.zip          # ImageJ
  napari-sam convert cells.json -o cells.csv          # a spreadsheet
  napari-sam convert labels.tif -o cells.ome.zarr     # OME-Zarr
  napari-sam convert labels.tif -o image.ome.zarr/labels/cells    # into an image's own file
  napari-sam convert "cells.napari-sam/cells cells.journal" -o labels.tif    # what was committed in napari
  napari-sam convert cells.geojson -o labels.tif --like image.tif
"""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "convert",
        parents=[parent],
        help="change the format of labels",
        description="Read objects (labels as TIFF, PNG, .npy or OME-Zarr; COCO JSON; GeoJSON; ImageJ ROIs;"
        " a session's journal) and write them in another format, by the endings of the files.",
        epilog=EXAMPLE,
        formatter_class=arg.HelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="objects")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="where to write")
    parser.add_argument(
        "--like",
        type=Path,
        metavar="IMAGE",
        help="the image, which tells what FILE does not: shape (of GeoJSON and ROIs), axes, size of a pixel",
    )
    parser.add_argument("--pieces", action="store_true", help="make an object of every connected piece")
    arg.add_overwrite_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from ..export import pieces_of, read_objects, write_regions
    from ..files.overwriting import check_not_the_image
    from .files import tell_of_images_beside

    found = read_objects(arguments.file)
    tell_of_images_beside(arguments.file)
    if found.told:
        print(found.told, file=sys.stderr)
    if arguments.like:
        if not arguments.like.exists():
            raise DataError(f"There is no image {arguments.like}; check the name.")
        check_not_the_image(arguments.like, arguments.output)
        found = _laid_in(arguments.like, arguments.file, found)
    regions = pieces_of(found.regions) if arguments.pieces else found.regions
    write_regions(arguments.output, regions, found.shape, overwrite=arguments.overwrite, space=found.space)
    print(f"{arguments.output}: {counted([each.id for each in regions])}")


def _laid_in(image: Path, file: Path, found: Contents) -> Contents:
    """Return what a file holds as it lies in an image: its shape without channels, axes and pixel size.

    Objects without a plane lie in the first one of a stack.
    """
    from ..export import read_objects
    from ..export.space import USUAL, completed, space_named
    from ..files.pixel_size import pixel_size_of

    axes, sides = _planes(image, len(found.shape))
    if len(found.shape) < len(sides) and found.may_grow:
        found = read_objects(file, len(sides) - 2)
    regions, shape = found.regions, found.shape
    if len(shape) == 4 and axes.startswith("zt") and found.may_grow:  # which have t before z
        regions = [replace(region, plane=region.plane[::-1]) for region in regions]
    if len(shape) == 2 < len(sides):
        regions = [replace(region, plane=(0,) * (len(sides) - 2)) for region in regions]
    elif len(sides) != len(shape):
        raise DataError(
            f"{image} has {len(sides)} axes without channels, and the objects lie in {len(shape)}; give the"
            " image that they were drawn on."
        )
    if not found.may_grow and axes[-2:] in ("", "yx") and shape[-2:] != sides[-2:]:
        of, lie_in = (" x ".join(map(str, each[-2:])) for each in (sides, shape))
        told = f"{image} is of {of} pixels, and the objects lie in {lie_in}, laid into its first rows"
        print(f"{told} and columns", file=sys.stderr)
    space = space_named(axes, len(sides), pixel_size_of(image)) if len(sides) in USUAL else None
    return found._replace(
        regions=regions, shape=sides, space=completed(found.space, space, named=found.named)
    )


def _planes(image: Path, dimensions: int) -> tuple[str, Shape]:
    """Return names, if the file tells them, and lengths of axes without channels and needless ones of 1."""
    from ..automatic.batch.files import opened
    from ..files.axes import named_axes

    with opened(image) as array:
        shape = array.shape
    axes = named_axes(image)
    if not axes:  # colours are the last axis of a picture
        sides = shape[:-1] if len(shape) > 2 and shape[-1] in (3, 4) else shape
        axes = [("", side) for side in sides]
    axes = [(name, side) for name, side in axes if name not in ("C", "S")]
    for index in reversed(range(len(axes) - 2)):
        if len(axes) > dimensions and axes[index][1] == 1:
            del axes[index]
    return "".join(name for name, _ in axes).lower(), tuple(side for _, side in axes)
