"""Labels in the colours of their objects' classes, while that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.colormaps.standardize_color import transform_color

from napari_sam.session.classes import UNSORTED, Classes

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_sam.session import AnnotationSession, Edit


class ClassColours:
    """Gives a Labels layer the colours of classes, and its own ones back.

    Parameters
    ----------
    session : AnnotationSession
    labels : napari.layers.Labels
    """

    def __init__(self, session: AnnotationSession, labels: Labels) -> None:
        self._session, self._labels = session, labels
        self._own = labels.colormap
        self._classes: Classes | None = None
        session.edited.connect(self._edited)

    def close(self) -> None:
        """Stop listening, and give the layer its own colours back."""
        self._session.edited.disconnect(self._edited)
        self.show(None)

    def show(self, classes: Classes | None) -> None:
        """Show the colours of these classes, or the layer's own ones for None."""
        if classes is None and self._classes is None:
            return
        if self._classes is None:
            self._own = self._labels.colormap
        self._classes = classes
        self._labels.colormap = self._own if classes is None else self._colormap(classes)

    def _edited(self, edit: Edit) -> None:
        """Colour anew if an object has another class now, or has gone with its own; others need nothing."""
        before, after = (
            {each.key: each.category for each in side if each.category} for side in (edit.before, edit.after)
        )
        if self._classes is not None and before != after:
            self.show(self._classes)

    def _colormap(self, classes: Classes) -> DirectLabelColormap:
        colours = {name: transform_color(classes.colour(name))[0] for name in classes}
        sorted_ones = {
            each.id: colours[each.category] for each in self._session.store if each.category in colours
        }
        grey = transform_color(UNSORTED)[0]
        return DirectLabelColormap(color_dict={None: grey, 0: np.zeros(4), **sorted_ones})
