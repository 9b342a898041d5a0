"""The Segment Anything network, in torch alone; here coordinates are (x, y) in input pixels."""

from .candidate_rating import CandidateRating
from .config import (
    CELL_TINY,
    CONFIGS,
    VIT_B,
    VIT_H,
    VIT_L,
    VIT_T,
    ConvConfig,
    DecoderConfig,
    SamConfig,
    TinyViTConfig,
    ViTConfig,
)
from .features import Features
from .precision import keep_in
from .sam import Sam

__all__ = [
    "CELL_TINY",
    "CONFIGS",
    "VIT_B",
    "VIT_H",
    "VIT_L",
    "VIT_T",
    "CandidateRating",
    "ConvConfig",
    "DecoderConfig",
    "Features",
    "Sam",
    "SamConfig",
    "TinyViTConfig",
    "ViTConfig",
    "keep_in",
]
