"""The two bundled open images, each with prompts that lie on its cells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SampleName = Literal["fluorescence", "tissue"]
SAMPLE_NAMES: tuple[SampleName, ...] = get_args(SampleName)

Point = tuple[float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Sample:
    """A bundled image and prompts on it, in (row, col) pixels.

    Attributes
    ----------
    title : str
        What it shows.
    image : ndarray of uint8, (Y, X) or (Y, X, 3)
        The pixels.
    points : tuple of (row, col)
        One point on each of several cells.
    boxes : tuple of (row_min, col_min, row_max, col_max)
        One box around each of several other cells.
    open_point : (row, col)
        A point on one more cell, for showing candidates that await a choice.
    """

    title: str
    image: NDArray[np.uint8]
    points: tuple[Point, ...]
    boxes: tuple[Box, ...]
    open_point: Point


def load_sample(name: SampleName) -> Sample:
    """Read a bundled image and its prompts.

    Parameters
    ----------
    name : {"fluorescence", "tissue"}
        Which one.

    Returns
    -------
    Sample
        The image with its prompts.
    """
    import numpy as np
    from PIL import Image

    folder = files("napari_sam") / "assets" / "samples"
    facts = json.loads((folder / "samples.json").read_text(encoding="utf-8"))[name]
    with (folder / f"{name}.png").open("rb") as stream:
        image = np.asarray(Image.open(stream))
    return Sample(
        title=facts["title"],
        image=image,
        points=tuple((row, col) for row, col in facts["points"]),
        boxes=tuple((top, left, bottom, right) for top, left, bottom, right in facts["boxes"]),
        open_point=(facts["open"][0], facts["open"][1]),
    )


def layer_settings(sample: Sample) -> dict[str, Any]:
    """Return a napari image layer's name and looks: grey images are shown up to their brightest pixels."""
    if sample.image.ndim == 3:
        return {"name": sample.title, "rgb": True}
    import numpy as np

    return {"name": sample.title, "contrast_limits": (0.0, float(np.percentile(sample.image, 99.9)))}


def fluorescence() -> list[tuple[NDArray[np.uint8], dict[str, Any], str]]:
    """Return the fluorescence sample as napari layer data."""
    return _layer_data("fluorescence")


def tissue() -> list[tuple[NDArray[np.uint8], dict[str, Any], str]]:
    """Return the stained-tissue sample as napari layer data."""
    return _layer_data("tissue")


def _layer_data(name: SampleName) -> list[tuple[NDArray[np.uint8], dict[str, Any], str]]:
    sample = load_sample(name)
    return [(sample.image, layer_settings(sample), "image")]
