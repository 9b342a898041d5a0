"""The plane of an image layer that is seen, and how to lay other layers over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam.errors import ImageError
from napari_sam.export.file_space import FileSpace

if TYPE_CHECKING:
    from napari.components import Camera, Dims, ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_sam.predict import PlaneWindow
    from napari_sam.session import Plane

TRANSFORMS = ("scale", "translate", "rotate", "shear", "affine")
ALIGNED = (*TRANSFORMS, "units", "axis_labels")
EDGE = 0.5 + 1e-6
"""From a plane to where it ends, and what rounding adds to that."""
PLACES = {"t": "frames", "z": "planes", "c": "channels"}
"""What the places on an axis are, by the letter that the file has for it."""


def plane_under_sliders(image: Image, dims: Dims) -> Plane:
    """Return the index of the visible plane on the axes before (Y, X).

    Raises
    ------
    ImageError
        If the layer is not seen in 2-D along its last two axes, or not at all where the sliders are.
    """
    if image.ndim < 2:
        raise ImageError("This image has one axis only; choose one with rows and columns.")
    if not flat(dims):
        raise ImageError(
            "Prompts need the 2-D view of the last two axes; switch 3-D off and roll the axes back."
        )
    if image.ndim == 2:
        return ()
    world = np.asarray(dims.point, float)[-image.ndim :] * _world_units(image, dims)
    index, last = np.asarray(image.world_to_data(world))[:-2], np.array(image_shape(image)[:-2]) - 1
    if (np.clip(index, -EDGE, last + EDGE) != index).any():
        raise ImageError("This image has no plane where the sliders are; move them back to it.")
    return tuple(int(i) for i in np.clip(np.rint(index), 0, last))


def flat(dims: Dims) -> bool:
    """Say whether the last two axes are seen, in 2-D: else the pointer is over no place of a plane."""
    return dims.ndisplay == 2 and tuple(dims.displayed[-2:]) == (dims.ndim - 2, dims.ndim - 1)


def on_plane(positions: NDArray[np.float64], plane: Plane) -> NDArray[np.bool_]:
    """Say which of (..., D) positions in data pixels lie on a plane; (...) bool."""
    there: NDArray[np.bool_] = (np.rint(positions[..., :-2]) == np.array(plane)).all(axis=-1)
    return there


def plane_or_told(image: Image, dims: Dims, tell: Callable[[str], object]) -> Plane | None:
    """Return the visible plane; None, after telling why, where none can be worked on."""
    try:
        return plane_under_sliders(image, dims)
    except ImageError as error:
        tell(str(error))
        return None


def spot_of(layer: Layer, dims: Dims, world: Sequence[float]) -> tuple[Plane, float, float] | None:
    """Return the plane that is seen, and the row and column of a place in the world; None if none is seen.

    Parameters
    ----------
    layer : napari.layers.Layer
        Lies over the image, with its shape.
    dims : napari.components.Dims
    world : sequence of float
        As napari tells of the pointer.
    """
    try:
        plane = plane_under_sliders(layer, dims)
    except ImageError:
        return None
    row, col = layer.world_to_data(world)[-2:]
    return plane, float(row), float(col)


def _world_units(image: Layer, dims: Dims) -> NDArray[np.float64]:
    """Return how many of a layer's units one of the viewer's is, axis by axis; napari leaves this to us."""
    shared = getattr(dims, "units", None)  # younger than napari 0.6
    if shared is None:
        return np.ones(image.ndim)
    pairs = zip(shared[-image.ndim :], image.units, strict=True)
    return np.array([(1 * world).to(own).magnitude for world, own in pairs])


def camera_of(viewer: ViewerModel) -> Camera:
    """Return the viewer's camera, which napari 0.9 moved into a scene."""
    camera: Camera = getattr(viewer, "scene", viewer).camera
    return camera


def lie_over(layer: Layer, other: Layer) -> None:
    """Lay a layer where another one of the same axes lies."""
    for name in TRANSFORMS:
        setattr(layer, name, getattr(other, name))


def on_screen(layer: Layer, camera: Camera) -> NDArray[np.float64]:
    """Return how far one row and one column more of a layer are on the screen, in its pixels; a column each.

    Parameters
    ----------
    layer : napari.layers.Layer
        In the viewer's units.
    camera : napari.components.Camera

    Returns
    -------
    (2, 2) float64
        The first row is downwards on the screen, the second one to the right.
    """
    zero = np.array(layer.data_to_world(np.zeros(layer.ndim)))
    steps = np.array([np.array(layer.data_to_world(each)) - zero for each in np.eye(layer.ndim)[-2:]])
    scaled: NDArray[np.float64] = steps[:, -2:].T * max(float(camera.zoom), 1e-6)
    return scaled


def askew(layer: Layer, shape: tuple[int, ...]) -> bool:
    """Say whether clicks lie beside the pointer, by more than a pixel or plane at the end of the layer.

    napari shows a plane without what rotates or shears a stack out of its planes, but places clicks with it.
    """
    matrix = _matrix(layer)
    shown, end = matrix.copy(), np.array(shape) - 1
    shown[:-2, -2:] = shown[-2:, :-2] = 0
    return bool((np.abs(np.linalg.solve(matrix, shown @ end) - end) > 1).any())


def out_of_planes(layer: Layer) -> bool:
    """Say whether a stack is rotated or sheared out of its planes, by however little."""
    matrix = _matrix(layer)
    return bool(matrix[:-2, -2:].any() or matrix[-2:, :-2].any())


def _matrix(layer: Layer) -> NDArray[np.float64]:
    """Return where one step along each axis of a layer leads to, a column each."""
    zero = np.array(layer.data_to_world(np.zeros(layer.ndim)))
    return np.transpose([np.array(layer.data_to_world(each)) - zero for each in np.eye(layer.ndim)])


def screen_pixel(layer: Layer, camera: Camera) -> float:
    """Return how many data pixels of a layer one pixel of the screen is, in the mean of rows and columns."""
    return float(abs(np.linalg.det(on_screen(layer, camera))) ** -0.5)


@singledispatch
def image_shape(image: Any) -> tuple[int, ...]:
    """Return the shape of the finest level, without RGB channels."""
    data = image.data[0] if image.multiscale else image.data
    return tuple(int(n) for n in data.shape[: image.ndim])


def sliders(image: Any) -> dict[int, str]:
    """Return what a person calls each axis before (Y, X) that has more than one place: by its slider.

    The name is the one that napari writes beside the slider; the number of places comes after it, and what
    they are, if the image's file says it and the layer does not.
    """
    listed = zip(image.axis_labels, axis_names(image), image_shape(image)[:-2], strict=False)
    titles = {}
    for axis, (own, name, count) in enumerate(listed):
        if count > 1:
            places = f"{count} {PLACES[name]}" if name != own else str(count)
            titles[axis] = f"slider {own.removeprefix('axis ')} ({places})"  # as napari named them before 0.9
    return titles


def axis_names(image: Any) -> tuple[str, ...]:
    """Return the names of an image's axes: its layer's, or the letters of its file if that has none."""
    own = tuple(str(name) for name in image.axis_labels)
    if not all(name.removeprefix("axis ").lstrip("-").isdigit() for name in own):
        return own
    layer = layers_of(image)[0]
    said = FileSpace.kept_in(layer.metadata).axes
    return tuple(said[-len(own) :]) if len(said) == layer.ndim else own  # which may have other pixels by now


@singledispatch
def layers_of(image: Any) -> tuple[Image, ...]:
    """Return the layers that an image is made of: of a layer, itself."""
    return (image,)


@singledispatch
def read_window(image: Any, plane: Plane, window: PlaneWindow) -> np.ndarray[Any, Any]:
    """Return a window's finest pixels, (Y, X) or (Y, X, C), computing no more of a lazy image than that.

    Raises
    ------
    ImageError
        If they cannot be read.
    """
    from napari_sam.predict.window import read_pixels

    data = image.data[0] if image.multiscale else image.data
    return read_pixels(data, (*plane, *window.index))


def seen(image: Image, viewer: ViewerModel) -> NDArray[np.float64]:
    """Return the first row and column of an image that the view shows, and the last ones, (2, 2).

    They may lie beyond the image. What napari notes of it stays as it was while one zooms into a level of a
    pyramid, or looks beside the image.
    """
    camera, own = camera_of(viewer), getattr(viewer, "__wrapped__", viewer)
    canvas = getattr(own, "canvas", None)  # younger than napari 0.6
    size = own._get_viewbox_size() if canvas is None else canvas.viewbox_size(own.layers)
    reach = np.array(size, float) / max(float(camera.zoom), 1e-6) / 2
    middle, point = np.array(camera.center[-2:]), np.asarray(viewer.dims.point, float)[-image.ndim : -2]
    units = _world_units(image, viewer.dims)
    corners = [
        image.world_to_data(np.append(point, middle + reach * side) * units)[-2:]
        for side in ((-1, -1), (-1, 1), (1, -1), (1, 1))
    ]
    return np.array([np.min(corners, axis=0), np.max(corners, axis=0)])


def alignment(image: Image, dims: Dims) -> dict[str, Any]:
    """Return the options that lay another layer over the image, in the units of the viewer.

    Clicks come in the viewer's units, and napari takes them for the layer's.
    """
    options = {name: getattr(image, name) for name in ALIGNED}
    factors = 1 / _world_units(image, dims)
    if not np.allclose(factors, 1):
        affine = np.array(image.affine.affine_matrix)
        affine[:-1] = factors[:, None] * affine[:-1] / np.append(factors, 1)
        options["scale"], options["translate"] = image.scale * factors, image.translate * factors
        options["affine"], options["units"] = affine, dims.units[-image.ndim :]
    return options


def last_axes(layer: Layer, first: int = 0) -> dict[str, Any]:
    """Return the options that lay another layer over one that has the same axes, and `first` more before."""
    options = {name: getattr(layer, name) for name in ALIGNED if hasattr(layer, name)}
    if not first:
        return options
    places = np.eye(layer.ndim)[first:]
    zero = np.array(layer.data_to_world(np.zeros(layer.ndim)))
    affine = np.eye(len(places) + 1)
    affine[:-1, -1] = zero[first:]
    affine[:-1, :-1] = np.transpose([np.array(layer.data_to_world(each)) - zero for each in places])[first:]
    named: dict[str, Any] = {
        name: options[name][first:] for name in ("units", "axis_labels") if name in options
    }
    return {"affine": affine, **named}


def lay_over(layer: Layer, image: Image, dims: Dims) -> bool:
    """Lay a layer over an image, as `alignment` says; return whether it lay somewhere else."""
    options = alignment(image, dims)
    elsewhere = [name for name in TRANSFORMS if not _same(getattr(layer, name), options[name])]
    for name in elsewhere:
        setattr(layer, name, options[name])
    if layer.units != options["units"]:
        layer.units = options["units"]
    return bool(elsewhere)


def _same(one: Any, other: Any) -> bool:
    """Tell whether two transforms are the same, each as numbers or as napari's own object."""
    return np.allclose(*(getattr(each, "affine_matrix", each) for each in (one, other)))


def moved(positions: NDArray[np.float64], source: Layer, target: Layer, dims: Dims) -> NDArray[np.float64]:
    """Turn a layer's data positions into those where another one, aligned by `alignment`, shows the same."""
    factors = _world_units(source, dims)
    # one by one: napari's transforms take a single position
    worlds = [np.array(source.data_to_world(position)) / factors for position in positions]
    return np.array([target.world_to_data(world) for world in worlds])
