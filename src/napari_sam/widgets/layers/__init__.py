"""Layers of napari: where they lie, what they show, and labels written into them."""
