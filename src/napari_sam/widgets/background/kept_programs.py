"""A way around a crash of vispy when layers are removed."""

from __future__ import annotations

from typing import Any

from vispy.gloo import glir


def keep_programs() -> None:
    """Let vispy delete no program of what it draws; calling this again changes nothing.

    It deletes those of a layer that is removed. With some graphics drivers, and with Mesa's software, a
    later drawing then reads memory that went with them, and napari ends without a word: after Stop, for
    one, as soon as the image below the labels is removed (github.com/vispy/vispy/issues/1611,
    napari/napari/issues/6472 and 8471). A program takes some kilobytes; the pictures and buffers that it
    drew are freed as before.
    """
    glir.GlirProgram.delete = _kept


def _kept(program: Any) -> None:
    """Stay, in place of being deleted; all go with the window."""
