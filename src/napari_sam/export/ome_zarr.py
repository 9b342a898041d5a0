"""Labels as OME-Zarr, at every scale, with what is known of them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_sam.errors import DataError
from napari_sam.files.images import whole_numbers
from napari_sam.files.pixel_size import ATTRIBUTE, PixelSize

from .reading import Contents, numbered, parsing
from .regions import Region, Shape, labels_from_regions, regions_from_labels
from .space import ORDER, USUAL, Space, known_axes, measured, plain_space

if TYPE_CHECKING:
    import zarr

VERSIONS = {2: "0.4", 3: "0.5"}
"""Of OME-NGFF, by that of zarr: the older one, which the most programs open, unless an image is newer."""
CHUNK, TOP = 512, 1024
"""Sides of a chunk and, at most, of the coarsest level, in pixels."""
KINDS = {"t": "time", "c": "channel"}
ATTRIBUTES = {"class": "category", "note": "note", "predicted_iou": "iou_prediction", "model": "model"}
"""What the file calls attributes of a region."""
AXES = "napari-sam axes"
"""Where labels tell the order that their axes had, and get when they are read, if the format has another."""


@dataclass(frozen=True)
class Found:
    """A label image in a file.

    Attributes
    ----------
    array : zarr.Array
        The finest level.
    space : Space
        With its axes in the order that they are to be read in.
    order : tuple of int
        Where these are in the array.
    properties : dict of int to mapping
        What the file says about a label.
    named : bool
        The file says that these are labels.
    """

    array: zarr.Array[Any]
    space: Space
    order: tuple[int, ...]
    properties: dict[int, Mapping[str, Any]]
    named: bool = True


def write_ome_zarr(
    path: Path, regions: Sequence[Region], shape: Shape, space: Space | None = None, image: Path | None = None
) -> None:
    """Write a label image, later objects on top, and class, note, IoU and model of each label.

    Parameters
    ----------
    path : Path
    regions : sequence of Region
    shape : (..., Y, X)
    space : Space, optional
    image : Path, optional
        The OME-Zarr image that it will lie in, whose version of OME-NGFF and number of scales it gets.

    Raises
    ------
    DataError
        If there are more than five axes.
    """
    import zarr

    if len(shape) not in USUAL:
        raise DataError(f"OME-Zarr has no place for {len(shape)} axes; export planes, or use COCO JSON.")
    space = space or plain_space(len(shape))
    axes = "".join(sorted(space.axes, key=ORDER.find))
    form = 2 if image is None else format_of(image)
    labels = labels_from_regions(regions, shape).transpose([space.axes.index(axis) for axis in axes])
    levels = _levels(labels, 0 if image is None else _count_levels(image))
    about = {
        "version": VERSIONS[form],
        "multiscales": [_multiscales(path, space.in_order(axes), len(levels), form)],
        "image-label": {
            "version": VERSIONS[form],
            **({"properties": _properties(regions)} if regions else {}),  # which the format wants not empty
            **({} if axes == space.axes else {AXES: space.axes}),
            **({} if image is None else {"source": {"image": "../../"}}),
        },
    }
    group = zarr.create_group(path, zarr_format=form, attributes={"ome": about} if form == 3 else about)
    for index, level in enumerate(levels):
        chunks = (*(1,) * (level.ndim - 2), *(max(min(side, CHUNK), 1) for side in level.shape[-2:]))
        encoding: Any = {"name": "default" if form == 3 else "v2", "separator": "/"}
        named: Any = {"dimension_names": axes} if form == 3 else {}
        group.create_array(str(index), data=level, chunks=chunks, chunk_key_encoding=encoding, **named)


def _levels(labels: NDArray[np.uint32], count: int) -> list[NDArray[np.uint32]]:
    """Return labels at so many scales, 0 for all that are needed, each every other pixel of the last one."""
    levels = [labels]
    while len(levels) < count or (not count and max(levels[-1].shape[-2:]) > TOP):
        levels.append(levels[-1][..., ::2, ::2])
    return levels


def _count_levels(image: Path) -> int:
    """Return at how many scales an image is, as which the format wants its labels; 0 if it does not say."""
    import zarr

    scales = _attributes(zarr.open_group(image, mode="r")).get("multiscales") or [{}]
    return len(scales[0].get("datasets", ()))


def _multiscales(path: Path, space: Space, levels: int, form: int) -> dict[str, Any]:
    axes = []
    for name, unit in zip(space.axes, space.units, strict=True):
        unknown = unit in ("pixel", "dimensionless", "") or name == "c"
        axes.append({"name": name, "type": KINDS.get(name, "space"), **({} if unknown else {"unit": unit})})
    datasets = []
    for index in range(levels):
        scale = [*space.scale[:-2], *(size * 2**index for size in space.scale[-2:])]
        steps = [
            {"type": "scale", "scale": scale},
            {"type": "translation", "translation": list(space.translate)},
        ]
        datasets.append({"path": str(index), "coordinateTransformations": steps})
    version = {"version": VERSIONS[2]} if form == 2 else {}  # the newer one says it for the whole group
    return {**version, "name": name_of(path), "axes": axes, "datasets": datasets}


def _properties(regions: Sequence[Region]) -> list[dict[str, Any]]:
    """Return what is known of each label, which is one line even if it goes through several planes."""
    known: dict[int, dict[str, Any]] = {}
    for region in regions:
        said = {name: getattr(region, attribute) for name, attribute in ATTRIBUTES.items()}
        line = known.setdefault(region.id, {"label-value": region.id})
        line.update({name: value for name, value in said.items() if value not in ("", None)})
    return list(known.values())


def read_ome_zarr(path: Path, _: int) -> Contents:
    """Read a label image: of OME-Zarr up to 0.5, the only one of an image, or a bare zarr array.

    Raises
    ------
    DataError
        If the file holds no labels, or those of several images of which one has to be chosen.
    """
    found = find_labels(path)
    with parsing(f"{path.name} cannot be read as labels", "export them again"):
        labels = whole_numbers(np.asarray(found.array[...]), path.name).transpose(found.order)
        regions = numbered(
            replace(region, **_details(found.properties.get(region.id, {})))
            for region in regions_from_labels(labels)
        )
    return Contents(regions, labels.shape, found.space, found.named)


def _details(said: Mapping[str, Any]) -> dict[str, Any]:
    known = {attribute: said[name] for name, attribute in ATTRIBUTES.items() if said.get(name) is not None}
    return {name: value if name == "iou_prediction" else str(value) for name, value in known.items()}


def find_labels(path: Path) -> Found:
    """Open the label image of a file, without reading it.

    Raises
    ------
    DataError
        As `read_ome_zarr` does.
    """
    import zarr

    with parsing(f"{path.name} holds no OME-Zarr labels", "export them again"):
        opened = zarr.open(path, mode="r", use_consolidated=False)  # a list that may be older than the labels
        if isinstance(opened, zarr.Array):
            return Found(opened, _space_of(opened), tuple(range(opened.ndim)), {}, named=False)
        return _of_group(path, opened)


def _space_of(array: zarr.Array[Any]) -> Space:
    """Return the space of a bare array, of which `napari-sam auto` notes how large a pixel is."""
    size: Any = array.attrs.get(ATTRIBUTE)
    return measured(plain_space(array.ndim), None if size is None else PixelSize(*map(float, size)))


def _of_group(path: Path, group: Any) -> Found:
    about = _attributes(group)
    if "image-label" in about or ("multiscales" in about and image_of(path)):  # which may lack the former
        return _found(group, about)
    names = [] if "labels" not in group else list(_attributes(group["labels"]).get("labels", ()))
    if not names:
        raise DataError(f"{path.name} holds no labels; give a label image, or the image that has some.")
    if len(names) > 1:
        one = path / "labels" / names[0]
        raise DataError(f"{path.name} has labels {', '.join(names)}; choose one, such as {one}.")
    return _of_group(path / "labels" / names[0], group[f"labels/{names[0]}"])


def _found(group: Any, about: Mapping[str, Any]) -> Found:
    scales = about["multiscales"][0]
    first = scales["datasets"][0]
    array = group[first["path"]]
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in scales.get("axes", ())]
    plain = plain_space(array.ndim)  # as all images were before version 0.3, which tells the axes
    scale, translate = np.ones(array.ndim), np.zeros(array.ndim)
    for step in (*first.get("coordinateTransformations", ()), *scales.get("coordinateTransformations", ())):
        if step["type"] == "scale":
            scale, translate = scale * step["scale"], translate * step["scale"]
        elif step["type"] == "translation":
            translate = translate + step["translation"]
    space = Space(
        known_axes([axis["name"] for axis in axes]) or plain.axes,
        tuple(scale.tolist()),
        tuple(translate.tolist()),
        tuple(axis.get("unit") or "pixel" for axis in axes) or plain.units,
    )
    order = tuple(range(array.ndim))
    told = about.get("image-label", {})
    if kept := told.get(AXES):
        order, space = tuple(space.axes.index(axis) for axis in kept), space.in_order(kept)
    said = told.get("properties") or ()
    return Found(array, space, order, {int(each["label-value"]): each for each in said})


def _attributes(group: Any) -> dict[str, Any]:
    """Return what OME-NGFF keeps of a group; version 0.5 has moved it under a name of its own."""
    about = dict(group.attrs)
    ome: dict[str, Any] = about.get("ome", about)
    return ome


def holds_labels(path: Path) -> bool:
    """Say whether a folder holds labels that say so themselves, which a bare array does not."""
    try:
        return find_labels(path).named
    except DataError:
        return False


def is_label_image(path: Path) -> bool:
    """Say whether a folder is a label image itself, and not an image that has some."""
    import zarr

    try:
        return "image-label" in _attributes(zarr.open_group(path, mode="r"))
    except Exception:  # noqa: BLE001 (a damaged one raises whatever its damage makes of it)
        return False


def image_of(path: Path) -> Path | None:
    """Return the OME-Zarr image in whose file a path would lie; None if in none."""
    image = path.absolute().parent.parent
    return image if path.absolute().parent.name == "labels" and image.suffix == ".zarr" else None


def format_of(image: Path) -> Literal[2, 3]:
    """Return the version of zarr that an image is written in.

    Raises
    ------
    DataError
        If there is no image.
    """
    import zarr

    try:
        form: Literal[2, 3] = zarr.open_group(image, mode="r").metadata.zarr_format
    except Exception as error:
        raise DataError(f"{image} is no OME-Zarr image ({error}); choose another place.") from error
    return form


def name_of(path: Path) -> str:
    """Return a file's name without its endings."""
    return path.name.removesuffix(".zarr").removesuffix(".ome")


def enlist(path: Path, image: Path) -> None:
    """Add labels that were written into the file of their image to the lists that it keeps of them."""
    import zarr

    form = format_of(image)
    group = zarr.open_group(path.parent, mode="a", zarr_format=form)
    about = _attributes(group)
    if path.name not in about.get("labels", ()):
        about = {"version": VERSIONS[form], **about, "labels": [*about.get("labels", ()), path.name]}
        group.attrs.update({"ome": about} if form == 3 else about)
    if zarr.open_group(image, mode="r").metadata.consolidated_metadata is not None:
        with warnings.catch_warnings(action="ignore"):  # zarr's, that its new format has no such list yet
            zarr.consolidate_metadata(image, zarr_format=form)
