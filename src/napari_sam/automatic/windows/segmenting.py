"""Every object of an image of any size: overlapping windows, joined into labels on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam.errors import Cancelled
from napari_sam.files.pixel_size import pixel_size_of
from napari_sam.files.writing import alone, disk_errors
from napari_sam.predict import Predictor
from napari_sam.progress import Cancel, Progress
from napari_sam.weights import LoadedModel

from ..cutting import Labels
from ..given import settings_given
from ..painting import painted
from ..segment import Method, method_for, propose
from ..settings import AutomaticSettings
from .output import Overwrite, WindowedLabels
from .reading import LargeImage, Pixels, shows_nothing
from .state import MadeWith
from .stitch import Tile, WindowSettings, stitch, tiles_of
from .version import version_of

Scores = NDArray[np.float64]
Find = Callable[[Pixels], tuple[Labels, Scores]]
"""(Y, X, 3) pixels of 0 to 255 to labels 1 to N and the score of each."""


@dataclass(frozen=True)
class Segmented:
    """What was found in an image.

    Attributes
    ----------
    path : Path
        The zarr array of labels, (Y, X) int32; 0 is background, and numbers may be missing.
    objects : int
    score : float
        Mean of predicted IoU times stability; 0 without objects.
    """

    path: Path
    objects: int
    score: float


def segment_windows(
    image: ArrayLike,
    output: str | os.PathLike[str],
    sam: LoadedModel,
    *,
    method: Method = "auto",
    settings: AutomaticSettings | None = None,
    windows: WindowSettings | None = None,
    channel_axis: int | None = None,
    channels: Sequence[int] = (),
    file: str | os.PathLike[str] | None = None,
    overwrite: Overwrite = False,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> Segmented:
    """Label every object of an image of any size; memory holds one window.

    An object that a window's border cuts comes out whole if it is no larger than a window. The range
    of values is that of the whole image, so that it looks the same in every window. Beside the output
    a small file tells which windows are finished: after a kill or a cancellation the same call goes on.

    Parameters
    ----------
    image : (Y, X), (Y, X, C), or 3-dimensional with `channel_axis`
        Anything that can be sliced: numpy, zarr, dask, a TIFF file's zarr view. It is read twice.
    output : str or path
        A zarr array, made if it is not there; ends in ``.zarr``.
    sam : LoadedModel
    method, settings, channel_axis
        As `segment_automatically` takes them.
    windows : WindowSettings, optional
    channels : sequence of int
        Which of the file's channels `image` holds, if some were chosen: labels tell what they were made from.
    file : str or path, optional
        Where the image is, which tells how large a pixel is, and when labels are of what it was before.
    overwrite : bool or "others"
        Begin anew whatever is there, or only what was begun from another image or with other settings.
    progress, cancelled : callable, optional
        Called with the number of windows done and of all; asked in between whether to stop.

    Raises
    ------
    ImageError, DataError
        If image, method or output cannot be used, labels were begun from another image or otherwise, or
        another process is writing them.
    Cancelled, OutOfMemoryError
        If `cancelled` said so, or the device has too little memory; finished windows stay.
    """
    settings, windows = settings_given(settings, AutomaticSettings), settings_given(windows, WindowSettings)
    output, file = Path(output), None if file is None else Path(file)
    source = LargeImage(image, channel_axis)
    chosen = method_for(sam, method)
    made_with = {
        "version of the image": version_of(image, file),
        "channels": list(channels),
        "model": sam.weights_hash,
        "method": chosen,
        "settings": asdict(settings),
    }
    find = _finding(Predictor(sam), chosen, settings, cancelled)
    segmented = label_windows(source, output, find, made_with, windows, overwrite, progress, cancelled)
    if file is not None and (size := pixel_size_of(file)) is not None:
        with disk_errors(output):
            size.note(segmented.path)
    return segmented


def _finding(
    predictor: Predictor, method: Method, settings: AutomaticSettings, cancelled: Cancel | None
) -> Find:
    """Return what labels one window by a model."""

    def find(pixels: Pixels) -> tuple[Labels, Scores]:
        records, shape = propose(
            predictor, pixels, method=method, settings=settings, normalization=None, cancelled=cancelled
        )
        labels, kept = painted(records, shape, settings)
        return labels, np.array([record.worth for record in kept])

    return find


def label_windows(
    source: LargeImage,
    output: Path,
    find: Find,
    made_with: MadeWith,
    windows: WindowSettings,
    overwrite: Overwrite = False,
    progress: Progress | None = None,
    cancelled: Cancel | None = None,
) -> Segmented:
    """Label an image window by window, with anything that labels a window.

    Parameters
    ----------
    source : LargeImage
    output, windows, overwrite, progress, cancelled
        As in `segment_windows`.
    find : callable
        Asked for every window that shows something.
    made_with : dict
        JSON values that tell `find` from others.

    Raises
    ------
    DataError, Cancelled
        As in `segment_windows`.
    """
    tiles = tiles_of(source.shape, windows)
    whole = {**source.kind, "windows": asdict(windows), **made_with}
    with alone(output):
        held = WindowedLabels.open(output, source.shape, whole, overwrite)
        if held.state.normalization is None:
            held.save(replace(held.state, normalization=source.survey(cancelled)))
        for index in range(held.state.done, len(tiles)):
            if cancelled is not None and cancelled():
                raise Cancelled("The search for objects was cancelled; start it again, and it goes on here.")
            _label(source, held, find, tiles[index])
            if progress is not None:
                progress(index + 1, len(tiles))
        held.finish()
    return Segmented(output, held.state.objects, held.state.mean_score)


def _label(source: LargeImage, held: WindowedLabels, find: Find, tile: Tile) -> None:
    """Label one window and join it to those before it."""
    state = held.state
    if state.normalization is None:
        return
    pixels = source.pixels(tile.window, state.normalization)
    if shows_nothing(pixels):
        held.skip()
        return
    found, scores = find(pixels)
    box = tile.window.index
    stitched = stitch(found, tile, held.read(box), state.next_label)
    held.write(box, stitched, float(sum(scores[number - 1] for number in stitched.new)))
