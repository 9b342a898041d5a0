"""What was begun in a viewer before: the labels and journals of images, whatever they are called by now."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    """

    called: str
    name: str


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
        """Return an image by the name of its first start: the journal of one without a file goes by it."""
        begun = self._begun.get(_key(image))
        return image if begun is None or begun.called == image.name else Called(image, begun.called)

    def remember(self, chosen: Any, image: Any, labels: Any, name: str) -> None:
        """Remember what was begun: on which layer, how the model sees it, with which labels and journal."""
        begun = self._begun.get(_key(image))
        self._begun[_key(image)] = Begun(image.name if begun is None else begun.called, name)
        self._known_as[labels.unique_id] = name
        for each in (chosen.unique_id, _look(chosen)):
            self._labels_of[each, image_shape(image)] = labels.unique_id


class Called:
    """An image by another name than it has now.

    Parameters
    ----------
    image : napari.layers.Image or Mixed
    name : str
    """

    def __init__(self, image: Any, name: str) -> None:
        self.image, self.name = image, name

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
