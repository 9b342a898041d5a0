"""Images in zarr stores, with what OME-Zarr says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import zarr


def image_in(path: Path) -> tuple[zarr.Array[Any], dict[str, Any]]:
    """Return the finest level of the first image in a store, and what its multiscales say.

    These say nothing of an array that is the store, or that is called 0 in a group. In a group of images,
    as bioformats2raw writes, the first one is called 0.

    Raises
    ------
    Exception
        Of any kind, if there is none.
    """
    import zarr

    node: Any = zarr.open(path, mode="r")
    said: dict[str, Any] = {}
    while not isinstance(node, zarr.Array):
        held: Any = node.attrs.asdict()
        said = (held.get("ome", held).get("multiscales") or [{}])[0]
        node = node[said["datasets"][0]["path"] if said else "0"]
    return node, said


def count_images(path: Path) -> int:
    """Count the images of a store that is a group of them, called by numbers; 1 of another."""
    import zarr

    node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array) or "0" not in (groups := set(node.group_keys())):
        return 1
    return sum(name.isdecimal() for name in groups)


def axis_names(said: dict[str, Any]) -> list[str]:
    """Return the names of an image's axes, which are objects since version 0.4; none if they have none."""
    axes = said.get("axes") or []
    return [str(axis["name"] if isinstance(axis, dict) else axis) for axis in axes]
