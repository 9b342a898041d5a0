"""Committed objects into a Labels layer, as undoable steps that touch only their own pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam.errors import ImageError

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_sam.session import AnnotationSession, Object

Indices = tuple[np.ndarray[Any, Any], ...]


class LabelWriter:
    """Writes what a session commits, and erases what it takes back.

    Only background is written: an older object keeps the pixels that a newer one overlaps. Erasing
    takes the pixels that still carry the object's label, so what was painted by hand meanwhile stays.

    Parameters
    ----------
    session : AnnotationSession
    labels : napari.layers.Labels
        Of the image's shape.
    """

    def __init__(self, session: AnnotationSession, labels: Labels) -> None:
        self._session = session
        self.labels = labels
        session.reserve(int(np.max(labels.data)) if labels.data.size else 0)
        session.committed.connect(self._write)
        session.removed.connect(self._erase)

    def close(self) -> None:
        """Stop listening."""
        self._session.committed.disconnect(self._write)
        self._session.removed.disconnect(self._erase)

    def check_room(self, label: int) -> None:
        """Make sure that the layer can hold a label.

        Raises
        ------
        ImageError
            If its dtype cannot.
        """
        dtype = np.dtype(self.labels.data.dtype)
        if label > np.iinfo(dtype).max:
            raise ImageError(
                f"The Labels layer holds {dtype} and cannot count beyond {np.iinfo(dtype).max};"
                " choose a new Labels layer."
            )

    def _write(self, step: tuple[Object, ...]) -> None:
        with self.labels.block_history():
            for each in step:
                free = each.mask & (self._pixels(each) == 0)
                self._set(each, free, each.id)

    def _erase(self, step: tuple[Object, ...]) -> None:
        with self.labels.block_history():
            for each in step:
                self._set(each, self._pixels(each) == each.id, 0)

    def _pixels(self, each: Object) -> np.ndarray[Any, Any]:
        return np.asarray(self.labels.data[each.window])

    def _set(self, each: Object, where: np.ndarray[Any, Any], value: int) -> None:
        rows, cols = np.nonzero(where)
        if not len(rows):
            return
        leading = tuple(np.full(len(rows), index) for index in each.plane)
        self.labels.data_setitem((*leading, rows + each.origin[0], cols + each.origin[1]), value)
