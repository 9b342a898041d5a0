"""One annotation session, without a window: prompts, candidates, committed objects, undo."""

from typing import TYPE_CHECKING

from napari_sam.lazily import names_from

if TYPE_CHECKING:
    from .objects import Edit, Key, Object, Plane, Proposal
    from .session import AnnotationSession
    from .store import ObjectStore

__all__ = ["AnnotationSession", "Edit", "Key", "Object", "ObjectStore", "Plane", "Proposal"]

__getattr__, __dir__ = names_from(
    __name__,
    dict.fromkeys(("Edit", "Key", "Object", "Plane", "Proposal"), "objects")
    | {"AnnotationSession": "session", "ObjectStore": "store"},
)
