"""Objects into a Labels layer, touching only their own pixels, and what is painted there into objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_sam.errors import ImageError
from napari_sam.session import Edit, Object

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_sam.session import AnnotationSession, Plane

LARGEST = 4096 * 4096
"""Labels of larger planes are not taken for objects, which would take the window's thread too long."""


class LabelWriter:
    """Draws what a session's objects are, and makes what is painted by hand part of them.

    Labels that are no object of the session are never overwritten.

    Parameters
    ----------
    session : AnnotationSession
    labels : napari.layers.Labels
        Of the image's shape.
    """

    def __init__(self, session: AnnotationSession, labels: Labels) -> None:
        self._session = session
        self.labels = labels
        self._drawing = False
        session.reserve(int(np.max(labels.data)) if labels.data.size else 0)
        session.edited.connect(self._draw)
        labels.events.paint.connect(self._painted)

    def close(self) -> None:
        """Stop listening."""
        self._session.edited.disconnect(self._draw)
        self.labels.events.paint.disconnect(self._painted)

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

    def adopt(self, plane: Plane) -> None:
        """Let the session know the labels of a plane that it has not made, so that they can be edited."""
        if np.prod(self.labels.data.shape[-2:]) > LARGEST:
            return
        pixels = np.asarray(self.labels.data[plane])
        if not pixels.any():
            return
        found = [
            Object(label, plane, (rows.start, cols.start), pixels[rows, cols] == label)
            for label, rows, cols in _places(pixels)
            if (label, plane) not in self._session.store
        ]
        self._session.adopt(found)

    def redraw(self) -> None:
        """Draw all objects again, because others of them are on top now."""
        objects = self._session.objects
        self._draw(Edit("redraw", objects, objects))

    def _draw(self, edit: Edit) -> None:
        """Give every pixel of what changed the label that the objects say, in one step."""
        indices: list[NDArray[np.intp]] = []
        values: list[NDArray[np.int64]] = []
        touched = {(each.key, id(each.mask)): each for each in (*edit.before, *edit.after)}
        for each in touched.values():
            where, wanted = self._wanted(each, {other.id for other in edit.before})
            indices.append(where)
            values.append(wanted)
        if not indices:
            return
        places, labels = np.concatenate(indices, axis=1), np.concatenate(values)
        if not labels.size:
            return
        self._drawing = True
        try:
            self.labels.data_setitem(tuple(places), labels)
        finally:
            self._drawing = False

    def _wanted(self, each: Object, gone: set[int]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return the pixels of an object that show something else than they should, and what they should."""
        store = self._session.store
        rows, cols = each.window[-2], each.window[-1]
        assert isinstance(rows, slice)  # noqa: S101 (the last two are)
        assert isinstance(cols, slice)  # noqa: S101
        shown = np.asarray(self.labels.data[each.window]).astype(np.int64)
        drawn = store.render(each.plane, (rows, cols))
        other = each.mask & (shown != drawn)
        foreign = [
            label
            for label in np.unique(shown[other]).tolist()
            if label and label not in gone and (label, each.plane) not in store
        ]
        down, along = np.nonzero(other & ~np.isin(shown, foreign))
        leading = [np.full(len(down), index) for index in each.plane]
        return np.stack([*leading, down + each.origin[0], along + each.origin[1]]), drawn[down, along]

    def _painted(self, event: Any) -> None:
        """Make what was painted by hand part of the objects."""
        if self._drawing:
            return
        for plane, window in _touched(event.value, self.labels.data.shape):
            self._session.paint(plane, window, np.asarray(self.labels.data[(*plane, *window)]))


def _places(pixels: NDArray[Any]) -> list[tuple[int, slice, slice]]:
    """Return every label of a plane, and the rows and columns that it is found in."""
    names, dense = np.unique(pixels, return_inverse=True)
    spans = ndimage.find_objects(dense.reshape(pixels.shape) + 1)
    return [
        (int(name), *span)
        for name, span in zip(names.tolist(), spans, strict=True)
        if name > 0 and span is not None
    ]


def _touched(atoms: Any, shape: tuple[int, ...]) -> list[tuple[Plane, tuple[slice, slice]]]:
    """Return the planes and windows that a stroke has touched, from what napari keeps for its undoing."""
    spans: dict[Plane, list[tuple[int, int, int, int]]] = {}
    for atom in atoms:
        place = getattr(atom, "slice_key", None)
        if place is None:
            place = [slice(int(np.min(each)), int(np.max(each)) + 1) for each in atom[0]]
        starts = [each if isinstance(each, int) else each.start or 0 for each in place]
        stops = [
            each + 1 if isinstance(each, int) else size if each.stop is None else each.stop
            for each, size in zip(place, shape, strict=True)
        ]
        for plane in np.ndindex(*[b - a for a, b in zip(starts[:-2], stops[:-2], strict=True)]):
            at = tuple(int(a + b) for a, b in zip(starts[:-2], plane, strict=True))
            spans.setdefault(at, []).append((starts[-2], starts[-1], stops[-2], stops[-1]))
    return [(plane, _around(boxes)) for plane, boxes in spans.items()]


def _around(boxes: list[tuple[int, int, int, int]]) -> tuple[slice, slice]:
    low, high = np.min(boxes, axis=0), np.max(boxes, axis=0)
    return slice(int(low[0]), int(high[2])), slice(int(low[1]), int(high[3]))
