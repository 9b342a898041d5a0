"""``napari-sam convert``: objects from one program's file to another's."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import arguments as arg

EXAMPLE = """\
example:
  napari-sam convert labels.tif -o cells.geojson      # QuPath
  napari-sam convert labels.tif -o cells.zip          # ImageJ
  napari-sam convert cells.json -o cells.csv          # a spreadsheet
  napari-sam convert labels.tif -o cells.ome.zarr     # OME-Zarr
  napari-sam convert labels.tif -o image.ome.zarr/labels/cells    # into an image's own file
  napari-sam convert cells.geojson -o labels.tif --like image.tif
"""


def add_parser(commands: arg.Commands, parent: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "convert",
        parents=[parent],
        help="change the format of labels",
        description="Read objects (labels as TIFF, PNG, .npy or OME-Zarr; COCO JSON; GeoJSON; ImageJ ROIs)"
        " and write them in another format, by the endings of the files.",
        epilog=EXAMPLE,
        formatter_class=arg.HelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="objects")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="where to write")
    parser.add_argument(
        "--like",
        type=Path,
        metavar="IMAGE",
        help="the image, for its size: GeoJSON and ROIs do not tell",
    )
    parser.add_argument("--pieces", action="store_true", help="make an object of every connected piece")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from ..export import labels_from_regions, read_regions, regions_from_labels, space_in, write_regions
    from .files import read_image

    regions, shape = read_regions(arguments.file)
    if arguments.like:
        axes = len(shape)
        shape = read_image(arguments.like).shape[:axes]
    if arguments.pieces:
        regions = regions_from_labels(labels_from_regions(regions, shape), pieces=True)
    space = space_in(arguments.file)
    write_regions(arguments.output, regions, shape, overwrite=arguments.overwrite, space=space)
    print(f"{arguments.output}: {len(regions)} object{'' if len(regions) == 1 else 's'}")
