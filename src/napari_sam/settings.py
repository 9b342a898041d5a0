"""What the plugin remembers of a person between sessions: small JSON files in their config folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import platformdirs

from .files.writing import write_text


def config_folder() -> Path:
    """Return the folder of this person's settings; the variable NAPARI_SAM_CONFIG names another."""
    return Path(os.environ.get("NAPARI_SAM_CONFIG") or platformdirs.user_config_path("napari-sam-microscopy"))


def read_settings(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing if it is not there or cannot be read, since defaults do as well."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write_settings(path: Path, values: dict[str, Any]) -> None:
    """Replace a file in one step.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(values, indent=2) + "\n", shared=True)
