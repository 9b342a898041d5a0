"""Moving the sliders and the view to an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..layers.planes import camera_of, seen

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_sam.session import Object

SMALLEST, LARGEST, COMFORTABLE = 0.02, 0.9, 0.25
"""Shares of the view's height that an object may take before the zoom changes, and takes then."""


def go_to(viewer: ViewerModel, image: Image, aligned: Layer, each: Object) -> None:
    """Move the sliders to an object's plane, and the view to its middle if not all of it is in view.

    It is zoomed only if the object is hard to see.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image
    aligned : napari.layers.Layer
        Lies over the image, in the viewer's units.
    each : Object
    """
    world = np.asarray(aligned.data_to_world((*each.plane, *each.centre)), float)
    more = viewer.dims.ndim - len(world)  # the viewer may have more axes, which come first
    for axis in range(len(each.plane)):
        viewer.dims.set_point(more + axis, world[axis])
    camera = camera_of(viewer)
    first, last = seen(image, viewer)
    share = each.mask.shape[0] / max(last[0] - first[0], 1)
    clear = SMALLEST <= share <= LARGEST
    if not clear:
        camera.zoom *= COMFORTABLE / share
    if not clear or (each.box[:2] < first - 0.5).any() or (each.box[2:] > last - 0.5).any():
        camera.center = (0.0, *world[-2:])
