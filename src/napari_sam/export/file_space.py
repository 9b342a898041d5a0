"""What an image's file says of its axes and pixels, where napari's own reader passes it over."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any

from napari_sam.files.pixel_size import PixelSize

KEY = "napari-sam file space"
"""Where the metadata of an image layer, and of its labels, hold it."""


@dataclass(frozen=True)
class FileSpace:
    """Axes, pixel size and channels of an image.

    Attributes
    ----------
    axes : str
        A letter an axis, of t, c, z, y and x; empty if they are not named.
    size : PixelSize, optional
        None if it is not known.
    channels : tuple of str
        Their names; empty if not all have one.
    """

    axes: str = ""
    size: PixelSize | None = None
    channels: tuple[str, ...] = ()

    @classmethod
    def kept_in(cls, metadata: Mapping[str, Any]) -> FileSpace:
        """Return what a layer's metadata say; nothing if its file was not looked at."""
        kept = metadata.get(KEY)
        if kept is None:
            return cls()
        size = kept["size"]
        return cls(kept["axes"], None if size is None else PixelSize(**size), tuple(kept["channels"]))

    def keep_in(self, metadata: MutableMapping[str, Any]) -> None:
        """Put it into a layer's metadata, as plain values: other plugins may write these into files."""
        metadata[KEY] = {**asdict(self), "channels": list(self.channels)}
