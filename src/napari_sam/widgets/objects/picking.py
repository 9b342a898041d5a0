"""Selecting committed objects on the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..layers.planes import spot_of
from ..prompts.choosing import held_still, shift_only

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari.components import ViewerModel

    from napari_sam.session import ObjectStore, Plane

    from ..annotating.selection import Selection
    from ..layers.label_writer import LabelWriter
    from ..prompts.choosing import Chooser

LOOKING = ("pan_zoom", "pick")
"""Modes of the Labels layer in which a click changes no pixel."""


class Picker:
    """Selects what is clicked on, in two ways, and keeps the Labels layer's own selected label in step.

    With Shift, wherever one is, a click selects one object more, or one less; a candidate that awaits a
    choice goes first. In the Labels layer, where a click draws nothing, it selects one object alone.

    Parameters
    ----------
    viewer : napari.Viewer
    store : ObjectStore
    writer : LabelWriter
    selection : Selection
    chooser : Chooser
    plane : callable
        Gives the plane that is seen now.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        store: ObjectStore,
        writer: LabelWriter,
        selection: Selection,
        chooser: Chooser,
        plane: Callable[[], Plane],
    ) -> None:
        self._viewer, self._store, self._labels = viewer, store, writer.labels
        self._selection, self._chooser, self._plane = selection, chooser, plane
        viewer.mouse_drag_callbacks.append(self._clicked)
        selection.changed.connect(self._show_label)
        self._labels.events.selected_label.connect(self._label_selected)

    def close(self) -> None:
        """Stop listening."""
        self._viewer.mouse_drag_callbacks.remove(self._clicked)
        self._selection.changed.disconnect(self._show_label)
        self._labels.events.selected_label.disconnect(self._label_selected)

    def _clicked(self, _: Any, event: Any) -> Generator[None, None, None]:
        """Select the object under a click, unless the click means something else."""
        layer = self._viewer.layers.selection.active
        # equal rather than the same: napari gives a plugin layers in wrappers, another one each time
        looking = layer == self._labels and layer.mode in LOOKING
        more = shift_only(event)
        if layer is None or self._chooser.under(event) is not None or not (more or looking):
            return
        spot = spot_of(self._labels, self._viewer.dims, event.position)
        found = None if spot is None else self._store.at(*spot)
        if more and found is not None:
            yield from held_still(layer, event)
            self._selection.toggle(found.key)
        elif looking and not event.modifiers:
            yield
            if event.type == "mouse_release":  # at once, so that nothing was dragged
                self._selection.set([] if found is None else [found.key])

    def _show_label(self) -> None:
        """Paint with the label of the selected object, if it is one alone."""
        if len(self._selection.keys) == 1:
            self._labels.selected_label = self._selection.keys[0][0]

    def _label_selected(self) -> None:
        """Select the object whose label is chosen in the Labels layer."""
        key = (int(self._labels.selected_label), self._plane())
        if key in self._store and all(label != key[0] for label, _ in self._selection.keys):
            self._selection.set([key])
