"""The command ``napari-sam``; each module beside this one is one command."""

from __future__ import annotations

from .main import main

__all__ = ["main"]
