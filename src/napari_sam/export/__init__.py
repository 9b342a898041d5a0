"""Objects to and from the files of other programs."""

from .formats import READERS, SUFFIXES, WRITERS, read_objects, read_regions, write_regions
from .reading import Contents
from .regions import Region, labels_from_regions, pieces_of, regions_from_labels, regions_from_objects
from .space import Space

__all__ = [
    "READERS",
    "SUFFIXES",
    "WRITERS",
    "Contents",
    "Region",
    "Space",
    "labels_from_regions",
    "pieces_of",
    "read_objects",
    "read_regions",
    "regions_from_labels",
    "regions_from_objects",
    "write_regions",
]
