"""What a session in napari has committed, from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam.files.axes import named_axes, without_single
from napari_sam.files.pixel_size import pixel_size_of

from .reading import Contents
from .regions import regions_from_objects
from .space import USUAL, Space, space_named

if TYPE_CHECKING:
    from napari_sam.session.journal.record import Record


def read_journal(path: Path, _: int) -> Contents:
    """Read all objects that stand, in the order in which they are drawn, the oldest on top.

    Raises
    ------
    JournalError
        If the file is no journal.
    """
    from napari_sam.session.journal.record import read_record
    from napari_sam.session.store import ObjectStore

    record = read_record(path)
    store = ObjectStore.after(record.line)
    regions = regions_from_objects(store.drawn())
    return Contents(regions, record.shape, _space_of_image(record, path), told=record.damage)


def _space_of_image(record: Record, path: Path) -> Space | None:
    """Return the space of the image that a journal is of, as far as the image's file is there and says it."""
    from napari_sam.session.journal.image import image_of

    image, shape = image_of(record, path), record.shape
    if image is None or len(shape) not in USUAL:
        return None
    try:
        axes, size = named_axes(image), pixel_size_of(image)
    except Exception:  # noqa: BLE001 (a damaged file raises whatever its damage makes of it)
        return None
    mixed = [(name, 1 if name == "C" else side) for name, side in axes]
    seen = [axis for axis in axes if axis[0] not in ("C", "S")]
    found = (axes, mixed, seen, without_single(seen))
    known = (each for each in found if tuple(side for _, side in each) == shape)
    return space_named([name for name, _ in next(known, [])], len(shape), size)
