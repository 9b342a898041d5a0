"""What napari tells of strokes into a Labels layer, which wait until somebody can take them over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_sam.session.painting import Painted

Bounds = tuple[slice, ...]


class Stroke:
    """One stroke of the brush, filling or polygon, by the touches that napari keeps for its undoing.

    Parameters
    ----------
    touches : list
    shape : tuple of int
        Of the labels.
    late : bool
        It was made some time ago, and is part of what the labels show.

    Attributes
    ----------
    bounds : tuple of slice
        The part of the labels that it lies in.
    """

    def __init__(self, touches: list[Any], shape: tuple[int, ...], *, late: bool = False) -> None:
        self._touches, self._late = touches, late
        self.bounds = _around([_place(touch, shape) for touch in touches])

    def before(self, there: NDArray[Any]) -> NDArray[Any]:
        """Return what its part showed before it, from what is there now."""
        return self._painted_over(there, back=True)

    def after(self, there: NDArray[Any]) -> NDArray[Any]:
        """Return what its part shows after it; napari tells of some strokes before it writes them."""
        return there if self._late else self._painted_over(there)

    def planes(self, pixels: NDArray[Any]) -> list[Painted]:
        """Return the pixels of its part plane by plane."""
        *leading, rows, cols = self.bounds
        return [
            (
                tuple(low.start + step for low, step in zip(leading, plane, strict=True)),
                (rows, cols),
                pixels[plane],
            )
            for plane in np.ndindex(pixels.shape[:-2])
        ]

    def _painted_over(self, there: NDArray[Any], *, back: bool = False) -> NDArray[Any]:
        painted = np.array(there)
        starts = [each.start for each in self.bounds]
        shape = tuple(each.stop for each in self.bounds)
        for touch in self._touches[::-1] if back else self._touches:
            if not hasattr(touch, "slice_key"):
                indices, old, new = touch
                places = tuple(np.subtract(each, start) for each, start in zip(indices, starts, strict=True))
                painted[places] = old if back else new
                continue
            place = _place(touch, shape)
            part = painted[tuple(slice(a.start - b, a.stop - b) for a, b in zip(place, starts, strict=True))]
            mask = np.ones(part.shape, bool) if touch.mask is None else np.reshape(touch.mask, part.shape)
            part[mask] = np.ravel(touch.old_values) if back else touch.new_value
        return painted


class Strokes:
    """Hears of strokes into a layer, and keeps them until somebody takes them.

    Parameters
    ----------
    labels : napari.layers.Labels
    """

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._waiting: list[list[Any]] = []
        self._take: Callable[[Stroke], object] | None = None
        self._deaf = False
        labels.events.paint.connect(self._painted)

    def close(self) -> None:
        """Stop listening."""
        self._labels.events.paint.disconnect(self._painted)

    def pass_on(self, take: Callable[[Stroke], object]) -> None:
        """Let somebody take the strokes that wait, and every one from now on."""
        self._take = take
        waiting, self._waiting = self._waiting, []
        for touches in waiting:
            take(Stroke(touches, self._labels.data.shape, late=True))

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """Take nothing that is written meanwhile for a stroke."""
        deaf, self._deaf = self._deaf, True
        try:
            yield
        finally:
            self._deaf = deaf

    def _painted(self, event: Any) -> None:
        if self._deaf:
            return
        if self._take is None:
            self._waiting.append(list(event.value))
        else:
            self._take(Stroke(event.value, self._labels.data.shape))


def _place(touch: Any, shape: tuple[int, ...]) -> Bounds:
    """Return the bounding box of what napari keeps of one touch for its undoing."""
    place = getattr(touch, "slice_key", None)
    if place is None:
        return tuple(slice(int(np.min(each)), int(np.max(each)) + 1) for each in touch[0])
    ends = [
        (each, each + 1) if isinstance(each, int) else each.indices(size)[:2]
        for each, size in zip(place, shape, strict=True)
    ]
    return tuple(slice(*each) for each in ends)


def _around(places: list[Bounds]) -> Bounds:
    return tuple(
        slice(min(each.start for each in axis), max(each.stop for each in axis))
        for axis in zip(*places, strict=True)
    )
