"""A shape that somebody is still drawing, which must not outlast what is done meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Shapes


def drop_half_drawn(layer: Shapes) -> bool:
    """Take away the shape that is being drawn, silently; say whether there was one.

    napari cannot do without it while a mouse button is held: as it moves, or at its release, it would fail.
    """
    if not layer._is_creating:
        return False
    for held in (layer._mouse_drag_gen, layer._persisted_mouse_event):  # what goes on with the drag
        held.clear()
    with layer.events.data.blocker():
        layer._is_creating = False  # or what there is of it would be made a shape
        layer.selected_data = {layer.nshapes - 1}
        layer.remove_selected()
    return True
