"""What a session in napari has committed, from its journal."""

from __future__ import annotations

from pathlib import Path

from .regions import Region, Shape, regions_from_objects


def read_journal(path: Path) -> tuple[list[Region], Shape]:
    """Read all objects that stand, in the order in which they are drawn, the oldest on top.

    Raises
    ------
    JournalError
        If the file is no journal.
    """
    from napari_sam.session.record import read_record
    from napari_sam.session.store import ObjectStore

    record = read_record(path)
    store = ObjectStore.after(record.line)
    return regions_from_objects(store.drawn()), record.shape
