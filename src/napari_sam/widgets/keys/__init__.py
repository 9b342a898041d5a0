"""Keys: which ones there are, and what is done when they are pressed."""
