"""One annotation session, without a window: prompts, candidates, committed objects, undo."""

from .objects import Edit, Key, Object, Plane, Proposal
from .session import AnnotationSession
from .store import ObjectStore

__all__ = ["AnnotationSession", "Edit", "Key", "Object", "ObjectStore", "Plane", "Proposal"]
