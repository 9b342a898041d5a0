"""What was begun in a viewer before: the labels and journals of images, whatever they are called by now."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from napari_sam.export.layers import OBJECTS
from napari_sam.session.fingerprint import fingerprint

from ..layers.planes import image_shape, layers_of

if TYPE_CHECKING:
    from napari.layers import Image, Labels

    from ..layers.mixed import Mixed


@dataclass(frozen=True)
class Begun:
    """What is found again when an image is started once more, whatever it is called by then.

    Attributes
    ----------
    called : str
        What it was called at its first start.
    name : str
        What the journal of its labels goes by.
    pixels : str
        The fingerprint that its journal knows it by, where the image was given other pixels while it was
        annotated.
    holds : callable
        Says whether some data are those pixels.
    """

    called: str
    name: str
    pixels: str = ""
    holds: Callable[[Any], bool] = lambda _: False


class EarlierStarts:
    """Remembers what was begun: on which image, with which labels, by which names."""

    def __init__(self) -> None:
        self._known_as: dict[Any, str] = {}  # of annotated Labels layers by id, before somebody renamed them
        self._begun: dict[Hashable, Begun] = {}  # by image
        self._labels_of: dict[Hashable, Any] = {}  # id of the last labels, by an image layer and their shape

    def labels_of(self, image: Any, layers: Iterable[Any], seen: Image | Mixed) -> Any:
        """Return the id of the Labels layer of an image layer's last start; None if there was none.

        Of a start in a dock that was closed since, the labels are known by objects and name. Those of a start
        with other channels are passed over if they do not fit.

        Parameters
        ----------
        image : napari.layers.Image
        layers : iterable of napari.layers.Layer
            All that there are.
        seen : napari.layers.Image or Mixed
            The image as the model is to see it.
        """
        name, shape = new_name(seen.name), image_shape(seen)
        found = (self._labels_of.get((each, shape)) for each in (image.unique_id, _look(image)))
        named = (each for each in layers if each.name == name and OBJECTS in each.metadata)
        alike = (each.unique_id for each in named if tuple(each.data.shape) == shape)
        return next(filter(None, (*found, *alike)), None)

    def name_of(self, labels: Labels | None, image: Any, layers: Iterable[Any]) -> str:
        """Return the name that the journal of labels goes by.

        Of new ones, that of the labels of an image that were there the last time and are gone, or a free one.

        Parameters
        ----------
        labels : napari.layers.Labels or None
            None for new ones.
        image : napari.layers.Image or Mixed
        layers : iterable of napari.layers.Layer
            All that there are.
        """
        if labels is not None:
            return str(self._known_as.get(labels.unique_id, labels.name))
        taken = {name for each in layers for name in (each.name, self._known_as.get(each.unique_id, ""))}
        begun = self._begun.get(_key(image))
        if begun is not None and begun.name not in taken:
            return begun.name
        return free_name(new_name(image.name), taken)

    def as_known(self, image: Any) -> Any:
        """Return an image by the name and pixels that the journal of one without a file goes by."""
        begun = self._begun.get(_key(image))
        if begun is None:
            return image
        return Called(image, begun.called, begun.pixels if begun.holds(image.data) else "")

    def remember(self, chosen: Any, image: Any, labels: Any, name: str) -> None:
        """Remember what was begun: on which layer, how the model sees it, with which labels and journal."""
        begun = self._begun.get(_key(image), Begun(image.name, name))
        self._begun[_key(image)] = replace(begun, name=name)
        self._known_as[labels.unique_id] = name
        for each in (chosen.unique_id, _look(chosen)):
            self._labels_of[each, image_shape(image)] = labels.unique_id

    def replaced(self, image: Any, pixels: str) -> None:
        """Remember that an image has other pixels while it is annotated, whose labels are still its own.

        Parameters
        ----------
        image : napari.layers.Image or Mixed
        pixels : str
            The fingerprint that its journal knows it by.
        """
        now = _held(image.data)
        self._begun[_key(image)] = replace(
            self._begun[_key(image)], pixels=pixels, holds=lambda data: data is now()
        )


def _held(data: Any) -> Callable[[], Any]:
    """Return what gives some data as long as somebody needs them; lazy ones, which are small, for good."""
    with suppress(TypeError):
        return ref(data)
    return lambda: data


class Called:
    """An image by the name and pixels that its journal knows it by.

    Parameters
    ----------
    image : napari.layers.Image or Mixed
    name : str
    pixels : str
        The fingerprint; empty where it is that of its pixels now.
    """

    def __init__(self, image: Any, name: str, pixels: str) -> None:
        self.image, self.name, self.pixels = image, name, pixels

    def __getattr__(self, name: str) -> Any:
        """Return what the image has."""
        return getattr(self.image, name)


@image_shape.register
def _(image: Called) -> tuple[int, ...]:
    return image_shape(image.image)


@layers_of.register
def _(image: Called) -> tuple[Any, ...]:
    return layers_of(image.image)


def _key(image: Any) -> Hashable:
    """Return what tells an image, as the model sees it, from all others of a viewer."""
    return layers_of(image)[0].unique_id, type(image).__name__


def _look(image: Any) -> Hashable:
    """Return what an image layer is known by when it was removed and is there again, as another layer."""
    source, data = image.source.path, image.data
    pixels = fingerprint(data) if source is None and type(data) is np.ndarray else ""  # at no cost
    return str(source), image.name, pixels


def new_name(image: str) -> str:
    """Return what new labels of an image of this name are called."""
    return f"{image} cells"


def free_name(name: str, taken: Container[str]) -> str:
    """Return a name as napari gives it to a new layer: no two have the same."""
    from napari.utils.naming import inc_name_count

    while name in taken:
        name = inc_name_count(name)
    return name
