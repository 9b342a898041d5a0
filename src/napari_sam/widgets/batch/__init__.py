"""The dock widget "Segment many images"."""
