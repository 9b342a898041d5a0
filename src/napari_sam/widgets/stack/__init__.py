"""Objects through planes and time."""
