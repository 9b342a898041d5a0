"""What there is of an image's labels before annotation begins, looked up in a worker."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam.errors import ImageError, JournalError
from napari_sam.export.annotated import objects_told
from napari_sam.export.file_space import FileSpace
from napari_sam.export.layers import OBJECTS, TOLD
from napari_sam.session import AnnotationSession
from napari_sam.session.fingerprint import fingerprint
from napari_sam.session.journal.journal import Journal
from napari_sam.session.journal.merging import Merged, merge
from napari_sam.session.journal.place import bring_along, copies_told, journal_path
from napari_sam.settings import config_folder

from ..layers.image_file import beside, file_of, file_space
from ..layers.label_writer import draw_all
from ..layers.planes import alignment, image_shape
from ..layers.pyramid import labels_layer, new_pixels

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Image, Labels

    from napari_sam.session import Plane

    from ..layers.mixed import Mixed

COPIED = 1 << 24
"""Most pixels that are copied at once, which takes up to 50 ms."""


@dataclass(frozen=True, eq=False)
class Earlier:
    """A session with what was committed last time, and where its commits go on being shown and kept.

    Nobody listens to the session yet, so it may be made in any thread.

    Attributes
    ----------
    session : AnnotationSession
    journal : Journal or None
        Open; None if there can be none.
    trouble : str
        Why there is none, in one sentence.
    returned : int
        How many labels are back from the last time; one of several planes counts once.
    merged : Merged
        What became of the labels that are there.
    name : str
        Of the labels: what their journal goes by, and a new Labels layer.
    labels : napari.layers.Labels or None
        One that is there; what it does not show yet is in `merged`.
    pixels : array or None
        Of a layer that is to be made: all objects are drawn in it.
    beside : str
        What to tell of a file that has more images than the one shown; mostly empty.
    space : FileSpace
        What the image's file says of the axes and pixels of the labels.
    """

    session: AnnotationSession
    journal: Journal | None
    trouble: str
    returned: int
    merged: Merged
    name: str
    labels: Labels | None
    pixels: Any
    beside: str = ""
    space: FileSpace = field(default_factory=FileSpace)

    @classmethod
    def of(
        cls, image: Image | Mixed, labels: Labels | None, name: str, plane: Plane, shown: Any = None
    ) -> Earlier:
        """Look for earlier work on an image and its labels.

        Parameters
        ----------
        image : napari.layers.Image or Mixed
        labels : napari.layers.Labels or None
            None for a new layer.
        name : str
            Of the labels, which tells several label images of one image apart.
        plane : tuple of int
            Which is seen: labels that are there become objects at once.
        shown : (..., Y, X) int, optional
            What the labels show, as `as_now` gives it; else what they will when they are read.

        Raises
        ------
        ImageError
            If there are labels that are too high to be counted on from.
        """
        session = AnnotationSession(author=user_name())
        journal, trouble = _opened(image, name)
        if journal is not None:
            journal.follow(session)
        back = {each.id for each in session.objects}
        pixels, merged = None, Merged([], {}, {plane})
        try:
            if labels is None:
                pixels = _drawn(session, image)
            else:
                merged = _taken_over(session, labels, labels.data if shown is None else shown, plane, journal)
        except Exception:
            if journal is not None:
                journal.close()
            raise
        returned = len(back & {each.id for each in session.objects})
        told = beside(image), file_space(image)
        return cls(session, journal, trouble, returned, merged, name, labels, pixels, *told)

    def close(self) -> None:
        """Let others open the journal, where nobody goes on with this."""
        if self.journal is not None:
            self.journal.close()


def layer_of(earlier: Earlier, image: Image | Mixed, dims: Dims) -> Labels:
    """Return the layer that shows the labels of earlier work; a new one is not in the viewer yet."""
    labels = earlier.labels
    if labels is None:
        options = {"name": earlier.name, "opacity": 0.5, **alignment(image, dims)}
        labels = labels_layer(earlier.pixels, **options)
    earlier.space.keep_in(labels.metadata)  # for whoever saves the layer
    return labels


def _drawn(session: AnnotationSession, image: Image | Mixed) -> Any:
    """Return new labels of an image, with all objects of a session."""
    pixels = new_pixels(image_shape(image))
    draw_all(session.store, pixels)
    return pixels


def as_now(labels: Labels) -> Any:
    """Return what labels show now, whoever paints on meanwhile; without a copy where that would take long."""
    pixels = labels.data
    return pixels.copy() if isinstance(pixels, np.ndarray) and pixels.size <= COPIED else pixels


def _taken_over(
    session: AnnotationSession, labels: Labels, shown: Any, plane: Plane, journal: Journal | None
) -> Merged:
    """Let a session go on with labels that are there, and with what was drawn and painted into them."""
    highest = int(np.max(shown)) if shown.size else 0
    if highest >= np.iinfo(np.int64).max:
        raise ImageError(
            f"The Labels layer {labels.name!r} goes up to {highest}, and no label can follow; number its"
            " labels anew, or choose a new Labels layer."
        )
    session.reserve(highest)
    record = None if journal is None else journal.record
    told = objects_told(labels.metadata[TOLD], shown) if TOLD in labels.metadata else None
    return merge(session, shown, plane, labels.metadata.get(OBJECTS), record, told)


def _opened(image: Image | Mixed, name: str) -> tuple[Journal | None, str]:
    """Return the journal of an image and its labels, or why there is none."""
    path, pixels = file_of(image), getattr(image, "pixels", "") or fingerprint(image.data)
    key, users = str(path or f"{image.name} {pixels.split('/')[0]}"), config_folder() / "journals"
    try:
        where = journal_path(path, key, name, users, pixels)
        told = [bring_along(where, path, name, users, pixels) if path else "", copies_told(where)]
        journal = Journal(where, image_shape(image), path, pixels)
    except JournalError as error:
        return None, f"{error} Until then, commits are not kept on disk."
    except OSError as error:
        why = f"The journal's folder could not be looked into ({error}), so commits are not kept on disk"
        return None, f"{why}; see who may read and write there, and save the labels."
    journal.notice = " ".join(filter(None, (*told, journal.notice)))
    return journal, ""


def user_name() -> str:
    """Return the name of who is logged in; empty where nobody is."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
