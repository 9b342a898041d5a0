"""Prompts answered on an image that nobody has opened: a large plane window by window, as people see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam.errors import PromptError
from napari_sam.predict import Candidates, Embedding, PlaneWindow, Predictor, Prompts
from napari_sam.predict.plane_shape import plane_of
from napari_sam.predict.window import whole_plane
from napari_sam.progress import Progress

from .opening import part_for

Ask = Callable[[Embedding, Sequence[Prompts]], Sequence[Candidates]]
"""Answers the prompts for each of some objects."""
Positions = NDArray[np.float64]


def answers_on(
    predictor: Predictor,
    image: Any,
    prompts: Sequence[Prompts],
    ask: Ask,
    *,
    channel_axis: int | None = None,
    progress: Progress | None = None,
) -> list[Candidates]:
    """Answer the prompts for each of some objects, whose windows alone are read and embedded.

    Where the window's border cuts a suggested mask off, it is asked for once more in one that holds it all.
    Planes up to `opening.WHOLE` are one window, and so are larger ones for prompts too far from each other.

    Parameters
    ----------
    predictor : Predictor
    image : (Y, X), (Y, X, C), or 3-dimensional with `channel_axis`
        Any array that can be sliced.
    prompts : sequence of Prompts
        One an object.
    ask : callable
    channel_axis : int, optional
        The axis of the channels.
    progress : callable, optional
        Called with what is done of the embedding, and all that there is.

    Returns
    -------
    list of Candidates
        One an object, on the plane.

    Raises
    ------
    PromptError
        If a prompt lies outside the image.
    ImageError, OutOfMemoryError
        As `Predictor.embed` does.
    """
    plane = plane_of(image.shape, channel_axis)

    def asked(held: Mapping[int, Positions]) -> Iterator[tuple[int, PlaneWindow, Candidates]]:
        windows = _by_window(plane, held)
        for before, (window, numbers) in enumerate(windows.items()):
            report = None if progress is None else partial(_report, progress, before, len(windows))
            embedding = predictor.embed(image, channel_axis=channel_axis, window=window, progress=report)
            for number, answer in zip(numbers, ask(embedding, [prompts[n] for n in numbers]), strict=True):
                yield number, window, answer

    held = {number: each.within(plane).inside for number, each in enumerate(prompts)}
    answers: dict[int, Candidates] = {}
    cut: dict[int, Positions] = {}
    for number, window, answer in asked(held):
        answers[number], suggested = answer, answer.items[answer.best]
        if window.cuts(suggested):
            cut[number] = np.concatenate([held[number], np.reshape(suggested.bbox, (2, 2))])
    answers |= {number: answer for number, _, answer in asked(cut)}
    return [answers[number] for number in range(len(prompts))]


def _by_window(plane: tuple[int, int], held: Mapping[int, Positions]) -> dict[PlaneWindow, list[int]]:
    """Return which objects are asked for in which window."""
    found: dict[PlaneWindow, list[int]] = {}
    for number, positions in held.items():
        found.setdefault(window_for(plane, positions), []).append(number)
    return found


def window_for(plane: tuple[int, int], held: Positions) -> PlaneWindow:
    """Return the part of a plane to embed, or to show, for (K, 2) positions; all where they are far apart."""
    if not len(held):
        return whole_plane(plane)
    try:
        return part_for(plane, np.clip(held, 0, np.array(plane) - 1))
    except PromptError:  # too large an object for a window
        return whole_plane(plane)


def _report(progress: Progress, before: int, windows: int, done: int, total: int) -> None:
    progress(before * total + done, windows * total)
