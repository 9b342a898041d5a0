"""Masks without prompts."""

from .grid import GridSettings, grid_masks
from .instances import DenseSettings, dense_instances, watershed_instances
from .records import MaskRecord

__all__ = [
    "DenseSettings",
    "GridSettings",
    "MaskRecord",
    "dense_instances",
    "grid_masks",
    "watershed_instances",
]
