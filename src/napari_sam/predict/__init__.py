"""An image embedding, prompts and candidates; numpy in, numpy out."""

from typing import TYPE_CHECKING

from napari_sam.lazily import names_from

if TYPE_CHECKING:
    from .candidates import Candidate, Candidates
    from .embedding import Embedding
    from .frames import Frame
    from .image import Normalization
    from .predictor import Predictor
    from .prompts import MaskPrompt, Prompts
    from .window import PlaneWindow, window_around

__all__ = [
    "Candidate",
    "Candidates",
    "Embedding",
    "Frame",
    "MaskPrompt",
    "Normalization",
    "PlaneWindow",
    "Predictor",
    "Prompts",
    "window_around",
]

__getattr__, __dir__ = names_from(
    __name__,
    {
        "Candidate": "candidates",
        "Candidates": "candidates",
        "Embedding": "embedding",
        "Frame": "frames",
        "MaskPrompt": "prompts",
        "Normalization": "image",
        "PlaneWindow": "window",
        "Predictor": "predictor",
        "Prompts": "prompts",
        "window_around": "window",
    },
)
