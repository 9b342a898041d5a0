"""Where an image lies: its axes, and how large a pixel is along each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from napari_sam.files.pixel_size import MICROMETERS, PixelSize

from .file_space import FileSpace

ORDER = "tczyx"
"""The axes that OME-NGFF knows, in the order that it wants them in."""
USUAL = {1: "x", 2: "yx", 3: "zyx", 4: "tzyx", 5: "tczyx"}
"""What the axes of an image are, as long as nobody says otherwise."""


@dataclass(frozen=True)
class Space:
    """The axes of an image.

    Attributes
    ----------
    axes : str
        A letter an axis, of t, c, z, y and x; the last two are y and x.
    scale, translate : tuple of float
        Size of a pixel, and position of the first one's centre.
    units : tuple of str
        Of the two, by their full names, such as "micrometer"; "pixel" if unknown.
    """

    axes: str
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: tuple[str, ...]

    def in_order(self, axes: str) -> Space:
        """Return the same space with its axes in another order."""
        places = [self.axes.index(axis) for axis in axes]
        return Space(
            axes,
            tuple(self.scale[place] for place in places),
            tuple(self.translate[place] for place in places),
            tuple(self.units[place] for place in places),
        )

    def to_layer(self) -> dict[str, Any]:
        """Return the options that lay a napari layer over the image."""
        return {
            "scale": self.scale,
            "translate": self.translate,
            "units": self.units,
            "axis_labels": tuple(self.axes),
        }


def plain_space(dimensions: int) -> Space:
    """Return the space of an image of which nothing else is known; at most five dimensions."""
    axes = USUAL[dimensions]
    return Space(axes, (1.0,) * dimensions, (0.0,) * dimensions, ("pixel",) * dimensions)


def measured(space: Space, size: PixelSize | None) -> Space:
    """Return a space with the sizes of its pixels in micrometers, as far as they are known."""
    if size is None:
        return space
    known = {"y": size.rows, "x": size.cols, **({} if size.planes is None else {"z": size.planes})}
    scale = tuple(known.get(axis, old) for axis, old in zip(space.axes, space.scale, strict=True))
    moved = zip(space.translate, space.scale, scale, strict=True)
    return replace(
        space,
        scale=scale,
        translate=tuple(place / old * new for place, old, new in moved),
        units=tuple(
            "micrometer" if axis in known else old for axis, old in zip(space.axes, space.units, strict=True)
        ),
    )


def space_named(names: Sequence[str], dimensions: int, size: PixelSize | None) -> Space:
    """Return the space of an image, by the names of its axes if they are known, and the size of a pixel.

    Parameters
    ----------
    names : sequence of str
        None if they have none.
    dimensions : int
        At most five.
    size : PixelSize, optional
    """
    plain = plain_space(dimensions)
    return measured(replace(plain, axes=known_axes(names) or plain.axes), size)


def completed(space: Space | None, image: Space | None, *, named: bool) -> Space | None:
    """Return the space of objects that lie in an image, which tells what their own file does not.

    Parameters
    ----------
    space : Space, optional
        Of their file, if it says any.
    image : Space, optional
        Without one, that of the file is returned.
    named : bool
        Whether the file names its axes, or they are guessed.
    """
    if space is None or image is None:
        return space or image
    if named and len(space.axes) == len(image.axes):
        return space if size_in(space) else measured(space, size_in(image))
    return measured(image, size_in(space))


def size_in(space: Space) -> PixelSize | None:
    """Return how large the pixels of a space are; None if it does not tell by lengths."""
    sizes = {
        axis: size * MICROMETERS[unit]
        for axis, size, unit in zip(space.axes, space.scale, space.units, strict=True)
        if unit in MICROMETERS
    }
    return PixelSize(sizes["y"], sizes["x"], sizes.get("z")) if {"y", "x"} <= sizes.keys() else None


def stacked_axes(space: Space | None, shape: Sequence[int]) -> dict[str, int]:
    """Return which axes before (Y, X) are t, z and c, by what the space says, or as is usual.

    Labels of mixed channels have one place on the axis of these, which is none: they are of all channels.
    """
    axes = plain_space(len(shape)).axes if space is None else space.axes
    return {axis: place for place, axis in enumerate(axes[:-2]) if axis != "c" or shape[place] > 1}


def space_of_layer(attributes: Mapping[str, Any], dimensions: int) -> Space:
    """Return the space of a napari layer; what nobody said of it is as its image's file says.

    Parameters
    ----------
    attributes : mapping
        Of the layer, as napari gives them to a writer.
    dimensions : int
        At most five.
    """
    plain = plain_space(dimensions)
    file = FileSpace.kept_in(attributes.get("metadata", {}))
    usual = file.axes if len(file.axes) == dimensions else plain.axes
    space = Space(
        known_axes(attributes.get("axis_labels", ())) or usual,
        tuple(float(size) for size in attributes.get("scale", plain.scale)),
        tuple(float(place) for place in attributes.get("translate", plain.translate)),
        tuple(str(unit) for unit in attributes.get("units", plain.units)),
    )
    unsaid = space.scale[-2:] == plain.scale[-2:] and space.units == plain.units
    return measured(space, file.size) if unsaid else space


def known_axes(names: Sequence[str]) -> str:
    """Return axes by the first letters of their names; empty if these are others, or y and x not the last."""
    letters = "".join(name[:1].lower() for name in names)
    known = all(name.lower() in (*ORDER, "time", "channel") for name in names)
    return letters if known and len({*letters}) == len(letters) and "yx".endswith(letters[-2:]) else ""
