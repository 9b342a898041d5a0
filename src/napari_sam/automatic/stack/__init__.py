"""Objects through the planes of a volume, and through time."""
