"""Masks without prompts."""

from .instances import DenseSettings, dense_instances, watershed_instances

__all__ = ["DenseSettings", "dense_instances", "watershed_instances"]
