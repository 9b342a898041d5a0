"""Looking at the proposal that is clicked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_sam.session import Object

from ..layers.planes import spot_of
from ..prompts.choosing import held_still, shift_only

if TYPE_CHECKING:
    from collections.abc import Generator

    from napari.components import ViewerModel

    from napari_sam.session.review import Review

    from ..annotating.annotation import Annotation
    from .view import ProposalView


class ProposalPicker:
    """Tells which proposal is clicked on, in two ways.

    With Shift, wherever there is neither a candidate nor a committed object, which go first. In a layer of
    proposals, where a click draws nothing, with no key.

    Signals
    -------
    picked : Object
        A proposal was clicked on.

    Parameters
    ----------
    viewer : napari.Viewer
    annotation : Annotation
    review : Review
    view : ProposalView
    """

    picked = Signal(Object)

    def __init__(
        self, viewer: ViewerModel, annotation: Annotation, review: Review, view: ProposalView
    ) -> None:
        self._viewer, self._annotation = viewer, annotation
        self._review, self._view = review, view
        viewer.mouse_drag_callbacks.append(self._clicked)

    def close(self) -> None:
        """Stop listening."""
        self._viewer.mouse_drag_callbacks.remove(self._clicked)

    def _clicked(self, _: Any, event: Any) -> Generator[None, None, None]:
        layer, annotation = self._viewer.layers.selection.active, self._annotation
        more, looking = shift_only(event), layer in self._view.layers and not event.modifiers
        if layer is None or not (more or looking) or annotation.chooser.under(event) is not None:
            return
        spot = spot_of(annotation.writer.labels, self._viewer.dims, event.position)
        found = None if spot is None else self._review.at(*spot)
        if spot is None or found is None or (more and annotation.session.store.at(*spot) is not None):
            return
        if more:
            yield from held_still(layer, event)
            self.picked.emit(found)
        else:
            yield
            if event.type == "mouse_release":  # at once, so that nothing was dragged
                self.picked.emit(found)
