"""ImageJ ROIs, in a zip as the ROI Manager saves them."""

from __future__ import annotations

import json
import math
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from roifile import ROI_SUBTYPE, ROI_TYPE, ImagejRoi

from napari_sam.errors import DataError
from napari_sam.masks import Mask, Origin, cropped

from .reading import Contents, axes_of, numbered, parsing, tightly
from .regions import Region, Shape
from .rings import Ring, filled, outline
from .space import USUAL, Space, stacked_axes

Points = list[tuple[float, float]]
MOVE, LINE, QUADRATIC, CUBIC, CLOSE = 0.0, 1.0, 2.0, 3.0, 4.0
POINTS = {MOVE: 1, LINE: 1, QUADRATIC: 2, CUBIC: 3, CLOSE: 0}
"""How many points each step of a shape's path has."""
MOST_PARTS = 1000
"""Into which a curve is cut."""
AREAS = (ROI_TYPE.POLYGON, ROI_TYPE.RECT, ROI_TYPE.OVAL, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED)
NO_AREAS = (ROI_SUBTYPE.TEXT, ROI_SUBTYPE.ARROW, ROI_SUBTYPE.IMAGE)
SECOND_HEADER, NAME, LENGTH_OF_NAME, PROPERTIES = 60, 16, 20, 40
"""Where a ROI says where its second header is, and where that says where the name is, how long it is, and
where the properties are and how long, in bytes."""
FORBIDDEN, LONGEST = re.compile(r'[\x00-\x1f"*/:<>?\\|]'), 100
"""What names in a zip cannot have on some systems, where they become files, and how long they are at most.
ImageJ's ROI Manager lists these names, and not those in the ROIs."""
NOTE = "note"
"""The property of a ROI that is what a person wrote of the object."""


def write_rois(path: Path, regions: Sequence[Region], shape: Shape, space: Space | None = None) -> None:
    """Write objects as ROIs, those with holes or several pieces as composite ones.

    A stack's axis is z unless its space says another one.

    Raises
    ------
    DataError
        If there are more than three axes before (Y, X).
    """
    if len(shape) not in USUAL:
        raise DataError(
            f"ImageJ's ROIs have no place for {len(shape)} axes; export planes, or use COCO JSON."
        )
    axes = stacked_axes(space, shape)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for index, region in enumerate(regions, 1):
            roi = _roi(region, axes)
            file.writestr(f"{index:05d} {FORBIDDEN.sub('_', roi.name)[:LONGEST]}.roi", _packed(roi))


def _roi(region: Region, axes: Mapping[str, int]) -> ImagejRoi:
    rings = [ring for polygon in outline(region) for ring in polygon]
    name = f"{region.category} {region.id}".strip()
    if len(rings) == 1:
        roi = ImagejRoi.frompoints(rings[0][:-1].astype(np.int32), name=name)
        roi.roitype = ROI_TYPE.POLYGON
        roi.right, roi.bottom = (int(side) for side in rings[0].max(axis=0))
    else:
        roi = _composite(region, rings, name)
    if region.note:  # in ASCII, and on one line, with escapes that Java's properties have as well
        roi.props = f"{NOTE}: {json.dumps(region.note)[1:-1]}\n"
    place = {axis: region.plane[index] + 1 for axis, index in axes.items()}
    roi.t_position, roi.z_position, roi.c_position = (place.get(axis, 0) for axis in "tzc")
    if len(place) == 1:
        roi.position = sum(place.values())
    return roi


def _packed(roi: ImagejRoi) -> bytes:
    """Return a ROI as its file has it.

    roifile counts the letters of the name, and ImageJ those of two bytes: some take two of them. The
    properties come after it.
    """
    packed = bytearray(roi.tobytes())
    (second,) = struct.unpack_from(">i", packed, SECOND_HEADER)
    length = len(roi.name.encode("utf-16-be"))
    struct.pack_into(">i", packed, second + LENGTH_OF_NAME, length // 2)
    if roi.props:
        (start,) = struct.unpack_from(">i", packed, second + NAME)
        struct.pack_into(">i", packed, second + PROPERTIES, start + length)
    return bytes(packed)


def _unpacked(packed: bytes) -> ImagejRoi:
    """Return a ROI that a file has.

    roifile, before 2026, cuts the properties short by what lies between the name and them.
    """
    roi = ImagejRoi.frombytes(packed)
    (second,) = struct.unpack_from(">i", packed, SECOND_HEADER)
    if 0 < second <= len(packed) - PROPERTIES - 8:
        start, length = struct.unpack_from(">ii", packed, second + PROPERTIES)
        roi.props = packed[start : start + 2 * length].decode("utf-16-be", errors="replace")
    return roi


def _note(roi: ImagejRoi) -> str:
    """Return what a person wrote of the object, also if ImageJ, which escapes nothing, has saved it anew."""
    said = dict(line.split(": ", 1) for line in roi.props.splitlines() if ": " in line)
    written = said.get(NOTE, "")
    try:
        return str(json.loads(f'"{written}"'))
    except ValueError:
        return written


def _composite(region: Region, rings: Sequence[Ring], name: str) -> ImagejRoi:
    """Return a ROI whose shape is a path of several rings."""
    path: list[float] = []
    for ring in rings:
        path += [MOVE, *ring[0]]
        for point in ring[1:-1]:
            path += [LINE, *point]
        path.append(CLOSE)
    (top, left), (height, width) = region.origin, region.mask.shape
    roi = ImagejRoi(
        roitype=ROI_TYPE.RECT, name=name, left=left, top=top, right=left + width, bottom=top + height
    )
    roi.version = 228
    roi.shape_roi_size = len(path)
    roi.multi_coordinates = np.array(path, np.float32)
    return roi


def read_rois(path: Path, axes: int) -> Contents:
    """Read objects, and the smallest image that holds them, as the file does not say how large it was.

    Points, lines and texts beside them are passed over.

    Parameters
    ----------
    path : Path
    axes : int
        How many axes before (Y, X) the image has at least.

    Raises
    ------
    DataError
        If the file holds no ROIs.
    """
    with parsing(f"{path.name} holds no ImageJ ROIs", "save them again"):
        rois = _areas_in(path)
        places = [_place(roi) for roi in rois]
        used = axes_of(places, axes)
        # 0 is no position: such a ROI is seen in all frames or slices, and goes to the first
        planes = (tuple(max(place[axis] - 1, 0) for axis in used) for place in places)
        regions = numbered(map(_region, rois, planes))
    return tightly(regions, used)


def _areas_in(path: Path) -> list[ImagejRoi]:
    everything = _rois_in(path)
    rois = [roi for roi in everything if roi.roitype in AREAS and roi.subtype not in NO_AREAS]
    if everything and not rois:
        raise ValueError("there are points, lines or texts alone")
    return rois


def _rois_in(path: Path) -> list[ImagejRoi]:
    """Return all ROIs of a file; folders and what macOS packs beside them are none."""
    if path.suffix.lower() != ".zip":
        return [_unpacked(path.read_bytes())]
    with zipfile.ZipFile(path) as file:
        names = [name for name in file.namelist() if name.lower().endswith(".roi")]
        if file.namelist() and not names:
            raise ValueError("there is no .roi in it")
        return [_unpacked(file.read(name)) for name in names if not PurePosixPath(name).name.startswith("._")]


def _place(roi: ImagejRoi) -> tuple[int, int]:
    """Return frame and slice, from 1 on; of images with one axis ImageJ may know the position alone."""
    return roi.t_position, roi.z_position or (0 if roi.t_position else roi.position)


def _region(roi: ImagejRoi, plane: tuple[int, ...]) -> Region | None:
    found = _oval(roi) if roi.roitype == ROI_TYPE.OVAL else filled(_rings(roi))
    if found is None:
        return None
    category, _, number = roi.name.rpartition(" ") if roi.name else ("", "", "")
    if not number.isdecimal():  # a name of another kind, such as "T cell"
        category, number = "", "0"
    return Region(int(number), plane, *found, category=category, note=_note(roi))


def _oval(roi: ImagejRoi) -> tuple[Origin, Mask] | None:
    """Return the pixels whose centres lie in an ellipse, as ImageJ does; roifile makes 32 lines of it."""
    rows = np.arange(max(roi.top, 0), roi.bottom)[:, None]
    cols = np.arange(max(roi.left, 0), roi.right)
    down = (2 * rows + 1 - roi.top - roi.bottom) / (roi.bottom - roi.top)
    across = (2 * cols + 1 - roi.left - roi.right) / (roi.right - roi.left)
    found = cropped((max(roi.top, 0), max(roi.left, 0)), down**2 + across**2 <= 1)
    return found if found[1].size else None


def _rings(roi: ImagejRoi) -> list[Ring]:
    if roi.multi_coordinates is None:
        return [np.asarray(roi.coordinates(), float)]
    return [np.asarray(ring, float) for ring in _path(roi.multi_coordinates.tolist())]


def _path(path: list[float]) -> list[Points]:
    """Return the rings of a shape; roifile knows no curves, which combined ovals have."""
    rings: list[Points] = []
    at = 0
    while at < len(path):
        step = path[at]
        end = at + 1 + 2 * POINTS[step]
        if step == MOVE:
            rings.append([])
        rings[-1] += _drawn(step, rings[-1], path[at + 1 : end])
        at = end
    return rings


def _drawn(step: float, ring: Points, numbers: list[float]) -> Points:
    """Return the points that a step adds to a ring."""
    if step == CLOSE:
        return ring[:1]
    if step in (MOVE, LINE):
        return [(numbers[0], numbers[1])]
    return _curve(np.reshape([*ring[-1], *numbers], (1 + POINTS[step], 2)))


def _curve(points: NDArray[np.float64]) -> Points:
    """Return points along a Bezier curve, between which it is straight to a tenth of a pixel.

    Parameters
    ----------
    points : (3 or 4, 2) float
        Where it starts, what it is drawn to, where it ends.
    """
    length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    parts = min(math.ceil(2 * math.sqrt(length)), MOST_PARTS)
    place = np.linspace(0, 1, parts + 1)[1:, None, None]
    while points.shape[-2] > 1:  # de Casteljau's way
        points = (1 - place) * points[..., :-1, :] + place * points[..., 1:, :]
    return [(x, y) for x, y in points.reshape(-1, 2).tolist()]
