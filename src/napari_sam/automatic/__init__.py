"""Masks without prompts, and objects through volumes and time."""

from .asking import instance_masks
from .crops import GridSettings
from .cutting import DenseSettings, Labels, watershed_instances
from .dense import DenseView
from .grid import grid_masks
from .instances import dense_instances
from .painting import paint
from .records import MaskRecord
from .segment import nothing_found, propose, segment_automatically
from .settings import AutomaticSettings
from .stack.link import LinkSettings, label_planes, link_planes, stack_normalization
from .stack.tracks import Tracks, TrackSettings, track_objects
from .stack.volume import correct, propagate
from .stack.volume_object import PlaneMask, VolumeObject
from .stack.walk import PropagateSettings
from .windows.segmenting import Segmented, segment_windows
from .windows.stitch import WindowSettings

__all__ = [
    "AutomaticSettings",
    "DenseSettings",
    "DenseView",
    "GridSettings",
    "Labels",
    "LinkSettings",
    "MaskRecord",
    "PlaneMask",
    "PropagateSettings",
    "Segmented",
    "TrackSettings",
    "Tracks",
    "VolumeObject",
    "WindowSettings",
    "correct",
    "dense_instances",
    "grid_masks",
    "instance_masks",
    "label_planes",
    "link_planes",
    "nothing_found",
    "paint",
    "propagate",
    "propose",
    "segment_automatically",
    "segment_windows",
    "stack_normalization",
    "track_objects",
    "watershed_instances",
]
