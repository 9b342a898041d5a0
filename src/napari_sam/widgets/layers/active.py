"""Layers that come while a person works on another one, which stays active: it hears the keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import LayerList


@contextmanager
def active_stays(layers: LayerList) -> Iterator[None]:
    """Keep the active layer active while others are added.

    Napari makes each layer active that comes, which takes longer than the rest of adding it. It is kept from
    that; should a version not listen, the layer is active again afterwards.
    """
    active, own = layers.selection.active, getattr(layers, "__wrapped__", layers)
    own._activate_on_insert = False
    try:
        yield
    finally:
        own._activate_on_insert = True
    layers.selection.active = active
