"""TIFF files, looked at before they are read: which image is theirs, what is beside it, what is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf, prod
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries

TIFF = (".tif", ".tiff", ".lsm", ".stk", ".svs", ".ndpi", ".qptiff")
"""What microscopes and slide scanners call it, too."""
DENSEST = {1: 2, 5: 1500, 8: 1100, 32773: 64, 32946: 1100}
"""Most bytes of pixels in one of a file: uncompressed (with half the colours), LZW, deflate, PackBits."""
TOO_LARGE = "needs more memory than there is; close other programs, or cut it into smaller images."
"""What is told of a file, by its name."""
JPEG = {6, 7, 33007, 34892}
"""What files call it."""
ASIDE = {"label", "macro", "thumbnail", "preview", "overview"}
"""What slide scanners call the pictures that they take beside a slide's own."""
SMALL = 16
"""An image with so many times fewer pixels than the first is a picture of it."""


@contextmanager
def opened_tiff(path: Path) -> Iterator[tuple[TiffFile, int]]:
    """Open a TIFF file whose first image can be read.

    Yields
    ------
    file : tifffile.TiffFile
    index : int
        Which of its series is the first that lies in this file: each file of a set tells of all images.

    Raises
    ------
    ValueError
        If there is none, or it is too large for the file to hold it; tifffile raises others on other damage.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        if not file.series:
            raise ValueError("it holds no image")
        index = next((index for index, each in enumerate(file.series) if _lies_in(each, file)), 0)
        if not _holds(file.series[index]):
            shape = " x ".join(map(str, file.series[index].keyframe.shape))
            raise ValueError(f"it is said to be of {shape} pixels, which the file does not hold")
        yield file, index


class Contents(NamedTuple):
    """What is in a file: images, whether all lie in it, planes of the first, how many are missing."""

    images: int = 1
    alone: bool = True
    planes: int = 0
    missing: int = 0


def contents_of(path: Path, *, in_set: bool) -> Contents:
    """Count a file's images, without labels and thumbnails of slides, and the planes of the first one.

    Images in other files of the same set count with `in_set`. For planes that an OME-TIFF lacks, zeros are
    read.
    """
    with opened_tiff(path) as (file, index):
        first = file.series[0 if in_set else index]
        found = [each for each in file.series if in_set or _lies_in(each, file)]
        images = 1 + sum(each is not first and not _is_aside(each, first) for each in found)
        there = [page is not None for page in first.pages] if first.kind == "ome" else []
        return Contents(images, all(_lies_in(each, file) for each in found), len(there), there.count(False))


def is_jpeg(path: Path) -> bool:
    """Say whether the first image of a TIFF file is compressed by JPEG."""
    with opened_tiff(path) as (file, index):
        return file.series[index].keyframe.compression in JPEG


def _lies_in(series: TiffPageSeries, file: TiffFile) -> bool:
    return any(page is not None and page.parent is file for page in series)


def _is_aside(series: TiffPageSeries, first: TiffPageSeries) -> bool:
    """Say whether an image is a small picture of the first, or what a scanner took beside it."""
    named = ASIDE & set(series.name.lower().split())
    return bool(named or series.keyframe.is_reduced) or series.size * SMALL <= first.size


def _holds(series: TiffPageSeries) -> bool:
    """Say whether the bytes of an image's first plane can be its pixels; missing tiles take none."""
    page = series.keyframe
    counts = page.databytecounts
    if (page.compression != 1 or page.is_tiled) and len(counts) < prod(page.chunked):
        return False
    there = sum(count > 0 for count in counts) / max(len(counts), 1)
    room = min(sum(counts), page.parent.filehandle.size) * DENSEST.get(page.compression, inf)
    return page.size * page.bitspersample / 8 * there <= room
