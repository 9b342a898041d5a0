"""What Start needs, made ready in a worker while a person looks at the dock."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_sam.weights import ModelEntry

    from .background.jobs import Job


def known_models(_: Job) -> tuple[ModelEntry, ...]:
    """Run in the worker, where all that Start needs is made ready too: with torch, it takes seconds."""
    from napari_sam.weights import list_models

    from .annotating import annotation, fitting  # noqa: F401
    from .objects import objects, saving  # noqa: F401
    from .proposals import reviewing  # noqa: F401
    from .stack import stack  # noqa: F401

    _first_labels()
    return list_models()


def _first_labels() -> None:
    """Compute what napari keeps for all Labels layers with the first one: a tenth of a second of its window.

    That is pandas and colours; and the dashes of its polygon, whose patterns vispy keeps.
    """
    from napari.layers import Labels

    Labels(np.zeros((1, 1), np.int32))
    with suppress(ImportError):  # it is vispy's own matter where it has them
        from vispy.visuals.line.dash_atlas import DashAtlas

        DashAtlas()
