"""Segment Anything for microscopy, in napari and in Python.

The public names are imported when they are first used: ``import napari_sam`` itself is quick
and loads neither torch nor napari.
"""

from __future__ import annotations

from napari_sam.lazily import names_from

TYPE_CHECKING = False  # importing typing would take longer than all the rest
if TYPE_CHECKING:
    from typing import Any

    from napari_sam.automatic import segment_automatically
    from napari_sam.errors import NapariSamError
    from napari_sam.predict import Candidates, Embedding, Predictor, Prompts
    from napari_sam.session import AnnotationSession
    from napari_sam.weights import LoadedModel, list_models, load_model

__all__ = [
    "AnnotationSession",
    "Candidates",
    "Embedding",
    "LoadedModel",
    "NapariSamError",
    "Predictor",
    "Prompts",
    "__version__",
    "list_models",
    "load_model",
    "segment_automatically",
]

_get, _names = names_from(
    __name__,
    {
        "AnnotationSession": "session",
        "Candidates": "predict",
        "Embedding": "predict",
        "LoadedModel": "weights",
        "NapariSamError": "errors",
        "Predictor": "predict",
        "Prompts": "predict",
        "list_models": "weights",
        "load_model": "weights",
        "segment_automatically": "automatic",
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-sam-microscopy")
    return _get(name)


def __dir__() -> list[str]:
    return sorted({*_names(), "__version__"})
