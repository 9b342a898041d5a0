"""Masks without prompts."""

from .grid import GridSettings, grid_masks
from .instances import DenseSettings, dense_instances, watershed_instances
from .records import MaskRecord
from .segment import AutomaticSettings, instance_masks, nothing_found, paint, propose, segment_automatically

__all__ = [
    "AutomaticSettings",
    "DenseSettings",
    "GridSettings",
    "MaskRecord",
    "dense_instances",
    "grid_masks",
    "instance_masks",
    "nothing_found",
    "paint",
    "propose",
    "segment_automatically",
    "watershed_instances",
]
