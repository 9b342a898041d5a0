"""An image embedding, prompts and candidates; numpy in, numpy out."""

from __future__ import annotations

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
