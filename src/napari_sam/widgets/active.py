"""Layers that come while a person works on another one, which stays active: it hears the keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import LayerList


@contextmanager
def active_stays(layers: LayerList) -> Iterator[None]:
    """Make the layer active again that was, after others were added."""
    active = layers.selection.active
    yield
    layers.selection.active = active
