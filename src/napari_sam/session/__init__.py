"""One annotation session, without a window: prompts, candidates, committed objects, undo."""

from .objects import Object, Plane, Proposal
from .session import AnnotationSession

__all__ = ["AnnotationSession", "Object", "Plane", "Proposal"]
