"""Objects to and from the files of other programs."""

from .formats import READERS, SUFFIXES, WRITERS, left_out, read_regions, space_in, write_regions
from .regions import Region, labels_from_regions, pieces_of, regions_from_labels, regions_from_objects
from .space import Space

__all__ = [
    "READERS",
    "SUFFIXES",
    "WRITERS",
    "Region",
    "Space",
    "labels_from_regions",
    "left_out",
    "pieces_of",
    "read_regions",
    "regions_from_labels",
    "regions_from_objects",
    "space_in",
    "write_regions",
]
