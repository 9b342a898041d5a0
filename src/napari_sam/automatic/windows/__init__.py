"""Planes of any size: overlapping windows, joined into labels on disk."""
