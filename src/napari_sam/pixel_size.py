"""How large an image's pixels are, by what its file says, and labels that say the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
ATTRIBUTE = "pixel_size_micrometer"
"""Of a zarr array of labels: the height and width of a pixel."""


@dataclass(frozen=True)
class PixelSize:
    """Height and width of a pixel, in micrometers.

    Attributes
    ----------
    rows, cols : float
    """

    rows: float
    cols: float

    def to_tiff(self) -> dict[str, Any]:
        """Return the options of `tifffile.imwrite` that say it."""
        return {"resolution": (1e4 / self.cols, 1e4 / self.rows), "resolutionunit": "CENTIMETER"}

    def to_ome(self) -> dict[str, Any]:
        """Return what says it in the metadata that `tifffile.imwrite` takes for OME-TIFF."""
        units = dict.fromkeys(("PhysicalSizeXUnit", "PhysicalSizeYUnit"), "µm")
        return {"PhysicalSizeX": self.cols, "PhysicalSizeY": self.rows, **units}

    def note(self, path: Path) -> None:
        """Write it into the attributes of a zarr array."""
        import zarr

        zarr.open_array(path, mode="r+").attrs[ATTRIBUTE] = [self.rows, self.cols]


def pixel_size_of(path: Path) -> PixelSize | None:
    """Return the size of a pixel of a TIFF or OME-Zarr image, if the file says one that can be understood."""
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            rows, cols = _of_tiff(path)
        elif path.is_dir():
            rows, cols = _of_zarr(path)
        else:
            return None
    except (ArithmeticError, AttributeError, LookupError, SyntaxError, TypeError, ValueError):
        return None  # broken XML is a SyntaxError
    return PixelSize(rows, cols) if min(rows, cols) > 0 and max(rows, cols) < float("inf") else None


def _of_tiff(path: Path) -> tuple[float, float]:
    import tifffile

    with tifffile.TiffFile(path) as file:
        if file.ome_metadata:
            return _of_ome(file.ome_metadata)
        page = file.pages.first
        if file.imagej_metadata:
            unit = MICROMETERS[str(file.imagej_metadata["unit"])]
        else:
            unit = MICROMETERS[tifffile.RESUNIT(page.resolutionunit).name.lower()]
        across, down = page.resolution
        return unit / down, unit / across


def _of_ome(text: str) -> tuple[float, float]:
    import tifffile

    images = tifffile.xml2dict(text)["OME"]["Image"]
    pixels = (images[0] if isinstance(images, list) else images)["Pixels"]
    down, across = (
        float(pixels[f"PhysicalSize{axis}"]) * MICROMETERS[pixels.get(f"PhysicalSize{axis}Unit", "µm")]
        for axis in "YX"
    )
    return down, across


def _of_zarr(path: Path) -> tuple[float, float]:
    import zarr

    node = zarr.open(path, mode="r")
    held: Any = node.attrs.asdict()
    if isinstance(node, zarr.Array):
        rows, cols = held[ATTRIBUTE]
        return float(rows), float(cols)
    image = held.get("ome", held)["multiscales"][0]
    steps = (*image["datasets"][0]["coordinateTransformations"], *image.get("coordinateTransformations", ()))
    sizes = [MICROMETERS[axis["unit"]] for axis in image["axes"][-2:]]
    for step in steps:
        if step["type"] == "scale":
            sizes = [size * factor for size, factor in zip(sizes, step["scale"][-2:], strict=True)]
    return sizes[0], sizes[1]
