"""Image layers as the model sees them when channels are mixed: without a channel axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.utils.transforms import Affine

from napari_sam.errors import ImageError
from napari_sam.export.file_space import FileSpace
from napari_sam.session.channels import COLOURS, channel_axis, suggested_colours

from .planes import ALIGNED, axis_names, image_shape, layers_of, read_window, sliders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_sam.predict import PlaneWindow
    from napari_sam.session import Plane
    from napari_sam.session.channels import Mix

MOST = 32
"""Longer axes are no channels."""
SHARED = ("source", "multiscale", "data", "events")
"""What a mixed image has in common with the layer that it is of."""


class Mixed:
    """An image layer whose channels are mixed; it has what this package asks of an image layer.

    Labels and prompts lie over all channels. napari aligns axes by the last one, so a first axis can be
    left out of them; any other one is kept, and their only pixel on it is longer than all channels.

    Parameters
    ----------
    layer : napari.layers.Image
        Whose axis is the channels', or the first of the layers that are mixed.
    mix : Mix
    others : sequence of napari.layers.Image
        The other layers, if the channels are layers.

    Raises
    ------
    ImageError
        If the layers do not lie over each other, or have colours already.
    """

    def __init__(self, layer: Image, mix: Mix, others: Sequence[Image] = ()) -> None:
        self.mix = mix
        self.layers = (layer, *others)
        for other in self.layers:
            if other.rgb or not lie_together(layer, other):
                raise ImageError(
                    f"The layer {other.name!r} has another shape or place than {layer.name!r}, or colours of"
                    " its own; mix grey images that lie over each other."
                )
        self._layer = layer
        self._drop = mix.axis == 0

    def __getattr__(self, name: str) -> Any:
        """Return what the layer has, of what does not depend on its axes."""
        if name in SHARED:
            return getattr(self._layer, name)
        if name in ALIGNED:
            return self._options()[name]
        raise AttributeError(name)

    @property
    def name(self) -> str:
        """What its labels are named after."""
        return mixed_name(self._layer)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the labels."""
        full = image_shape(self._layer)
        if self._drop:
            return full[1:]
        return tuple(1 if axis == self.mix.axis else side for axis, side in enumerate(full))

    @property
    def ndim(self) -> int:
        """Number of the labels' axes."""
        return len(self.shape)

    def world_to_data(self, position: Sequence[float]) -> tuple[float, ...]:
        """Return a position in pixels; on a channel axis that is kept, that of its only one."""
        missing = self._layer.ndim - len(position)
        found = list(self._layer.world_to_data((*self._layer.translate[:missing], *position)))
        if self._drop:
            return tuple(found[1:])
        return tuple(0.0 if axis == self.mix.axis else value for axis, value in enumerate(found))

    def read(self, plane: Plane, window: PlaneWindow) -> NDArray[Any]:
        """Return a window's finest pixels of the channels that are seen, (Y, X, C)."""
        axis = self.mix.axis
        if axis is None:
            return np.stack([read_window(layer, plane, window) for layer in self.layers], axis=-1)
        after = 0 if self._drop else axis + 1
        indices = [(*plane[:axis], place, *plane[after:]) for place in self.mix.places]
        return np.stack([read_window(self._layer, index, window) for index in indices], axis=-1)

    def _options(self) -> dict[str, Any]:
        """Return what lays another layer over it."""
        options = {name: getattr(self._layer, name) for name in ALIGNED}
        axis = self.mix.axis
        if axis is None:
            return options
        if self._drop:
            return _without_first(options)
        count = image_shape(self._layer)[axis]
        scale, translate = np.array(options["scale"]), np.array(options["translate"])
        translate[axis] += scale[axis] * (count - 1) / 2
        scale[axis] *= 2 * count  # so long that all channels are within half a pixel of each other
        return {**options, "scale": scale, "translate": translate}


def mixed_name(layer: Layer) -> str:
    """Return what an image layer is called when its channels are mixed."""
    return f"{layer.name} mixed"


def _without_first(options: dict[str, Any]) -> dict[str, Any]:
    """Return what lays a layer over another one that has one axis more, the first."""
    size = len(options["scale"])
    shear = np.zeros((size, size))
    shear[np.triu_indices(size, 1)] = options["shear"]
    return {
        **{name: options[name][1:] for name in ("scale", "translate", "units", "axis_labels")},
        "rotate": np.array(options["rotate"])[1:, 1:],
        "shear": shear[1:, 1:][np.triu_indices(size - 1, 1)],
        "affine": Affine(affine_matrix=np.array(options["affine"].affine_matrix)[1:, 1:]),
    }


def lie_together(one: Image, other: Image) -> bool:
    """Say whether the pixels of two image layers lie over each other."""
    if image_shape(one) != image_shape(other) or one.units != other.units:
        return False
    ends = (np.zeros(one.ndim), np.array(image_shape(one), float))
    return all(np.allclose(one.data_to_world(end), other.data_to_world(end)) for end in ends)


@image_shape.register(Mixed)
def _(image: Mixed) -> tuple[int, ...]:
    return image.shape


@read_window.register(Mixed)
def _(image: Mixed, plane: Plane, window: PlaneWindow) -> NDArray[Any]:
    return image.read(plane, window)


@layers_of.register(Mixed)
def _(image: Mixed) -> tuple[Image, ...]:
    return image.layers


@dataclass(frozen=True)
class Choice:
    """What channels can be: an axis of an image layer, or layers.

    Attributes
    ----------
    title : str
        For the person.
    axis : int or None
        None for layers.
    sources : tuple of int or str
        Places on the axis, or names of layers.
    keys : tuple of int or UUID
        What the same channels are known by later: their places, or what layers are, whatever their names.
    names : tuple of str
        What the person calls them.
    colours : tuple of str
        To begin with.
    named : bool
        The axis is named for channels.
    """

    title: str
    axis: int | None
    sources: tuple[int | str, ...]
    keys: tuple[int | UUID, ...]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    named: bool = False


def channel_choices(image: Image, layers: Iterable[Layer]) -> tuple[Choice, ...]:
    """Return what the channels of an image may be; nothing for an RGB one.

    Parameters
    ----------
    image : napari.layers.Image
    layers : iterable of napari.layers.Layer
        All there are; those that lie over the image can be mixed with it.
    """
    if image.rgb or image.ndim < 2:
        return ()
    shape = image_shape(image)
    named = channel_axis(axis_names(image), shape)
    called = FileSpace.kept_in(image.metadata).channels
    choices = []
    for axis, title in sliders(image).items():
        count = shape[axis]
        if count <= MOST:
            channels = called if axis == named and len(called) == count else _numbered(count)
            colours = suggested_colours(count)
            places = tuple(range(count))
            choices.append(Choice(title, axis, places, places, channels, colours, axis == named))
    others = [each for each in layers if _can_be_mixed(image, each)]
    if others:
        together = (image, *others)
        names, keys = tuple(each.name for each in together), tuple(each.unique_id for each in together)
        choices.append(Choice(f"layers ({len(names)})", None, names, keys, names, _shown_colours(together)))
    return tuple(choices)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"channel {place}" for place in range(count))


def _can_be_mixed(image: Image, other: Layer) -> bool:
    # equal rather than the same: napari gives a plugin layers in wrappers, another one each time
    return isinstance(other, Image) and other != image and not other.rgb and lie_together(image, other)


def _shown_colours(layers: Sequence[Image]) -> tuple[str, ...]:
    """Return the colours that napari shows layers in, if they are any."""
    shown = ["grey" if each.colormap.name == "gray" else each.colormap.name for each in layers]
    if len(set(shown)) > 1 and set(shown) <= set(COLOURS):
        return tuple(shown)
    return suggested_colours(len(layers))


def mixed(image: Image, mix: Mix | None, layers: Mapping[str, Layer]) -> Image | Mixed:
    """Return an image as the model is to see it.

    Raises
    ------
    ImageError
        If the layers of a mix do not lie over each other.
    """
    if mix is None:
        return image
    if mix.axis is not None:
        return Mixed(image, mix)
    first, *others = (layers[name] for name in mix.names)
    return Mixed(first, mix, others)
