"""Generated microscopy: scenes with nested truth, varied far beyond any set of photographs."""

from .scenes import Scene, scene

__all__ = ["Scene", "scene"]
