"""The file of an image layer, and what it says that napari's own reader passes over."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_sam.export.file_space import KEY, FileSpace
from napari_sam.export.space import known_axes
from napari_sam.files.axes import channel_names, named_axes
from napari_sam.files.images import images_beside
from napari_sam.files.pixel_size import pixel_size_of

from ..background.jobs import Jobs
from .planes import image_shape, layers_of

if TYPE_CHECKING:
    from napari.layers import Image
    from qtpy.QtCore import QObject

    from .mixed import Mixed

FILE = "napari-sam file"
"""Where the metadata of an image layer tell its file, if napari does not know it."""


def file_of(image: Image | Mixed) -> Path | None:
    """Return the file that an image was read from, if it is one on this machine."""
    layer = layers_of(image)[0]
    source = layer.source.path or getattr(layer, "metadata", {}).get(FILE)
    return Path(os.fspath(source)) if source and Path(os.fspath(source)).exists() else None


def beside(image: Image | Mixed) -> str:
    """Return what to tell of images in the same file, of which napari's own reader and batches show one."""
    file, source = file_of(image), layers_of(image)[0].source
    if file is None or source.reader_plugin not in (None, "napari"):
        return ""
    return images_beside(file, in_set=source.path is not None)


def file_space(image: Image | Mixed) -> FileSpace:
    """Return what the file of an image says of its axes and pixels; a channel axis may be left out.

    Reading takes longer than a blink where there are thousands of planes.
    """
    layer = layers_of(image)[0]
    known = KEY in layer.metadata
    space = FileSpace.kept_in(layer.metadata) if known else _read(layer)
    left_out = layer.ndim - len(image_shape(image))
    return replace(space, axes=space.axes[left_out:])


def _read(layer: Image) -> FileSpace:
    """Read it, if the pixels are as the file has them."""
    file = file_of(layer)
    if file is None:
        return FileSpace()
    try:
        named, channels = named_axes(file), channel_names(file)
    except Exception:  # noqa: BLE001 (damage is told of where the image is read)
        return FileSpace()
    if layer.rgb and named and named[-1][0] == "S":
        named.pop()
    if image_shape(layer) != tuple(length for _, length in named):
        return FileSpace()
    axes = known_axes([name.replace("S", "C") for name, _ in named])
    return FileSpace(axes, pixel_size_of(file), channels)


class FileSpaces:
    """Looks up in a thread what the files of images say, so that their axes can be called by it.

    Signals
    -------
    known
        What was looked up last is known from now on: it is in the metadata of the layer.

    Parameters
    ----------
    parent : QObject
    """

    known = Signal()

    def __init__(self, parent: QObject) -> None:
        self._jobs = Jobs(parent)

    def look_up(self, image: Image) -> None:
        """Look up an image's file, unless that was done; a newer image outdates all older ones."""
        if KEY in image.metadata or file_of(image) is None:
            return

        def done(space: FileSpace) -> None:
            space.keep_in(image.metadata)
            if space.axes:
                self.known.emit()

        self._jobs.run("Looking at the file", lambda _: file_space(image), done)

    def close(self) -> None:
        """Stop for good."""
        self._jobs.close()
