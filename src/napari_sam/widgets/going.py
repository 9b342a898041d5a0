"""Moving the sliders and the view to an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .planes import camera_of, seen

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_sam.session import Object

SMALLEST, LARGEST, COMFORTABLE = 0.02, 0.9, 0.25
"""Shares of the view's height that an object may take before the zoom changes, and takes then."""


def go_to(viewer: ViewerModel, image: Image, aligned: Layer, each: Object) -> None:
    """Move the sliders to an object's plane and the view to its middle; zoom only if it is hard to see.

    Parameters
    ----------
    viewer : napari.Viewer
    image : napari.layers.Image
        What is seen of it tells how large the view is.
    aligned : napari.layers.Layer
        Lies over the image, in the viewer's units.
    each : Object
    """
    world = np.asarray(aligned.data_to_world((*each.plane, *each.centre)), float)
    first = viewer.dims.ndim - len(world)  # the viewer may have more axes, which come first
    for axis in range(len(each.plane)):
        viewer.dims.set_point(first + axis, world[axis])
    camera = camera_of(viewer)
    top, bottom = seen(image)[:, 0]
    share = each.mask.shape[0] / max(bottom - top, 1)
    if not SMALLEST <= share <= LARGEST:
        camera.zoom *= COMFORTABLE / share
    camera.center = (0.0, *world[-2:])
