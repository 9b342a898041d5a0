"""How large an image's pixels are, by what its file says, and labels that say the same."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .tiff import TIFF
from .zarr_images import image_in

MICROMETERS = {
    **dict.fromkeys(("µm", "μm", "um", "micron", "microns", "micrometer", "\\u00B5m"), 1.0),
    **dict.fromkeys(("nm", "nanometer"), 1e-3),
    **dict.fromkeys(("Å", "angstrom"), 1e-4),
    **dict.fromkeys(("mm", "millimeter"), 1e3),
    **dict.fromkeys(("cm", "centimeter"), 1e4),
    **dict.fromkeys(("m", "meter"), 1e6),
    **dict.fromkeys(("inch", "in"), 25_400.0),
}
"""How long units are, by the names that TIFF, OME and ImageJ files give them."""
MPP = re.compile(r"MPP *= *([0-9.]+)")
"""In the description of Aperio's slides: micrometers per pixel."""
PICTURES = 72, 96, 100, 120, 144, 150, 180, 200, 240, 250, 300, 350, 360, 400, 500, 600, 720, 900, 1000, 1200
"""Dots an inch, on screen or paper, that programs for pictures write where nothing is known."""
PRINTED = MICROMETERS["inch"], MICROMETERS["cm"]
"""Units that these are told in; whoever says 127 micrometers to ImageJ means them."""
Sizes = tuple[float, float, float]
"""Rows, columns and planes; 0 where the last is not known."""
ATTRIBUTE = "pixel_size_micrometer"
"""Of a zarr array of labels: the height and width of a pixel."""
SPACING = "spacing"
"""In a TIFF's description: how far planes are apart, in ImageJ's unit; of our labels, in micrometers."""


@dataclass(frozen=True)
class PixelSize:
    """Height and width of a pixel, in micrometers.

    Attributes
    ----------
    rows, cols : float
    planes : float, optional
        How far the planes of a volume are apart, if that is known.
    """

    rows: float
    cols: float
    planes: float | None = None

    def to_tiff(self) -> dict[str, Any]:
        """Return the options of `tifffile.imwrite` that say it."""
        return {"resolution": (1e4 / self.cols, 1e4 / self.rows), "resolutionunit": "CENTIMETER"}

    def to_ome(self) -> dict[str, Any]:
        """Return what says it in the metadata that `tifffile.imwrite` takes for OME-TIFF."""
        sizes = {"X": self.cols, "Y": self.rows, "Z": self.planes}
        known = {f"PhysicalSize{axis}": size for axis, size in sizes.items() if size is not None}
        return {**known, **{f"{name}Unit": "µm" for name in known}}

    def note(self, path: Path) -> None:
        """Write it into the attributes of a zarr array."""
        import zarr

        zarr.open_array(path, mode="r+").attrs[ATTRIBUTE] = [self.rows, self.cols]


def pixel_size_of(path: str | os.PathLike[str], *, upright: bool = False) -> PixelSize | None:
    """Return the size of a pixel of a TIFF or OME-Zarr image, if the file says one that can be understood.

    Rows and columns are the last two axes as stored or, `upright`, those that the file names y and x.
    """
    path = Path(path)
    try:
        if path.suffix.lower() in TIFF:
            sizes = _of_tiff(path)
        elif path.is_dir():
            sizes = _of_zarr(path, upright=upright)
        else:
            return None
    except (ArithmeticError, AttributeError, LookupError, SyntaxError, TypeError, ValueError):
        return None  # broken XML is a SyntaxError
    rows, cols, planes = (size if 0 < size < float("inf") else None for size in sizes)
    return None if rows is None or cols is None else PixelSize(rows, cols, planes)


def _of_tiff(path: Path) -> Sizes:
    import tifffile

    with tifffile.TiffFile(path) as file:
        if file.ome_metadata:
            return _of_ome(file.ome_metadata)
        if voxel := file.lsm_metadata:
            return voxel["VoxelSizeY"] * 1e6, voxel["VoxelSizeX"] * 1e6, voxel["VoxelSizeZ"] * 1e6
        page = file.pages.first
        if page.is_svs:  # a file is so for younger tifffile only if it is tiled
            return (side := float(MPP.findall(page.description)[0])), side, 0.0
        across, down = page.resolution
        if said := file.imagej_metadata:
            unit = apart = MICROMETERS[str(said["unit"])]
        elif across == down == 1:  # what tifffile gives, and others write, where nothing is known
            return 0.0, 0.0, 0.0
        else:
            unit, apart = MICROMETERS[tifffile.RESUNIT(page.resolutionunit).name.lower()], 1.0
            said = (file.shaped_metadata or ({},))[0]
        down, across = unit / down, unit / across
        if unit in PRINTED and round(MICROMETERS["inch"] / across, 1) in PICTURES:
            return 0.0, 0.0, 0.0
        return down, across, apart * _number(said.get(SPACING))


def told_by_ome(text: str) -> dict[str, Any]:
    """Return what OME's XML says of the pixels of the first image.

    Raises
    ------
    KeyError, SyntaxError, TypeError
        If it says nothing that can be understood.
    """
    import tifffile

    images = tifffile.xml2dict(text)["OME"]["Image"]
    pixels: dict[str, Any] = (images[0] if isinstance(images, list) else images)["Pixels"]
    return pixels


def _of_ome(text: str) -> Sizes:
    pixels = told_by_ome(text)
    down, across = (
        float(pixels[f"PhysicalSize{axis}"]) * MICROMETERS[pixels.get(f"PhysicalSize{axis}Unit", "µm")]
        for axis in "YX"
    )
    apart = _number(pixels.get("PhysicalSizeZ")) * MICROMETERS.get(pixels.get("PhysicalSizeZUnit", "µm"), 0.0)
    return down, across, apart


def _of_zarr(path: Path, *, upright: bool) -> Sizes:
    array, image = image_in(path)
    if not image:
        noted: Any = array.attrs[ATTRIBUTE]
        return float(noted[0]), float(noted[1]), 0.0
    steps = (*image["datasets"][0]["coordinateTransformations"], *image.get("coordinateTransformations", ()))
    axes = image["axes"]
    names = [axis["name"] for axis in axes]
    plane = [names.index("y"), names.index("x")] if upright else [len(axes) - 2, len(axes) - 1]
    depths = [index for index, name in enumerate(names) if name == "z" and index not in plane]
    kept = [*plane, *depths]
    sizes = [MICROMETERS[axes[index]["unit"]] for index in kept[:2]]
    sizes += [MICROMETERS.get(axes[index].get("unit"), 0.0) for index in depths]
    for step in steps:
        if step["type"] == "scale":
            sizes = [size * step["scale"][index] for size, index in zip(sizes, kept, strict=True)]
    rows, cols, apart = (*sizes, 0.0)[:3]
    return rows, cols, apart


def _number(said: Any) -> float:
    """Return a number that a file may say; 0 if it says none."""
    try:
        return float(said)
    except (TypeError, ValueError):
        return 0.0
