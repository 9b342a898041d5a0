"""Masks without prompts."""

from .grid import GridSettings, grid_masks
from .instances import DenseSettings, dense_instances, watershed_instances
from .records import MaskRecord
from .segment import AutomaticSettings, instance_masks, nothing_found, paint, propose, segment_automatically
from .stitch import WindowSettings
from .windows import Segmented, segment_windows

__all__ = [
    "AutomaticSettings",
    "DenseSettings",
    "GridSettings",
    "MaskRecord",
    "Segmented",
    "WindowSettings",
    "dense_instances",
    "grid_masks",
    "instance_masks",
    "nothing_found",
    "paint",
    "propose",
    "segment_automatically",
    "segment_windows",
    "watershed_instances",
]
